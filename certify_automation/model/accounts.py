r"""Accounts that services run as: when two spellings mean one, and the SIDs that are the same on every machine.

Sources: the Windows pages "LocalSystem Account", "Well-known SIDs" and "CreateService" (`.\user` is a local user).
"""

from __future__ import annotations

import hashlib
import struct

_BUILT_IN = {
    "localsystem": "S-1-5-18",
    "system": "S-1-5-18",
    "localservice": "S-1-5-19",
    "local service": "S-1-5-19",
    "networkservice": "S-1-5-20",
    "network service": "S-1-5-20",
}
_AUTHORITIES = {"", ".", "nt authority"}
_VIRTUAL = "nt service"


def account_sid(account: str) -> str | None:
    r"""The SID of a built-in account or of a virtual one (`NT SERVICE\NAME`); None for any other."""
    authority, name = _parts(account)
    if authority in _AUTHORITIES and name.casefold() in _BUILT_IN:
        return _BUILT_IN[name.casefold()]
    if authority != _VIRTUAL:
        return None
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "-".join(["S-1-5-80", *map(str, struct.unpack("<5I", digest))])


def same_account(one: str, other: str, computer: str) -> bool:
    r"""Whether two spellings mean one account: `NT AUTHORITY\SYSTEM` is LocalSystem, `.\me` is `COMPUTER\me`.

    A user principal name (`me@corp.com`) is only ever the same as itself.
    """
    return _key(one, computer) == _key(other, computer)


def _key(account: str, computer: str) -> str:
    sid = account_sid(account)
    if sid is not None:
        return sid
    authority, name = _parts(account)
    local = authority in {"", ".", computer.casefold()} and "@" not in name
    return f"{'.' if local else authority}\\{name.casefold()}"


def _parts(account: str) -> tuple[str, str]:
    authority, _, name = account.strip().rpartition("\\")
    return authority.strip().casefold(), name.strip()
