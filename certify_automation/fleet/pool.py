"""Runs one piece of work on every host, several at a time, and says what happens as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import TypeAlias

from certify_automation.errors import CertifyAutomationError, InternalError
from certify_automation.fleet.rollout import Budget, Rollout
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
class RunFinished:
    """The last event of every run.

    Attributes:
        stopped: `failures` or `cancelled` when hosts were held back, otherwise empty.
    """

    counts: Mapping[HostStatus, int]
    exit_code: ExitCode
    stopped: str


Event: TypeAlias = HostStarted | HostFinished | RunFinished


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """How a run goes over its hosts.

    Attributes:
        budget: None = failures hold no host back, for work that changes nothing.
    """

    forks: int = 16
    budget: Budget | None = field(default_factory=Budget)


def run_fleet(
    hosts: Sequence[str], work: Work, options: FleetOptions, cancelled: Flag, aborted: Flag | None = None
) -> Iterator[Event]:
    """Yields HostStarted and HostFinished for each host and one RunFinished, while the work is going on.

    A host whose work raises becomes a report and stops nobody else. Once `cancelled` is set, or the failure budget is
    spent, the hosts in hand are finished and the others reported NOT_RUN; once `aborted` is set as well, the hosts in
    hand are reported UNKNOWN and not waited for. Nothing of a finished host is kept here.
    The threads are daemons: leaving the iterator early abandons the hosts in hand.
    """
    rollout = Rollout(hosts, options.forks, options.budget)
    orders: SimpleQueue[str | None] = SimpleQueue()
    reports: SimpleQueue[HostReport] = SimpleQueue()
    threads = min(options.forks, len(hosts))
    for number in range(threads):
        Thread(target=_serve, args=(work, orders, reports), name=f"host-{number}", daemon=True).start()
    try:
        yield from _drive(rollout, orders, reports, cancelled, aborted or Flag())
    finally:
        for _ in range(threads):
            orders.put(None)


def _drive(
    rollout: Rollout,
    orders: SimpleQueue[str | None],
    reports: SimpleQueue[HostReport],
    cancelled: Flag,
    aborted: Flag,
) -> Iterator[Event]:
    while not aborted.is_set():
        rollout.cancelled = cancelled.is_set()
        while (host := rollout.start()) is not None:
            yield HostStarted(host)
            orders.put(host)
        if not rollout.in_hand:
            break
        try:
            report = reports.get(timeout=_LOOK_UP_SECONDS)
        except Empty:
            continue
        rollout.finish(report)
        yield HostFinished(report)
        del report
    rollout.cancelled |= aborted.is_set()
    while (abandoned := rollout.abandon()) is not None:
        yield HostFinished(abandoned)
    stopped = rollout.stopped
    while (held_back := rollout.hold_back()) is not None:
        yield HostFinished(held_back)
    yield RunFinished(rollout.totals(), rollout.exit_code, stopped)


def _serve(work: Work, orders: SimpleQueue[str | None], reports: SimpleQueue[HostReport]) -> None:
    while (host := orders.get()) is not None:
        reports.put(_attempt(work, host))


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
