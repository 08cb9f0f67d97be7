"""Binary security descriptors, as http.sys keeps them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from certify_automation.model.sddl import AccessEntry, parse_sddl


def binary(entries: Iterable[AccessEntry]) -> bytes:
    """A self-relative descriptor with this DACL, as RawSecurityDescriptor writes it."""
    aces, count = b"", 0
    for entry in entries:
        authority, *parts = (int(part) for part in entry.sid.split("-")[2:])
        sid = bytes([1, len(parts)]) + authority.to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)
        aces += struct.pack("<BBHI", 0 if entry.allow else 1, 0, 8 + len(sid), entry.mask) + sid
        count += 1
    acl = struct.pack("<BxHHxx", 2, 8 + len(aces), count) + aces
    return struct.pack("<BxHIIII", 1, 0x8004, 0, 0, 0, 20) + acl


def descriptor(sddl: str) -> bytes:
    """The descriptor that this SDDL makes."""
    return binary(sorted(parse_sddl(sddl), key=lambda entry: (entry.sid, entry.mask)))
