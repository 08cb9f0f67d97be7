"""What became of a host and of a run, and the exit code that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from certify_automation.model.facts import Facts
from certify_automation.model.step import Failure, StepOutcome


class ExitCode(IntEnum):
    """The frozen table of exit codes."""

    DONE = 0
    INTERNAL_ERROR = 1
    DRIFT = 2
    HOSTS_FAILED = 3
    HOSTS_UNREACHABLE = 4
    CONFIGURATION_ERROR = 5
    STALE_PLAN = 6
    LOCK_HELD = 7
    REFUSED = 8
    ROLLED_BACK = 9
    INTERRUPTED = 130


PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.INTERNAL_ERROR,
    ExitCode.CONFIGURATION_ERROR,
    ExitCode.HOSTS_FAILED,
    ExitCode.ROLLED_BACK,
    ExitCode.STALE_PLAN,
    ExitCode.LOCK_HELD,
    ExitCode.REFUSED,
    ExitCode.HOSTS_UNREACHABLE,
    ExitCode.DRIFT,
    ExitCode.DONE,
)

MEANINGS = {
    ExitCode.DONE: "done, or nothing to change",
    ExitCode.INTERNAL_ERROR: "internal error",
    ExitCode.DRIFT: "drift, or a run without an end (plan, status); conflicts left (rollback); not served (verify);"
    " findings (doctor, remediate)",
    ExitCode.HOSTS_FAILED: "some hosts failed, or must not be changed as declared, or have nothing to take back",
    ExitCode.HOSTS_UNREACHABLE: "some hosts unreachable, none failed",
    ExitCode.CONFIGURATION_ERROR: "bad configuration or usage, unusable plan file, or not confirmed",
    ExitCode.STALE_PLAN: "the server changed since the plan was made",
    ExitCode.LOCK_HELD: "lock held",
    ExitCode.REFUSED: "refused by policy: needs an explicit flag or a person",
    ExitCode.ROLLED_BACK: "rolled back",
    ExitCode.INTERRUPTED: "interrupted",
}


def worst(codes: Iterable[int]) -> ExitCode:
    """The exit code of a run from those of its parts; DONE for none."""
    present = {ExitCode(code) for code in codes}
    return next((code for code in PRECEDENCE if code in present), ExitCode.DONE)


class Result(StrEnum):
    """What became of a plan on one host."""

    APPLIED = "applied"
    AWAITING = "awaiting"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"


@dataclass(frozen=True, slots=True)
class HealthOutcome:
    """What the wait for the API ended with; effective holds the URLs the evidence names."""

    url: str
    healthy: bool
    status: int | None
    effective: tuple[str, ...]
    waited_ms: int


@dataclass(frozen=True, slots=True)
class RecoveredRun:
    """An earlier run that had been cut off and was brought to its end first: confirmed, or undone."""

    run_id: str
    result: Result
    steps: tuple[StepOutcome, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The host's answer to a plan, and the facts afterwards (None when it could not read them).

    Result AWAITING: everything is done and healthy, and is put back by the host unless the run is confirmed in time.
    """

    run_id: str
    result: Result
    steps: tuple[StepOutcome, ...] = ()
    refusal: Failure | None = None
    failure: Failure | None = None
    health: HealthOutcome | None = None
    repeated: bool = False
    recovered: tuple[RecoveredRun, ...] = ()
    facts: Facts | None = None
