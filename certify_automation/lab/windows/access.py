"""Lists of rights of folders: what Windows makes of one that is set, and when two of them are the same."""

from __future__ import annotations

from certify_automation.lab.windows import security
from certify_automation.lab.windows.files import Files
from certify_automation.lab.windows.inheritance import is_protected


def canonical_list(sddl: str) -> str:
    """The discretionary list of a descriptor in one spelling; raises Win32Error 87.

    `D:PAI(…)` when it is protected, otherwise `D:AI(…)`, inherited entries with it.
    """
    entries = security.from_bytes(security.to_bytes(sddl)).removeprefix("D:")
    return f"D:{'PAI' if is_protected(sddl) else 'AI'}{entries}"


def set_list(files: Files, path: str, sddl: str) -> None:
    """What SetNamedSecurityInfo makes of a discretionary list; owner and group stay.

    An unprotected list keeps its own entries and gets those of the folder above anew. Raises Win32Error 5, 87.
    """
    files.set_security(path, files.security(path).split("D:")[0] + canonical_list(sddl))
