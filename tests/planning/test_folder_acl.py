from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.model.folder_acl import ADMINISTRATORS, SYSTEM, everybody, folder_acl

KEPT = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"


@pytest.mark.parametrize(
    ("sddl", "groups"),
    [
        (KEPT, ()),
        ("O:BAG:SYD:PAI(A;OICI;FA;;;SY)S:AI(AU;SAFA;FA;;;WD)", ()),
        ("D:(A;;FR;;;BU)", ("Users",)),
        ("D:(A;;FR;;;S-1-5-32-545)(A;ID;FR;;;BU)", ("Users",)),
        ("d:(a;;fr;;;wd)".upper(), ("Everyone",)),
        (
            "D:(A;;FR;;;AU)(A;;FR;;;AN)(A;;FR;;;BG)(A;;FR;;;IU)(A;;FR;;;NU)",
            ("Authenticated Users", "ANONYMOUS LOGON", "Guests", "INTERACTIVE", "NETWORK"),
        ),
        ("D:(D;;FA;;;WD)", ()),
        ("D:NO_ACCESS_CONTROL", ("Everyone",)),
        ("D:", ()),
        (
            "D:(A;;FR;;;S-1-5-14)(A;;FR;;;S-1-5-113)(A;;FR;;;S-1-15-2-1)",
            ("REMOTE INTERACTIVE LOGON", "Local account", "ALL APPLICATION PACKAGES"),
        ),
        ("D:(A;;FA;;;S-1-5-21-1-2-3-513)(A;;FA;;;S-1-5-21-9-8-7-514)", ("Domain Users", "Domain Guests")),
        ("D:(A;;FA;;;DU)(A;;FA;;;DG)", ("Domain Users", "Domain Guests")),
        ("D:(A;;FA;;;S-1-5-21-1-2-3-512)(A;;FA;;;S-1-5-21-1-2-3-1513)(A;;FA;;;LA)(A;;FA;;;PU)(A;;FA;;;S-1-5-114)", ()),
    ],
)
def test_who_it_is_open_to(sddl: str, groups: tuple[str, ...]) -> None:
    assert folder_acl(sddl).open_to() == groups


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        (KEPT, "D:PAI(A;CIOI;0x1f01ff;;;S-1-5-32-544)(A;OICI;FA;;;S-1-5-18)", True),
        (KEPT, "D:(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", False),
        (KEPT, "D:P(A;OICI;FR;;;SY)(A;OICI;FA;;;BA)", False),
        (KEPT, "D:P(A;OI;FA;;;SY)(A;OICI;FA;;;BA)", False),
        (KEPT, "D:P(D;OICI;FA;;;SY)(A;OICI;FA;;;BA)", False),
        ("D:AI(A;ID;FA;;;SY)(A;;FR;;;BU)", "D:(A;;FR;;;BU)(A;ID;FA;;;WD)", True),
        ("D:NO_ACCESS_CONTROL", "D:", False),
    ],
)
def test_lists_are_compared_by_what_they_grant(found: str, wanted: str, *, same: bool) -> None:
    assert folder_acl(found).same_as(folder_acl(wanted)) is same


@pytest.mark.parametrize(
    "sddl",
    [
        "",
        "O:BAG:BA",
        "D:(A;;FA;;;SY",
        "D:(A;;FA;;SY)",
        "D:(A;;QQ;;;SY)",
        "D:(OA;;FA;1;;SY)",
        "D:(A;;FA;1;;SY)",
        "D:(XA;;FA;;;SY;(a))",
        "D:X(A;;FA;;;SY)",
    ],
)
def test_other_texts_are_no_lists(sddl: str) -> None:
    with pytest.raises(ValueError, match=r"list|entry|right"):
        folder_acl(sddl)


ENTRIES = st.builds(
    "({};{};{};;;{})".format,
    st.sampled_from("AD"),
    st.sampled_from(["", "OICI", "OICIID", "OICIIO", "CIID", "ID"]),
    st.sampled_from(["FA", "FR", "0x1200a9", "GA"]),
    st.sampled_from(["SY", "BA", "BU", "WD", "AU", "CO", "S-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-513"]),
)


@given(st.lists(ENTRIES, max_size=6), st.sampled_from(["D:", "D:P", "D:AI", "D:PAI"]))
def test_a_restricted_list_is_closed_to_everybody_and_keeps_the_rest(entries: list[str], start: str) -> None:
    found = folder_acl(start + "".join(entries))
    closed = folder_acl(found.restricted([SYSTEM, ADMINISTRATORS]))
    assert closed.protected
    assert closed.open_to() == ()
    assert closed.grants_all_to(SYSTEM)
    assert closed.grants_all_to(ADMINISTRATORS)
    assert not any(entry.inherited for entry in closed.entries)
    meanings = {entry.meaning for entry in closed.entries}
    assert all(e.meaning in meanings for e in found.entries if not (e.allow and everybody(e.sid)))
    kinds = [entry.allow for entry in closed.entries]
    assert kinds == sorted(kinds)
    assert folder_acl(closed.restricted([SYSTEM, ADMINISTRATORS])).same_as(closed)
