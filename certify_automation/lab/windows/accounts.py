"""Accounts of a simulated computer: the SID of the one a service runs as."""

from __future__ import annotations

import hashlib
import struct

_BUILT_IN = {
    "localsystem": "S-1-5-18",
    "nt authority\\system": "S-1-5-18",
    "nt authority\\localservice": "S-1-5-19",
    "nt authority\\local service": "S-1-5-19",
    "nt authority\\networkservice": "S-1-5-20",
    "nt authority\\network service": "S-1-5-20",
}
_VIRTUAL = "nt service\\"
_FIRST_RID = 1001
_RIDS = 8000


def account_sid(computer: str, account: str | None) -> str | None:
    r"""The SID of a service's account: of Windows' own, of a service (`NT SERVICE\name`), or of a user of the computer.

    A virtual account's is the SHA-1 of its upper-case name in UTF-16, as Windows makes it; a user's is the same each
    time for the same names.
    """
    name = (account or "").casefold()
    if not name:
        return None
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if name.startswith(_VIRTUAL):
        digest = hashlib.sha1(name.removeprefix(_VIRTUAL).upper().encode("utf-16-le")).digest()  # noqa: S324 - a SID
        return "S-1-5-80-" + "-".join(map(str, struct.unpack("<5I", digest)))
    machine = struct.unpack("<3I", hashlib.sha256(computer.casefold().encode()).digest()[:12])
    user = int.from_bytes(hashlib.sha256(name.rpartition("\\")[2].encode()).digest()[:4], "big")
    return "S-1-5-21-" + "-".join(map(str, (*machine, _FIRST_RID + user % _RIDS)))
