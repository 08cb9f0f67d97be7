from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from itertools import count, repeat

from certify_automation.errors import AuthenticationRefused, Unreachable
from certify_automation.fleet.pool import FleetOptions, HostFinished, HostStarted, RunFinished, WaveFinished, run_fleet
from certify_automation.fleet.rollout import Budget, Pace
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode


def ok(host: str) -> HostReport:
    return HostReport(host, HostStatus.OK)


def hosts(count: int) -> list[str]:
    return [f"host{n:03}" for n in range(count)]


def test_every_host_starts_in_order_and_finishes() -> None:
    events = list(run_fleet(hosts(40), ok, FleetOptions(forks=4), threading.Event()))
    assert [e.host for e in events if isinstance(e, HostStarted)] == hosts(40)
    assert sorted(e.report.host for e in events if isinstance(e, HostFinished)) == hosts(40)
    assert events[-1] == RunFinished({HostStatus.OK: 40}, ExitCode.DONE, "")


def test_no_hosts_is_a_run_that_did_nothing() -> None:
    assert list(run_fleet([], ok, FleetOptions(), threading.Event())) == [RunFinished({}, ExitCode.DONE, "")]


def test_as_many_hosts_as_forks_are_in_hand_together() -> None:
    together = threading.Barrier(3)

    def work(host: str) -> HostReport:
        together.wait(timeout=30)
        return ok(host)

    events = list(run_fleet(hosts(6), work, FleetOptions(forks=3), threading.Event()))
    assert events[-1] == RunFinished({HostStatus.OK: 6}, ExitCode.DONE, "")
    assert not together.broken


def test_a_host_that_raises_is_a_report_and_stops_nobody() -> None:
    def work(host: str) -> HostReport:
        if host == "host001":
            raise Unreachable("CA2001", "no route to host")
        if host == "host002":
            raise AuthenticationRefused("CA2002", "wrong password")
        if host == "host003":
            raise KeyError("a defect")
        return ok(host)

    events = list(run_fleet(hosts(6), work, FleetOptions(forks=2, budget=Budget(9)), threading.Event()))
    reports = {e.report.host: e.report for e in events if isinstance(e, HostFinished)}
    assert [reports[h].status for h in hosts(6)] == [
        HostStatus.OK,
        HostStatus.UNREACHABLE,
        HostStatus.UNREACHABLE,
        HostStatus.FAILED,
        HostStatus.OK,
        HostStatus.OK,
    ]
    defect = reports["host003"].error
    assert defect is not None
    assert defect.id == "CA9002"
    assert "KeyError" in defect.message
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert last.exit_code is ExitCode.INTERNAL_ERROR


def test_a_spent_budget_starts_no_further_host() -> None:
    def work(host: str) -> HostReport:
        raise Unreachable("CA2001", f"{host} does not answer")

    events = list(run_fleet(hosts(10), work, FleetOptions(forks=1, budget=Budget(3)), threading.Event()))
    assert [e.host for e in events if isinstance(e, HostStarted)] == hosts(3)
    held_back = [e.report.host for e in events if isinstance(e, HostFinished) and e.report.status is HostStatus.NOT_RUN]
    assert held_back == hosts(10)[3:]
    assert events[-1] == RunFinished(
        {HostStatus.UNREACHABLE: 3, HostStatus.NOT_RUN: 7}, ExitCode.HOSTS_UNREACHABLE, "failures"
    )


def test_cancelling_finishes_the_hosts_in_hand() -> None:
    cancelled = threading.Event()
    go_on = threading.Event()

    def work(host: str) -> HostReport:
        go_on.wait(timeout=30)
        return ok(host)

    seen = []
    for event in run_fleet(hosts(10), work, FleetOptions(forks=2), cancelled):
        seen.append(event)
        if sum(isinstance(e, HostStarted) for e in seen) == 2 and not cancelled.is_set():
            cancelled.set()
            go_on.set()
    assert seen[-1] == RunFinished({HostStatus.OK: 2, HostStatus.NOT_RUN: 8}, ExitCode.INTERRUPTED, "cancelled")


def test_aborting_reports_the_hosts_in_hand_as_unknown_and_waits_for_nobody() -> None:
    cancelled, aborted, never = threading.Event(), threading.Event(), threading.Event()

    def work(host: str) -> HostReport:
        if host != "host000":
            never.wait()
        return ok(host)

    seen = []
    for event in run_fleet(hosts(5), work, FleetOptions(forks=2), cancelled, aborted):
        seen.append(event)
        if isinstance(event, HostFinished) and event.report.host == "host000":
            cancelled.set()
            aborted.set()
    never.set()
    reports = {e.report.host: e.report for e in seen if isinstance(e, HostFinished)}
    assert reports["host001"].status is HostStatus.UNKNOWN
    assert reports["host001"].error is not None
    assert reports["host001"].error.id == "CA4032"
    assert seen[-1] == RunFinished(
        {HostStatus.OK: 1, HostStatus.UNKNOWN: 1, HostStatus.NOT_RUN: 3}, ExitCode.INTERRUPTED, "cancelled"
    )


def test_leaving_early_ends_the_idle_threads() -> None:
    before = set(threading.enumerate())
    run = run_fleet(hosts(10), ok, FleetOptions(forks=3), threading.Event())
    next(run)
    started = set(threading.enumerate()) - before
    run.close()
    for thread in started:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in started)


def test_nothing_of_a_finished_host_is_kept() -> None:
    kept: list[weakref.ref[threading.Event]] = []

    class Heavy(threading.Event):
        """Stands for what a visit brings home."""

    def work(host: str) -> HostReport:
        facts = Heavy()
        kept.append(weakref.ref(facts))
        return ok(host)

    for event in run_fleet(hosts(50), work, FleetOptions(forks=4), threading.Event()):
        del event
    gc.collect()
    assert [ref for ref in kept if ref() is not None] == []


def test_waves_follow_one_another_after_their_pause() -> None:
    options = FleetOptions(forks=4, pace=Pace((1, 3, 6)), pause_seconds=0.01)
    events = list(run_fleet(hosts(6), ok, options, threading.Event()))
    assert [event for event in events if isinstance(event, WaveFinished)] == [
        WaveFinished(1, 1, 5),
        WaveFinished(2, 3, 3),
    ]
    ends = [number for number, event in enumerate(events) if isinstance(event, WaveFinished)]
    for end, ran in zip(ends, (1, 3), strict=True):
        assert sum(isinstance(event, HostStarted) for event in events[:end]) == ran
        assert sum(isinstance(event, HostFinished) for event in events[:end]) == ran
    assert events[-1] == RunFinished({HostStatus.OK: 6}, ExitCode.DONE, "")


def test_no_further_wave_starts_after_too_many_failures() -> None:
    def work(host: str) -> HostReport:
        raise Unreachable("CA2001", f"{host} does not answer")

    options = FleetOptions(budget=Budget(2), pace=Pace((2, 5)), pause_seconds=3600)
    events = list(run_fleet(hosts(5), work, options, threading.Event()))
    assert not any(isinstance(event, WaveFinished) for event in events)
    assert events[-1] == RunFinished(
        {HostStatus.UNREACHABLE: 2, HostStatus.NOT_RUN: 3}, ExitCode.HOSTS_UNREACHABLE, "failures"
    )


def test_a_pause_ends_when_the_run_is_cancelled() -> None:
    cancelled = threading.Event()
    options = FleetOptions(pace=Pace((1, 3)), pause_seconds=3600)
    seen = []
    for event in run_fleet(hosts(3), ok, options, cancelled):
        seen.append(event)
        if isinstance(event, WaveFinished):
            cancelled.set()
    assert seen[-1] == RunFinished({HostStatus.OK: 1, HostStatus.NOT_RUN: 2}, ExitCode.INTERRUPTED, "cancelled")


def test_no_more_hosts_than_places_are_in_hand() -> None:
    takes = {host: frozenset({"letsencrypt.org"}) for host in hosts(30)}
    options = FleetOptions(forks=8, pace=Pace((), takes, {"letsencrypt.org": 2}))
    in_hand, most = 0, 0
    for event in run_fleet(hosts(30), ok, options, threading.Event()):
        in_hand += isinstance(event, HostStarted) - isinstance(event, HostFinished)
        most = max(most, in_hand)
        last = event
    assert last == RunFinished({HostStatus.OK: 30}, ExitCode.DONE, "")
    assert most == 2


def test_hosts_start_with_gaps_between_them() -> None:
    asked: list[float] = []

    def growing() -> Iterator[float]:
        for number in count():
            asked.append(number / 1000)
            yield number / 1000

    options = FleetOptions(forks=4, gaps=growing())
    events = list(run_fleet(hosts(5), ok, options, threading.Event()))
    assert [event.host for event in events if isinstance(event, HostStarted)] == hosts(5)
    assert events[-1] == RunFinished({HostStatus.OK: 5}, ExitCode.DONE, "")
    assert asked == [0, 0.001, 0.002, 0.003, 0.004]


def test_the_gap_before_a_start_ends_when_the_run_is_cancelled() -> None:
    cancelled = threading.Event()
    seen = []
    for event in run_fleet(hosts(3), ok, FleetOptions(gaps=repeat(3600.0)), cancelled):
        seen.append(event)
        if isinstance(event, HostFinished):
            cancelled.set()
    assert seen[-1] == RunFinished({HostStatus.OK: 1, HostStatus.NOT_RUN: 2}, ExitCode.INTERRUPTED, "cancelled")


def test_the_run_does_not_wait_for_a_gap_after_its_last_host() -> None:
    events = list(run_fleet(hosts(1), ok, FleetOptions(gaps=repeat(3600.0)), threading.Event()))
    assert events[-1] == RunFinished({HostStatus.OK: 1}, ExitCode.DONE, "")
