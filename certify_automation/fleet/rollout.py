"""Which host starts next, and when none may: pure bookkeeping of a run over many hosts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from certify_automation.errors import OutcomeUnknown, UsageError
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, worst

ABANDONED = "CA4032"
"""The error of a host that was in hand, and is not waited for any longer."""

_BUDGET = re.compile(r"([0-9]{1,9})(%?)")
_FAILURES = frozenset({HostStatus.UNREACHABLE, HostStatus.FAILED, HostStatus.ROLLED_BACK, HostStatus.UNKNOWN})
_EVERYTHING = 100


@dataclass(frozen=True, slots=True)
class Budget:
    """How many hosts may fail before no further host starts.

    Unreachable, failed, rolled back and unknown count as failed; a refusal, a stale plan or a held lock acted on
    nothing and does not.

    Attributes:
        limit: a number of hosts, or a percentage of all hosts of the run.
    """

    limit: int = 3
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Budget:
        """The budget written as `3` or `10%`.

        Raises:
            UsageError: CA5001, not of that form, zero, or more than 100%.
        """
        match = _BUDGET.fullmatch(text.strip())
        if not match or int(match[1]) == 0 or (match[2] and int(match[1]) > _EVERYTHING):
            raise UsageError(
                "CA5001",
                f"{text!r} is not a number of failures",
                hint="write a number of hosts from 1 up, such as 3, or a share of them from 1% to 100%",
            )
        return cls(int(match[1]), bool(match[2]))

    def spent(self, failures: int, hosts: int) -> bool:
        """Whether this many failures among that many hosts are too many to start another."""
        if self.percent:
            return failures * _EVERYTHING >= self.limit * hosts
        return failures >= self.limit


@dataclass(slots=True)
class Rollout:
    """A run's progress: hosts start in the order given, and what finished is only counted.

    Attributes:
        budget: None = failures hold no host back, for work that changes nothing.
    """

    hosts: Sequence[str]
    forks: int = 16
    budget: Budget | None = field(default_factory=Budget)
    cancelled: bool = False
    counts: Counter[HostStatus] = field(default_factory=Counter)
    exit_codes: set[ExitCode] = field(default_factory=set)
    started: int = 0
    in_hand: dict[str, None] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """How many hosts count against the budget."""
        return sum(self.counts[status] for status in _FAILURES)

    @property
    def stopped(self) -> str:
        """Why no further host starts: `cancelled`, `failures`, or empty when nothing was held back."""
        if self.started == len(self.hosts):
            return ""
        if self.cancelled:
            return "cancelled"
        return "failures" if self.budget and self.budget.spent(self.failures, len(self.hosts)) else ""

    def start(self) -> str | None:
        """The next host to begin with; None when none is left, all forks are busy, or none may start."""
        if self.started == len(self.hosts) or len(self.in_hand) >= self.forks or self.stopped:
            return None
        host = self.hosts[self.started]
        self.started += 1
        self.in_hand[host] = None
        return host

    def finish(self, report: HostReport) -> None:
        """Counts a host that had been started."""
        del self.in_hand[report.host]
        self._count(report)

    def abandon(self) -> HostReport | None:
        """The report of a host in hand that nobody waits for any longer; None when there is none left."""
        host = next(iter(self.in_hand), None)
        if host is None:
            return None
        what = OutcomeUnknown(
            ABANDONED,
            "the run was aborted while this host was in hand",
            hint="look at it with `plan`: what was sent to it may still be carried out",
        )
        report = HostReport.of_error(host, what)
        self.finish(report)
        return report

    def hold_back(self) -> HostReport | None:
        """The report of the next host that will not run; None when there is none left."""
        if self.started == len(self.hosts):
            return None
        report = HostReport(self.hosts[self.started], HostStatus.NOT_RUN)
        self.started += 1
        self._count(report)
        return report

    @property
    def exit_code(self) -> ExitCode:
        """The run's exit code so far."""
        return worst([*self.exit_codes, *([ExitCode.INTERRUPTED] if self.cancelled else [])])

    def totals(self) -> Mapping[HostStatus, int]:
        """How many hosts ended in each status, in the order of HostStatus; statuses nobody has are left out."""
        return {status: self.counts[status] for status in HostStatus if self.counts[status]}

    def _count(self, report: HostReport) -> None:
        self.counts[report.status] += 1
        self.exit_codes.add(report.exit_code)
