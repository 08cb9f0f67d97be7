"""What is to be as it was before a run, gathered noun by noun."""

from __future__ import annotations

from dataclasses import dataclass, field

from certify_automation.model.config_files import JsonValue
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.plan import Difference

CHANGED_SINCE = "changed since the run"


@dataclass(slots=True)
class Draft:
    """A rollback in the making.

    Attributes:
        facts: the host as it is now.
        state: what is to be as before; everything else is not managed.
        restored: the fields in it.
        conflicts: what somebody has changed since the run, and keeps.
        whole: the fields that come back in a file that gets all its old bytes, by the path that such a file has among
            the differences of a plan.
    """

    facts: Facts
    state: HostState = field(default_factory=HostState)
    restored: list[Difference] = field(default_factory=list)
    conflicts: list[Difference] = field(default_factory=list)
    whole: dict[str, tuple[Difference, ...]] = field(default_factory=dict)

    def restores(self, path: str, values: tuple[JsonValue, JsonValue], *, as_before: bool, as_after: bool) -> bool:
        """Whether a field is to be given back what it was; one that is neither as before nor as after is a conflict.

        Args:
            path: of the field.
            values: what it was, and what it is now.
            as_before: it is what it was before the run.
            as_after: it is what the run made of it.
        """
        if as_before:
            return False
        if as_after:
            self.restored.append(Difference(path, *values))
        else:
            self.conflict(path, values)
        return as_after

    def conflict(self, path: str, values: tuple[JsonValue, JsonValue], note: str = CHANGED_SINCE) -> None:
        """Leave a field as it is; values as for `restores`."""
        self.conflicts.append(Difference(path, *values, note))
