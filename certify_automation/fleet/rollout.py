"""Which host starts next, and when none may: pure bookkeeping of a run over many hosts."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from certify_automation.errors import OutcomeUnknown, UsageError
from certify_automation.guard.limits import Limits
from certify_automation.guard.requests import CertificateRequest
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, worst

ABANDONED = "CA4032"
"""The error of a host that was in hand, and is not waited for any longer."""

_AMOUNT = re.compile(r"([0-9]{1,9})(%?)")
FAILURES = frozenset({HostStatus.UNREACHABLE, HostStatus.FAILED, HostStatus.ROLLED_BACK, HostStatus.UNKNOWN})
"""What counts against a budget."""
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
        match = _AMOUNT.fullmatch(text.strip())
        if not match or int(match[1]) == 0 or (match[2] and int(match[1]) > _EVERYTHING):
            raise UsageError(
                "CA5001",
                f"{text!r} is not a number of failures",
                hint="write a number of hosts from 1 up, such as 3, or a share of them from 1% to 100%",
            )
        return cls(int(match[1]), bool(match[2]))

    def number(self, hosts: int) -> int:
        """How many failures among that many hosts spend it."""
        return -(-self.limit * hosts // _EVERYTHING) if self.percent else self.limit

    def spent(self, failures: int, hosts: int) -> bool:
        """Whether this many failures among that many hosts are too many to start another."""
        return failures >= self.number(hosts)


def waves(text: str, count: int) -> tuple[int, ...]:
    """How many of so many hosts have run after each wave, written as `1,10%,100%`.

    Shares are rounded up. Waves without a host of their own are left out, and what the last one leaves over is a wave
    of its own; none at all for no hosts.

    Raises:
        UsageError: CA3220, not of that form, zero, more than 100%, or less than the one before.
    """
    amounts = [_AMOUNT.fullmatch(part.strip()) for part in text.split(",")]
    written = [(int(match[1]), bool(match[2])) for match in amounts if match]
    if (
        len(written) < len(amounts)
        or any(number == 0 or (percent and number > _EVERYTHING) for number, percent in written)
        or any(first > second for (first, one), (second, other) in pairwise(written) if one is other)
    ):
        raise UsageError(
            "CA3220",
            f"{text!r} does not say how many hosts run in each wave",
            hint="write how many have run after each wave, in rising order, such as 1,10%,100%",
        )
    ends = [-(-number * count // _EVERYTHING) if percent else min(number, count) for number, percent in written]
    return tuple(end for before, end in pairwise([0, *_rising([*ends, count])]) if end > before)


def waves_left(text: str, hosts: Sequence[str], left: Collection[str]) -> tuple[int, ...]:
    """As `waves`, for a run over `hosts` that goes on with those of them that are left, in the same order.

    Raises:
        UsageError: CA3220, as `waves`.
    """
    ends = [sum(host in left for host in hosts[:end]) for end in waves(text, len(hosts))]
    return tuple(end for before, end in pairwise([0, *ends]) if end > before)


def _rising(ends: Sequence[int]) -> Iterator[int]:
    highest = 0
    for end in ends:
        highest = max(highest, end)
        yield highest


def gaps(seconds: float, generator: Random) -> Iterator[float]:
    """Without end, seconds between the start of a host and the next: any from 0 to `seconds`, all as likely."""
    while True:
        yield generator.uniform(0, seconds)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes over its hosts.

    Attributes:
        waves: how many hosts have run after each wave, as `waves` gives it; a wave starts when all hosts of the one
            before have ended. Empty = all hosts are one wave.
        takes: host -> the places it needs while it is in hand, such as certification authorities.
        places: place -> how many hosts may be in it at the same time; any number where it is not named.
    """

    waves: tuple[int, ...] = ()
    takes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of_requests(cls, requests: Iterable[CertificateRequest], limits: Limits, waves: tuple[int, ...] = ()) -> Pace:
        """One at which each system of an authority is asked by no more hosts at the same time than its limits say."""
        takes: dict[str, frozenset[str]] = {}
        places: dict[str, int] = {}
        for request in requests:
            place = f"{request.authority} (staging)" if request.staging else request.authority
            takes[request.host] = takes.get(request.host, frozenset()) | {place}
            places[place] = limits.concurrency(request.authority, request.staging)
        return cls(waves, takes, places)


@dataclass(slots=True)
class Rollout:
    """A run's progress: hosts start in the order given, past those whose places are taken; what finished is counted.

    Attributes:
        wave: how many waves have ended.
        budget: None = failures hold no host back, for work that changes nothing.
        unreachable: the same for hosts that cannot be reached; None = they count as failures.
    """

    hosts: Sequence[str]
    forks: int = 16
    budget: Budget | None = field(default_factory=Budget)
    cancelled: bool = False
    counts: Counter[HostStatus] = field(default_factory=Counter)
    exit_codes: set[ExitCode] = field(default_factory=set)
    started: int = 0
    in_hand: dict[str, None] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    wave: int = 0
    unreachable: Budget | None = None
    _waiting: dict[frozenset[str], deque[int]] = field(default_factory=dict)
    _taken: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for number, host in enumerate(self.hosts):
            self._waiting.setdefault(self._takes(host), deque()).append(number)

    @property
    def failures(self) -> int:
        """How many hosts count against the budget."""
        apart = {HostStatus.UNREACHABLE} if self.unreachable else set()
        return sum(self.counts[status] for status in FAILURES - apart)

    @property
    def stopped(self) -> str:
        """Why no further host starts: `cancelled`, `failures`, or empty when nothing was held back."""
        if self.started == len(self.hosts):
            return ""
        if self.cancelled:
            return "cancelled"
        lost, count = self.counts[HostStatus.UNREACHABLE], len(self.hosts)
        spent = self.budget is not None and self.budget.spent(self.failures, count)
        return "failures" if spent or (self.unreachable is not None and self.unreachable.spent(lost, count)) else ""

    @property
    def wave_ended(self) -> bool:
        """Whether all hosts of a wave have ended, and those of a further one may start."""
        return not self.in_hand and self.started == self._wave_end < len(self.hosts) and not self.stopped

    def next_wave(self) -> None:
        """Lets the hosts of the next wave start."""
        self.wave += 1

    @property
    def over(self) -> bool:
        """Whether nothing is in hand and nothing more will start."""
        return not self.in_hand and (self.started == len(self.hosts) or bool(self.stopped))

    def start(self) -> str | None:
        """The next host to begin with; None when none is left, all forks or places are taken, or none may start."""
        if self.started == len(self.hosts) or len(self.in_hand) >= self.forks or self.stopped:
            return None
        heads = [
            (queue[0], takes)
            for takes, queue in self._waiting.items()
            if queue[0] < self._wave_end and all(self._free(place) for place in takes)
        ]
        if not heads:
            return None
        host = self._next(min(heads, key=lambda head: head[0])[1])
        self._taken.update(self._takes(host))
        self.in_hand[host] = None
        return host

    def finish(self, report: HostReport) -> None:
        """Counts a host that had been started."""
        del self.in_hand[report.host]
        self._taken.subtract(self._takes(report.host))
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
        first = min(self._waiting, key=lambda takes: self._waiting[takes][0])
        report = HostReport(self._next(first), HostStatus.NOT_RUN)
        self._count(report)
        return report

    @property
    def exit_code(self) -> ExitCode:
        """The run's exit code so far."""
        return worst([*self.exit_codes, *([ExitCode.INTERRUPTED] if self.cancelled else [])])

    def totals(self) -> Mapping[HostStatus, int]:
        """How many hosts ended in each status, in the order of HostStatus; statuses nobody has are left out."""
        return {status: self.counts[status] for status in HostStatus if self.counts[status]}

    @property
    def _wave_end(self) -> int:
        return self.pace.waves[self.wave] if self.wave < len(self.pace.waves) else len(self.hosts)

    def _takes(self, host: str) -> frozenset[str]:
        return self.pace.takes.get(host, frozenset())

    def _free(self, place: str) -> bool:
        return place not in self.pace.places or self._taken[place] < self.pace.places[place]

    def _next(self, takes: frozenset[str]) -> str:
        queue = self._waiting[takes]
        number = queue.popleft()
        if not queue:
            del self._waiting[takes]
        self.started += 1
        return self.hosts[number]

    def _count(self, report: HostReport) -> None:
        self.counts[report.status] += 1
        self.exit_codes.add(report.exit_code)
