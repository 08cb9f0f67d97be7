"""Waiting with a limit, and the deadline of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from certify_automation.lab.onhost.visit import ChangeFailed, Json, Visit, Waiting

_POLL = 0.5


@dataclass(slots=True)
class Run:
    """One plan being carried out.

    Attributes:
        until: the deadline on the computer's clock, in milliseconds.
        plan: as it was received.
        in_hand: the index of the change being made; None between two changes and in an undo.
        intended: whether the journal says already that the change in hand is being made.
        acted: whether the change in hand has changed something already.
        begin: the first line of its journal; empty until it has one.
        recovered: earlier runs that were brought to their end first.
        untouched: the indexes of changes that acted on nothing.
        data_dir: the product's data folder; None when it is not known.
        logs: the paths of the logs that a start writes to.
        log_lengths: how many bytes each of them had before the last start.
        tries: how often a timer may still try to undo it after this time; -1 for everybody else.
    """

    visit: Visit
    until: int
    folder: str
    steps: list[Json]
    plan: Json
    refusal: Json | None = None
    failure: Json | None = None
    health: Json | None = None
    result: str = "refused"
    in_hand: int | None = None
    intended: bool = False
    acted: bool = False
    begin: Json = field(default_factory=dict)
    recovered: list[Json] = field(default_factory=list)
    untouched: set[int] = field(default_factory=set)
    data_dir: str | None = None
    logs: tuple[str, ...] = ()
    log_lengths: dict[str, int] = field(default_factory=dict)
    tries: int = -1

    @property
    def run_id(self) -> str:
        """Of its plan."""
        return str(self.plan["run_id"])

    def limit(self, seconds: int) -> int:
        """Seconds from now, but not beyond the run's own limit."""
        return min(self.until, self.visit.monotonic_ms() + 1000 * seconds)

    def check_deadline(self) -> None:
        """Raises ChangeFailed `deadline` once it has passed."""
        if self.visit.monotonic_ms() >= self.until:
            raise ChangeFailed("deadline", "The deadline has passed.")


def wait_for(visit: Visit, condition: Callable[[], bool], until: int) -> Waiting[bool]:
    """Whether the condition came true before that time."""
    while not condition():
        if visit.monotonic_ms() >= until:
            return False
        yield _POLL
    return True
