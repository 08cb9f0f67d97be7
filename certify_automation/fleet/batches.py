"""In which order a playbook goes over its hosts, and how many of them may fail: pure bookkeeping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from certify_automation.fleet.rollout import FAILURES, Budget
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.playbook import Strategy


def batches(strategy: Strategy, hosts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The hosts as they run together: the canaries, then so many at a time; shares are of all hosts, rounded up.

    Raises:
        UsageError: CA5001, the size of a batch is neither a number nor a share.
    """
    canaries, others = tuple(hosts[: strategy.canary]), tuple(hosts[strategy.canary :])
    size = Budget.parse(strategy.batch).number(len(hosts)) if strategy.batch else len(others)
    groups = (canaries, *(others[start : start + size] for start in range(0, len(others), max(size, 1))))
    return tuple(group for group in groups if group)


@dataclass(slots=True)
class Tally:
    """The hosts that have failed so far, each counted once, against what a strategy allows.

    Attributes:
        hosts: of the whole run.
        failures, unreachable: as `Rollout` has them.
    """

    hosts: int
    failures: Budget = field(default_factory=Budget)
    unreachable: Budget | None = None
    _failed: set[str] = field(default_factory=set)
    _lost: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, strategy: Strategy, hosts: int) -> Tally:
        """One of a strategy.

        Raises:
            UsageError: CA5001, neither a number nor a share.
        """
        lost = Budget.parse(strategy.max_unreachable) if strategy.max_unreachable else None
        return cls(hosts, Budget.parse(strategy.max_failures), lost)

    def count(self, report: HostReport) -> None:
        """Take what became of a host in one step."""
        if self.unreachable is not None and report.status is HostStatus.UNREACHABLE:
            self._lost.add(report.host)
        elif report.status in FAILURES:
            self._failed.add(report.host)

    @property
    def left(self) -> Budget:
        """How many further hosts may fail."""
        return Budget(max(self.failures.number(self.hosts) - len(self._failed), 0))

    @property
    def left_unreachable(self) -> Budget | None:
        """How many further hosts may be out of reach; None = they count as failed."""
        if self.unreachable is None:
            return None
        return Budget(max(self.unreachable.number(self.hosts) - len(self._lost), 0))

    @property
    def spent(self) -> bool:
        """Whether no further host may start."""
        lost = self.left_unreachable
        return not self.left.limit or (lost is not None and not lost.limit)
