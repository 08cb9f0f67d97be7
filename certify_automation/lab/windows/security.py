"""Security descriptors: SDDL text <-> the self-relative bytes Windows keeps (MS-DTYP 2.4.6, 2.5.1)."""

from __future__ import annotations

import re
import struct

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.win32 import Win32Error

ALIASES = {
    "AN": "S-1-5-7", "AU": "S-1-5-11", "BA": "S-1-5-32-544", "BG": "S-1-5-32-546", "BU": "S-1-5-32-545",
    "CO": "S-1-3-0", "IU": "S-1-5-4", "LS": "S-1-5-19", "NS": "S-1-5-20", "NU": "S-1-5-2", "OW": "S-1-3-4",
    "PU": "S-1-5-32-547", "SU": "S-1-5-6", "SY": "S-1-5-18", "WD": "S-1-1-0",
}  # fmt: skip
"""Trustees that SDDL names by two letters, of those that do not depend on a domain."""

GENERIC_EXECUTE = 0x20000000
GENERIC_ALL = 0x10000000
_RIGHTS = {
    "GA": GENERIC_ALL, "GX": GENERIC_EXECUTE, "GW": 0x40000000, "GR": 0x80000000,
    "CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100,
    "SD": 0x10000, "RC": 0x20000, "WD": 0x40000, "WO": 0x80000,
    "FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0,
}  # fmt: skip
_SINGLE = (
    "CC", "DC", "LC", "SW", "RP", "WP", "DT", "LO", "CR", "GA", "GX", "GW", "GR", "SD", "RC", "WD", "WO",
)  # fmt: skip
_TYPES = {"A": 0, "D": 1}
_FLAGS = {"OI": 0x01, "CI": 0x02, "NP": 0x04, "IO": 0x08, "ID": 0x10}
_DACL = re.compile(r"D:(?P<flags>P|AI|PAI|AR)?(?P<aces>(\([^()]*\))*)\Z")
_OWNED = re.compile(r"(?:O:(?:[A-Z]{2}|S-[0-9-]+))?(?:G:(?:[A-Z]{2}|S-[0-9-]+))?")
_SID = re.compile(r"S-1-(?P<authority>\d+)(?P<rest>(-\d+)+)\Z")
_HEADER = struct.Struct("<BBHIIII")
_DACL_PRESENT_SELF_RELATIVE = 0x8004
_ACL_REVISION = 2


def pack_sid(text: str) -> bytes:
    """The bytes of a SID given as `S-1-…` or as an SDDL alias; raises Win32Error 87."""
    match = _SID.match(ALIASES.get(text, text))
    if match is None:
        raise Win32Error(win32.INVALID_PARAMETER, text)
    parts = [int(part) for part in match["rest"].split("-")[1:]]
    return bytes([1, len(parts)]) + int(match["authority"]).to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)


def unpack_sid(data: bytes) -> str:
    """`S-1-…` of the SID these bytes begin with."""
    count, authority = data[1], int.from_bytes(data[2:8], "big")
    parts = struct.unpack_from(f"<{count}I", data, 8)
    return "-".join(["S-1", str(authority), *map(str, parts)])


def to_bytes(sddl: str) -> bytes:
    """The self-relative descriptor http.sys keeps for this SDDL text: its DACL alone, generic rights unmapped.

    Raises:
        Win32Error: 87, as ConvertStringSecurityDescriptorToSecurityDescriptor says of a text it cannot read.
    """
    owned = _OWNED.match(sddl)
    match = _DACL.match(sddl[owned.end() :] if owned else sddl)
    if match is None:
        raise Win32Error(win32.INVALID_PARAMETER, sddl)
    aces = [_ace(text) for text in re.findall(r"\(([^()]*)\)", match["aces"])]
    size = 8 + sum(map(len, aces))
    acl = struct.pack("<BBHHH", _ACL_REVISION, 0, size, len(aces), 0) + b"".join(aces)
    return _HEADER.pack(1, 0, _DACL_PRESENT_SELF_RELATIVE, 0, 0, 0, _HEADER.size) + acl


def from_bytes(data: bytes) -> str:
    """The DACL of a descriptor as Windows writes it in SDDL: aliases where there are some, rights by name."""
    return "D:" + "".join(
        f"({kind};{flags};{_rights_text(mask)};;;{_alias(sid)})" for kind, flags, mask, sid in entries(data)
    )


def entries(data: bytes) -> tuple[tuple[str, str, int, str], ...]:
    """The entries of a descriptor's DACL: `A` or `D`, flags, mask, SID; raises Win32Error 87 for damaged bytes."""
    try:
        offset = _HEADER.unpack_from(data)[6]
        count = struct.unpack_from("<BBHHH", data, offset)[3]
        found = []
        at = offset + 8
        for _ in range(count):
            kind, flags, size, mask = struct.unpack_from("<BBHI", data, at)
            letters = "".join(name for name, bit in _FLAGS.items() if flags & bit)
            found.append(("A" if kind == 0 else "D", letters, mask, unpack_sid(data[at + 8 : at + size])))
            at += size
    except (struct.error, IndexError) as error:
        raise Win32Error(win32.INVALID_PARAMETER) from error
    return tuple(found)


def _ace(text: str) -> bytes:
    parts = text.split(";")
    if len(parts) != 6 or parts[0] not in _TYPES or parts[3] or parts[4]:  # noqa: PLR2004 - an ACE has six fields
        raise Win32Error(win32.INVALID_PARAMETER, text)
    flags = 0
    for letters in re.findall("..", parts[1]):
        flags |= _FLAGS.get(letters, 0)
    sid = pack_sid(parts[5])
    return struct.pack("<BBHI", _TYPES[parts[0]], flags, 8 + len(sid), _mask(parts[2])) + sid


def _mask(text: str) -> int:
    if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", text):
        return int(text, 16)
    names = re.findall("..", text)
    if len(text) % 2 or not names or any(name not in _RIGHTS for name in names):
        raise Win32Error(win32.INVALID_PARAMETER, text)
    mask = 0
    for name in names:
        mask |= _RIGHTS[name]
    return mask


def _rights_text(mask: int) -> str:
    for name, bits in _RIGHTS.items():
        if mask == bits:
            return name
    names = [name for name in _SINGLE if mask & _RIGHTS[name]]
    covered = sum(_RIGHTS[name] for name in names)
    return "".join(names) if covered == mask else f"0x{mask:x}"


def _alias(sid: str) -> str:
    return next((alias for alias, value in ALIASES.items() if value == sid), sid)
