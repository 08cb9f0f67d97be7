"""Lists of rights of folders: what Windows makes of one that is set, and when two of them are the same."""

from __future__ import annotations

import re

from certify_automation.lab.windows import security
from certify_automation.lab.windows.files import Files, split

_HEAD = re.compile(r"(?P<owned>[^(]*?)D:(?P<flags>[A-Z]*)(?=\(|\Z)")
_ENTRY = re.compile(r"\((?P<kind>[AD]);(?P<flags>[A-Z]*);(?P<rest>[^()]*)\)")
_INHERITED = "ID"


def canonical_list(sddl: str) -> str:
    """The discretionary list of a descriptor in one spelling; raises Win32Error 87.

    `D:PAI(…)` when it is protected, otherwise `D:AI(…)`, inherited entries with it.
    """
    entries = security.from_bytes(security.to_bytes(sddl)).removeprefix("D:")
    return f"D:{'PAI' if is_protected(sddl) else 'AI'}{entries}"


def is_protected(sddl: str) -> bool:
    """Whether the list takes nothing from the folder above."""
    head = _HEAD.match(sddl)
    return head is not None and "P" in head["flags"]


def set_list(files: Files, path: str, sddl: str) -> None:
    """What SetNamedSecurityInfo makes of a discretionary list; owner and group stay.

    An unprotected list keeps its own entries and gets those of the folder above anew. Raises Win32Error 87.
    """
    owned = files.security(path).split("D:")[0]
    wanted = canonical_list(sddl)
    if not is_protected(sddl):
        own = "".join(match[0] for match in _ENTRY.finditer(wanted) if _INHERITED not in match["flags"])
        wanted = "D:AI" + own + _handed_down(files.security(split(path)[0]))
    files.set_security(path, owned + wanted)


def _handed_down(sddl: str) -> str:
    """The entries a folder below inherits."""
    found = []
    for match in _ENTRY.finditer(sddl):
        flags = match["flags"].replace(_INHERITED, "").replace("IO", "")
        if "CI" in flags:
            found.append(f"({match['kind']};{flags}{_INHERITED};{match['rest']})")
    return "".join(found)
