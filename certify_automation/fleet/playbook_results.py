"""What becomes of a playbook: a small value for every host and step, and the events of its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from certify_automation.errors import Problem
from certify_automation.fleet.pool import HostStarted
from certify_automation.model.finding import Finding
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, worst


class StepStatus(StrEnum):
    """One word for a step on a host; the value is what is shown and stored.

    SKIPPED: its condition is false there, or it has no sense in a dry run. NOT_RUN: no host was to start any more.
    ROLLED_BACK: the host has put back by itself what the step did.
    """

    DONE = "done"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_RUN = "not_run"
    ROLLED_BACK = "rolled_back"

    @property
    def failed(self) -> bool:
        """Whether the step did not do what it is for."""
        return self in {StepStatus.FAILED, StepStatus.UNREACHABLE, StepStatus.ROLLED_BACK}


_STATUS = {
    HostStatus.OK: StepStatus.DONE,
    HostStatus.CHANGED: StepStatus.CHANGED,
    HostStatus.UNREACHABLE: StepStatus.UNREACHABLE,
    HostStatus.NOT_RUN: StepStatus.NOT_RUN,
    HostStatus.ROLLED_BACK: StepStatus.ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one step on one host.

    Attributes:
        step: its number in the playbook, from 0.
        message: in a few words; empty where the report says it all.
        report: None where the host was not visited for it.
        findings: of a step that examined the host, worst first.
        exit_code: its part in that of the run.
        requested: how many certificates were requested.
        taken_back: runs of this playbook that were taken back on the host because the step failed, the last one first.
        back: what became of that; None = nothing was to be taken back.
    """

    host: str
    step: int
    status: StepStatus
    message: str = ""
    report: HostReport | None = None
    findings: tuple[Finding, ...] = ()
    exit_code: ExitCode = ExitCode.DONE
    requested: int = 0
    taken_back: tuple[str, ...] = ()
    back: HostReport | None = None

    @classmethod
    def of(cls, step: int, report: HostReport, message: str = "", findings: tuple[Finding, ...] = ()) -> StepResult:
        """The result that a host's report is."""
        status = _STATUS.get(report.status, StepStatus.FAILED)
        requested = len(report.renewed.renewals) if report.renewed else 0
        return cls(report.host, step, status, message, report, findings, report.exit_code, requested)

    def with_back(self, report: HostReport | None, runs: tuple[str, ...]) -> StepResult:
        """The same, after the host's changes were taken back, or were to be."""
        if report is None:
            return self
        return replace(self, back=report, taken_back=runs, exit_code=worst([self.exit_code, report.exit_code]))


@dataclass(frozen=True, slots=True)
class PlaybookOutcome:
    """What became of a playbook.

    Attributes:
        run_id: 32 hex digits; empty = a dry run, of which nothing is kept.
        results: host -> its steps in their order, in the order of the inventory; those of an earlier part of the run
            are not among them.
        stopped: why hosts were held back: `failures`, `canary` (one of the first hosts failed), `cancelled`, or empty.
        left: hosts on which steps are left; `--resume` goes on with them.
        warnings: what is asked for by name and fits nothing.
    """

    run_id: str
    results: Mapping[str, tuple[StepResult, ...]]
    stopped: str = ""
    left: tuple[str, ...] = ()
    warnings: tuple[tuple[str, Problem], ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Of the worst host, or that the run was interrupted."""
        interrupted = [ExitCode.INTERRUPTED] if self.stopped == "cancelled" else []
        return worst([*interrupted, *(one.exit_code for found in self.results.values() for one in found)])


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """Hosts begin with their first step, or go on with the one they were at; number counts from 1."""

    number: int
    count: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins on the hosts of a batch that are still in."""

    step: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchPaused:
    """All hosts of a batch have ended, and the next ones start after so many seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class PlaybookFinished:
    """The last event of every run."""

    outcome: PlaybookOutcome


PlaybookEvent: TypeAlias = BatchStarted | StepStarted | HostStarted | StepResult | BatchPaused | PlaybookFinished
