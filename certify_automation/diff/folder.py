"""Who may get at the product's data folder, as declared and as found."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.model.accounts import account_sid
from certify_automation.model.facts import Facts
from certify_automation.model.folder_acl import ADMINISTRATORS, SYSTEM, folder_acl
from certify_automation.model.host import HostState
from certify_automation.model.plan import Difference

PATH = "security.data_directory_acl"


def folder_goal(desired: HostState, facts: Facts) -> str | None:
    """The SDDL the folder is to be given; None = it is as declared, or nothing is.

    Raises:
        ValueError: the folder's list, or the declared one, cannot be read.
    """
    if not desired.data_directory_restricted and desired.data_directory_acl is None:
        return None
    if facts.data_access is None:
        raise ValueError("the folder or its list is not known")
    found = folder_acl(facts.data_access.sddl)
    if desired.data_directory_acl is not None:
        same = folder_acl(desired.data_directory_acl).same_as(found)
        return None if same else desired.data_directory_acl
    if not found.open_to():
        return None
    own = account_sid(facts.service.account or "") if facts.service else None
    return found.restricted([SYSTEM, ADMINISTRATORS, *([own] if own else [])])


def folder_differences(desired: HostState, facts: Facts) -> Iterator[Difference]:
    """At most one: the folder is open to others, or has another list than it is to have again."""
    declared = desired.data_directory_acl or "restricted"
    try:
        goal = folder_goal(desired, facts)
    except ValueError as error:
        yield Difference(PATH, declared, None, f"cannot be judged: {error}")
        return
    if goal is None or facts.data_access is None:
        return
    if desired.data_directory_acl is not None:
        yield Difference(PATH, declared, facts.data_access.sddl)
    else:
        yield Difference(PATH, declared, f"open to {', '.join(folder_acl(facts.data_access.sddl).open_to())}")
