"""What became of a host and of a run, and the exit code that says so."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


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
    ExitCode.DRIFT: "drift (plan, status)",
    ExitCode.HOSTS_FAILED: "some hosts failed",
    ExitCode.HOSTS_UNREACHABLE: "some hosts unreachable, none failed",
    ExitCode.CONFIGURATION_ERROR: "bad configuration or usage",
    ExitCode.STALE_PLAN: "stale or unsigned plan",
    ExitCode.LOCK_HELD: "lock held",
    ExitCode.REFUSED: "refused by policy or window",
    ExitCode.ROLLED_BACK: "rolled back",
    ExitCode.INTERRUPTED: "interrupted",
}


def worst(codes: Iterable[int]) -> ExitCode:
    """The exit code of a run from those of its parts; DONE for none."""
    present = {ExitCode(code) for code in codes}
    return next((code for code in PRECEDENCE if code in present), ExitCode.DONE)
