"""Lists of rights as SDDL texts: which entries a file or folder gets from the folder above (MS-DTYP 2.5.3.4)."""

from __future__ import annotations

import re

ROOT = "O:S-1-5-18G:S-1-5-18D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"
"""The descriptor of a drive's root folder."""

PROGRAM_DATA = (
    "O:S-1-5-18G:S-1-5-18D:PAI(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    "(A;CI;DCLCRPCR;;;BU)(A;OICI;0x1200a9;;;BU)"
)
r"""The descriptor of `C:\ProgramData`: Users may read, and create files and folders, which are then theirs."""

INHERITED = "ID"
_CREATOR_OWNER = ("CO", "S-1-3-0")
_HEAD = re.compile(r"(?P<owned>[^(]*?)D:(?P<flags>[A-Z]*)(?=\(|\Z)")
_ENTRY = re.compile(
    r"\((?P<kind>[A-Z]+);(?P<flags>[A-Z]*);(?P<rights>[^;()]*);(?P<objects>[^;()]*;[^;()]*);(?P<sid>[^;()]*)\)"
)


def is_protected(sddl: str) -> bool:
    """Whether the list takes nothing from the folder above."""
    head = _HEAD.match(sddl)
    return head is not None and "P" in head["flags"]


def combined(own: str | None, above: str, *, folder: bool) -> str:
    """The descriptor in force.

    Args:
        own: the descriptor that was set; None = none was.
        above: the descriptor in force of the folder above.
        folder: whether it is a folder's.
    """
    if own is not None and is_protected(own):
        return own
    head = _HEAD.match(own if own is not None else above)
    owned = head["owned"] if head is not None else ""
    entries = "".join(m[0] for m in _ENTRY.finditer(own or "") if INHERITED not in _letters(m["flags"]))
    return f"{owned}D:AI{entries}{_handed_down(above, _owner(owned), folder=folder)}"


def _handed_down(above: str, owner: str, *, folder: bool) -> str:
    found = []
    for match in _ENTRY.finditer(above):
        letters = _letters(match["flags"])
        flags = _inherited_flags(letters, folder=folder)
        if flags is None:
            continue
        if match["sid"] in _CREATOR_OWNER:
            found.append(f"({match['kind']};{INHERITED};{_mapped(match['rights'])};{match['objects']};{owner})")
            if folder:
                found.append(_entry(match, f"OICIIO{INHERITED}" if "OI" in letters else f"CIIO{INHERITED}"))
            continue
        found.append(_entry(match, flags))
    return "".join(found)


def _inherited_flags(letters: set[str], *, folder: bool) -> str | None:
    """The flags of the copy; None when there is none."""
    if not folder:
        return INHERITED if "OI" in letters else None
    if "NP" in letters:
        return INHERITED if "CI" in letters else None
    if "CI" in letters:
        return ("OICI" if "OI" in letters else "CI") + INHERITED
    return f"OIIO{INHERITED}" if "OI" in letters else None


def _entry(match: re.Match[str], flags: str) -> str:
    return f"({match['kind']};{flags};{match['rights']};{match['objects']};{match['sid']})"


def _letters(flags: str) -> set[str]:
    return set(re.findall("..", flags))


def _mapped(rights: str) -> str:
    """Generic rights as those of files."""
    return "FA" if rights == "GA" else rights


def _owner(owned: str) -> str:
    match = re.match(r"O:(?P<sid>[A-Z]{2}(?=G:|\Z)|S-[0-9-]+)", owned)
    return match["sid"] if match is not None else "SY"
