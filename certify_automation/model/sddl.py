"""Security descriptors compared by what they grant: trustee SID and access mask, never by their text.

Formats: [MS-DTYP] 2.4.2 (SID), 2.4.4 (ACE), 2.4.5 (ACL), 2.4.6 (self-relative SECURITY_DESCRIPTOR) and the Windows
page "Security Descriptor String Format". URL reservations hold a discretionary ACL and nothing else.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Well-known trustees of SDDL that are the same on every machine; domain-relative ones (DA, LA, ...) are not among them.
_ALIASES = {
    "WD": "S-1-1-0",
    "CO": "S-1-3-0",
    "CG": "S-1-3-1",
    "OW": "S-1-3-4",
    "NU": "S-1-5-2",
    "IU": "S-1-5-4",
    "SU": "S-1-5-6",
    "AN": "S-1-5-7",
    "ED": "S-1-5-9",
    "PS": "S-1-5-10",
    "AU": "S-1-5-11",
    "RC": "S-1-5-12",
    "SY": "S-1-5-18",
    "LS": "S-1-5-19",
    "NS": "S-1-5-20",
    "BA": "S-1-5-32-544",
    "BU": "S-1-5-32-545",
    "BG": "S-1-5-32-546",
    "PU": "S-1-5-32-547",
    "AO": "S-1-5-32-548",
    "SO": "S-1-5-32-549",
    "PO": "S-1-5-32-550",
    "BO": "S-1-5-32-551",
    "RE": "S-1-5-32-552",
    "RU": "S-1-5-32-554",
    "RD": "S-1-5-32-555",
    "NO": "S-1-5-32-556",
    "IS": "S-1-5-32-568",
    "RM": "S-1-5-32-580",
    "AC": "S-1-15-2-1",
}
_ALIAS_OF = {sid: alias for alias, sid in _ALIASES.items()}

_RIGHTS = {
    "GA": 0x10000000,
    "GX": 0x20000000,
    "GW": 0x40000000,
    "GR": 0x80000000,
    "RC": 0x00020000,
    "SD": 0x00010000,
    "WD": 0x00040000,
    "WO": 0x00080000,
    "FA": 0x001F01FF,
    "FR": 0x00120089,
    "FW": 0x00120116,
    "FX": 0x001200A0,
    "KA": 0x000F003F,
    "KR": 0x00020019,
    "KW": 0x00020006,
    "KX": 0x00020019,
    "CC": 0x00000001,
    "DC": 0x00000002,
    "LC": 0x00000004,
    "SW": 0x00000008,
    "RP": 0x00000010,
    "WP": 0x00000020,
    "DT": 0x00000040,
    "LO": 0x00000080,
    "CR": 0x00000100,
}
_GENERIC = tuple(name for name in ("GA", "GR", "GW", "GX"))

_ALLOW, _DENY = 0, 1
_DACL_PRESENT = 0x0004
_ACE_HEADER, _SID_HEADER, _DESCRIPTOR_HEADER, _ACL_HEADER = 8, 8, 20, 8

_DACL = re.compile(r"D:(?P<flags>(?:P|AR|AI)*)(?P<entries>(?:\([^()]*\))*)")
_OTHER_PARTS = re.compile(r"(?:O:[^:]*?)?(?:G:[^:]*?)?(?=D:)")
_SID = re.compile(r"S-1-(0x[0-9A-F]+|\d+)((?:-\d+)+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One entry of a discretionary ACL: who (SID as `S-1-…`), what (32-bit access mask), granted or denied."""

    allow: bool
    sid: str
    mask: int


def sid_of(text: str) -> str:
    """The SID of an SDDL trustee: `SY` and `S-1-5-18` are the same one.

    Raises:
        ValueError: neither a SID nor an alias that is the same on every machine.
    """
    if text.upper() in _ALIASES:
        return _ALIASES[text.upper()]
    match = _SID.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a SID or a well-known trustee")
    return f"S-1-{int(match[1], 0)}{match[2]}"


def mask_of(text: str) -> int:
    """The access mask of the rights in an SDDL entry: `FA`, `GRGX`, `0x1200a9`.

    Raises:
        ValueError: an unknown right.
    """
    if text[:1].isdigit():
        return int(text, 0) & 0xFFFFFFFF
    mask = 0
    for start in range(0, len(text), 2):
        name = text[start : start + 2].upper()
        if name not in _RIGHTS:
            raise ValueError(f"{name!r} is not an access right")
        mask |= _RIGHTS[name]
    return mask


def _entry(text: str) -> AccessEntry:
    fields = [field.strip() for field in text.split(";")]
    if len(fields) != 6:  # noqa: PLR2004 - type;flags;rights;object;inherited object;trustee
        raise ValueError(f"({text}) does not have six fields")
    kind, flags, rights, object_type, inherited_type, trustee = fields
    if kind.upper() not in {"A", "D"} or flags or object_type or inherited_type:
        raise ValueError(f"({text}) is not a plain allow (A) or deny (D) entry")
    return AccessEntry(kind.upper() == "A", sid_of(trustee), mask_of(rights))


def parse_sddl(text: str) -> frozenset[AccessEntry]:
    """The access entries of an SDDL text such as `D:(A;;GX;;;SY)`; owner and group are ignored.

    Raises:
        ValueError: no DACL, an entry that is not plain allow or deny, or an unknown trustee or right.
    """
    other = _OTHER_PARTS.match(text.strip())
    match = _DACL.fullmatch(text.strip()[other.end() if other else 0 :])
    if not match:
        raise ValueError(f"{text!r} does not have the form D:(A;;GX;;;TRUSTEE)")
    return frozenset(_entry(entry) for entry in re.findall(r"\(([^()]*)\)", match["entries"]))


def _binary_sid(data: bytes, at: int) -> str:
    revision, count = data[at], data[at + 1]
    if revision != 1:
        raise ValueError(f"unknown SID revision {revision}")
    authority = int.from_bytes(data[at + 2 : at + _SID_HEADER], "big")
    parts = struct.unpack_from(f"<{count}I", data, at + _SID_HEADER)
    return "-".join(["S-1", str(authority), *map(str, parts)])


def _binary_entries(data: bytes) -> Iterator[AccessEntry]:
    revision, control, dacl = struct.unpack_from("<BxH12xI", data)
    if revision != 1:
        raise ValueError(f"unknown security descriptor revision {revision}")
    if not control & _DACL_PRESENT or not dacl:
        yield AccessEntry(allow=True, sid=_ALIASES["WD"], mask=_RIGHTS["GA"])  # no ACL at all denies nobody anything
        return
    _, count = struct.unpack_from("<2xHH2x", data, dacl)
    at = dacl + _ACL_HEADER
    for _ in range(count):
        kind, _flags, size, mask = struct.unpack_from("<BBHI", data, at)
        if kind not in {_ALLOW, _DENY} or size < _ACE_HEADER:
            raise ValueError(f"unknown access entry type {kind}")
        yield AccessEntry(kind == _ALLOW, _binary_sid(data, at + _ACE_HEADER), mask)
        at += size


def _entries(descriptor: bytes) -> tuple[AccessEntry, ...]:
    try:
        return tuple(_binary_entries(descriptor))
    except (struct.error, IndexError) as error:
        raise ValueError(f"the security descriptor ends early ({len(descriptor)} bytes)") from error


def parse_descriptor(descriptor: bytes) -> frozenset[AccessEntry]:
    """The access entries of a self-relative binary security descriptor.

    Without an ACL (or with a null one) everyone may do everything, and that is what is returned.

    Raises:
        ValueError: not a descriptor, cut short, or with entries other than plain allow and deny.
    """
    return frozenset(_entries(descriptor))


def _rights_text(mask: int) -> str:
    generic = "".join(name for name in _GENERIC if mask & _RIGHTS[name])
    return generic if mask == mask_of(generic) and generic else f"0x{mask:x}"


def sddl_of(descriptor: bytes) -> str:
    """The SDDL text that gives a reservation this descriptor again, entries in their own order.

    Raises:
        ValueError: as parse_descriptor.
    """
    entries = (
        f"({'A' if e.allow else 'D'};;{_rights_text(e.mask)};;;{_ALIAS_OF.get(e.sid, e.sid)})"
        for e in _entries(descriptor)
    )
    return "D:" + "".join(entries)
