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
        partial: whether the change that failed had.
        untouched: the indexes of changes that found everything as wanted and acted on nothing.
        data_dir: the product's data folder; None when it is not known.
        logs: the paths of the logs that a start writes to.
        log_lengths: how many bytes each of them had before the last start.
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
    partial: bool = False
    untouched: set[int] = field(default_factory=set)
    data_dir: str | None = None
    logs: tuple[str, ...] = ()
    log_lengths: dict[str, int] = field(default_factory=dict)

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
