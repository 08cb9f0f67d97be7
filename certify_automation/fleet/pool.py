"""Runs one piece of work on every host, several at a time, and says what happens as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from time import monotonic
from typing import TypeAlias

from certify_automation.errors import CertifyAutomationError, InternalError
from certify_automation.fleet.rollout import Budget, Pace, Rollout
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode

Work: TypeAlias = Callable[[str], HostReport]

# How long the waiting thread sleeps at most before it looks whether the run was cancelled.
_LOOK_UP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class HostStarted:
    """Work on a host has begun."""

    host: str


@dataclass(frozen=True, slots=True)
class HostFinished:
    """A host has ended, or was never started (NOT_RUN)."""

    report: HostReport


@dataclass(frozen=True, slots=True)
class WaveFinished:
    """All hosts of a wave have ended, and those of the next one are about to start.

    Attributes:
        number: of the wave, from 1.
        ran: hosts that have been started so far; waiting: hosts that have not.
    """

    number: int
    ran: int
    waiting: int


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The last event of every run.

    Attributes:
        stopped: `failures` or `cancelled` when hosts were held back, otherwise empty.
    """

    counts: Mapping[HostStatus, int]
    exit_code: ExitCode
    stopped: str


Event: TypeAlias = HostStarted | HostFinished | WaveFinished | RunFinished


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """How a run goes over its hosts.

    Attributes:
        budget: None = failures hold no host back, for work that changes nothing.
        unreachable: the same for hosts that cannot be reached; None = they count as failures.
        pace: the waves, and what hosts must not do all at once.
        pause_seconds: between one wave and the next.
        gaps: seconds between the start of a host and of the next one.
    """

    forks: int = 16
    budget: Budget | None = field(default_factory=Budget)
    pace: Pace = field(default_factory=Pace)
    pause_seconds: float = 0.0
    gaps: Iterator[float] = field(default_factory=lambda: repeat(0.0))
    unreachable: Budget | None = None


def run_fleet(
    hosts: Sequence[str], work: Work, options: FleetOptions, cancelled: Flag, aborted: Flag | None = None
) -> Iterator[Event]:
    """Yields HostStarted and HostFinished for each host and one RunFinished, while the work is going on.

    Between two waves it yields WaveFinished. A wave starts only when the failures so far are within the budget.

    A host whose work raises becomes a report and stops nobody else. Once `cancelled` is set, or the failure budget is
    spent, the hosts in hand are finished and the others reported NOT_RUN; once `aborted` is set as well, the hosts in
    hand are reported UNKNOWN and not waited for. Nothing of a finished host is kept here.
    The threads are daemons: leaving the iterator early abandons the hosts in hand.
    """
    rollout = Rollout(hosts, options.forks, options.budget, pace=options.pace, unreachable=options.unreachable)
    bench = _Bench()
    threads = min(options.forks, len(hosts))
    for number in range(threads):
        Thread(target=_serve, args=(work, bench), name=f"host-{number}", daemon=True).start()
    aborted = aborted or Flag()
    try:
        yield from _drive(rollout, bench, options, cancelled, aborted)
        yield from _wind_up(rollout, aborted)
    finally:
        for _ in range(threads):
            bench.orders.put(None)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What goes to the threads and comes back."""

    orders: SimpleQueue[str | None] = field(default_factory=SimpleQueue)
    reports: SimpleQueue[HostReport] = field(default_factory=SimpleQueue)

    def report(self, seconds: float) -> HostReport | None:
        """The next report within so many seconds."""
        try:
            return self.reports.get(timeout=max(seconds, 0.0))
        except Empty:
            return None


def _drive(rollout: Rollout, bench: _Bench, options: FleetOptions, cancelled: Flag, aborted: Flag) -> Iterator[Event]:
    ready = monotonic()
    while not aborted.is_set():
        rollout.cancelled = cancelled.is_set()
        early = monotonic() < ready
        while not early and (host := rollout.start()) is not None:
            yield HostStarted(host)
            bench.orders.put(host)
            gap = next(options.gaps)
            early, ready = gap > 0, monotonic() + gap
        if rollout.wave_ended:
            rollout.next_wave()
            yield WaveFinished(rollout.wave, rollout.started, len(rollout.hosts) - rollout.started)
            ready = max(ready, monotonic() + options.pause_seconds)
            continue
        if rollout.over or not (rollout.in_hand or early):
            break
        report = bench.report(min(_LOOK_UP_SECONDS, ready - monotonic()) if early else _LOOK_UP_SECONDS)
        if report is not None:
            rollout.finish(report)
            yield HostFinished(report)
            del report


def _wind_up(rollout: Rollout, aborted: Flag) -> Iterator[Event]:
    rollout.cancelled |= aborted.is_set()
    while (abandoned := rollout.abandon()) is not None:
        yield HostFinished(abandoned)
    stopped = rollout.stopped
    while (held_back := rollout.hold_back()) is not None:
        yield HostFinished(held_back)
    yield RunFinished(rollout.totals(), rollout.exit_code, stopped)


def _serve(work: Work, bench: _Bench) -> None:
    while (host := bench.orders.get()) is not None:
        bench.reports.put(_attempt(work, host))


def _attempt(work: Work, host: str) -> HostReport:
    try:
        return work(host)
    except CertifyAutomationError as error:
        return HostReport.of_error(host, error)
    except Exception as error:  # noqa: BLE001 - one host's defect must not take the others with it
        what = InternalError(
            "CA9002",
            f"unexpected {type(error).__name__}: {error}",
            hint="this is a defect of certify-automation; the other hosts were not affected",
        )
        return HostReport(host, HostStatus.FAILED, error=what)
