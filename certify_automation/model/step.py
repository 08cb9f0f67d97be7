"""What became of one change on a host, and why a host refused or stopped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of one change; status: done, failed, undone, undo_failed, kept, not_run."""

    index: int
    kind: str
    status: str
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a host refused or stopped; code as docs/contract.md lists them, message in the host's own language."""

    code: str
    message: str
    step: int | None = None
    moved: tuple[str, ...] = ()
