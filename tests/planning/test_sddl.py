from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.model.sddl import AccessEntry, parse_descriptor, parse_sddl, sddl_of
from planning.descriptors import binary

# What http.sys stores for D:(A;;GX;;;WD).
EVERYONE_REGISTERS = bytes.fromhex(
    "010004800000000000000000000000001400000002001C0001000000000014000000002001010000000000 0100000000"
)


def test_the_bytes_http_sys_stores_are_what_the_text_says() -> None:
    assert len(EVERYONE_REGISTERS) == 48
    assert parse_descriptor(EVERYONE_REGISTERS) == parse_sddl("D:(A;;GX;;;WD)")
    assert parse_descriptor(EVERYONE_REGISTERS) == {AccessEntry(allow=True, sid="S-1-1-0", mask=0x20000000)}
    assert sddl_of(EVERYONE_REGISTERS) == "D:(A;;GX;;;WD)"
    assert binary([AccessEntry(allow=True, sid="S-1-1-0", mask=0x20000000)]) == EVERYONE_REGISTERS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("D:(A;;GX;;;SY)", "D:(A;;0x20000000;;;S-1-5-18)"),
        ("D:(A;;GX;;;SY)", "d:(a;;gx;;;sy)".upper()),
        ("D:(A;;GA;;;BA)", "D:(A;;268435456;;;S-1-5-32-544)"),
        ("D:(A;;GX;;;LS)(A;;GX;;;BU)", "D:(A;;GX;;;BU)(A;;GX;;;LS)"),
        ("D:(A;;GXGW;;;AU)", "D:(A;;0x60000000;;;AU)"),
        ("O:SYG:BAD:(A;;GX;;;NS)", "D:(A;;GX;;;NS)"),
        ("D:PAI(A;;GX;;;IU)", "D:(A;;GX;;;IU)"),
        ("D:(A;;GX;;;S-1-0x5-18)", "D:(A;;GX;;;SY)"),
        ("D:", "D:P"),
    ],
)
def test_spellings_of_the_same_rights_are_equal(one: str, other: str) -> None:
    assert parse_sddl(one) == parse_sddl(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("D:(A;;GX;;;SY)", "D:(A;;GA;;;SY)"),
        ("D:(A;;GX;;;SY)", "D:(A;;GX;;;BA)"),
        ("D:(A;;GX;;;SY)", "D:(D;;GX;;;SY)"),
        ("D:(A;;GX;;;SY)", "D:(A;;GX;;;SY)(A;;GX;;;BA)"),
        ("D:(A;;GX;;;SY)", "D:(A;;FX;;;SY)"),
    ],
)
def test_other_rights_are_not(one: str, other: str) -> None:
    assert parse_sddl(one) != parse_sddl(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(A;;GX;;;SY)",
        "D:(A;;GX;;;DOMAIN\\me)",
        "D:(A;;GX;;;ZZ)",
        "D:(A;;XX;;;SY)",
        "D:(A;;GX;;SY)",
        "D:(A;CI;GX;;;SY)",
        "D:(OA;;GX;;;SY)",
        "D:(A;;GX;;;SY",
        "D:(A;;0xZZ;;;SY)",
        "D:NO_ACCESS_CONTROL",
        "S:(AU;;GX;;;SY)",
    ],
)
def test_what_is_not_such_a_descriptor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_sddl(text)


@pytest.mark.parametrize("length", [0, 1, 19, 24, 30, 40, 47])
def test_a_descriptor_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_descriptor(EVERYONE_REGISTERS[:length])


def test_an_unknown_trustee_keeps_its_sid() -> None:
    sid = "S-1-5-80-569256582-2953403351-2909559716-1301513147-412116970"
    assert sddl_of(binary([AccessEntry(allow=True, sid=sid, mask=0x20000000)])) == f"D:(A;;GX;;;{sid})"


def test_without_an_acl_everyone_may_do_everything() -> None:
    nothing = struct.pack("<BxHIIII", 1, 0x8000, 0, 0, 0, 0)
    assert parse_descriptor(nothing) == parse_sddl("D:(A;;GA;;;WD)")


ENTRIES = st.lists(
    st.builds(
        AccessEntry,
        st.booleans(),
        st.builds(
            lambda authority, parts: "-".join(["S-1", str(authority), *map(str, parts)]),
            st.integers(0, 2**48 - 1),
            st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15),
        )
        | st.sampled_from(["S-1-1-0", "S-1-5-18", "S-1-5-32-544", "S-1-5-20"]),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=5,
)


@given(ENTRIES)
def test_the_text_for_an_undo_says_what_the_bytes_say(entries: list[AccessEntry]) -> None:
    assert parse_descriptor(binary(entries)) == frozenset(entries)
    assert parse_sddl(sddl_of(binary(entries))) == frozenset(entries)
