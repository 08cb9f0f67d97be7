"""What a host keeps of the runs that acted on it."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.model.step import StepOutcome


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run whose journal has no end: it is under way, was cut off, or waits for its confirmation.

    Attributes:
        journal: the version of its journal; this program reads version 1.
        awaiting: everything was done and is put back unless the run is confirmed.
        timer: the dead-man timer is running.
        started_utc_ms: by the host's clock; None with a journal that cannot be read.
        steps: what is known to have become of each change.
        error: why the journal cannot be read; empty otherwise.
    """

    run_id: str
    journal: int
    awaiting: bool
    timer: bool
    started_utc_ms: int | None
    by: str
    commit: str | None
    steps: tuple[StepOutcome, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One ended run on the host's list; times by the host's clock."""

    run_id: str
    result: str
    started_utc_ms: int
    by: str
    commit: str | None
    rolls_back: str | None


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The record of one run as it lies on the host.

    Attributes:
        plan: the text of plan.json; outcome: of outcome.json.
        plan_sha256: the digest the journal has for plan.json.
        before: FileName value -> the bytes kept from before, None = they are missing.
    """

    run_id: str
    plan: str | None
    plan_sha256: str | None
    outcome: str | None
    before: dict[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Records:
    """What was asked for with ObserveRequest.run: the newest runs, newest first, and one of them in full."""

    runs: tuple[RunSummary, ...]
    run: RunFiles | None
