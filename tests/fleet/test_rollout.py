from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.errors import UsageError
from certify_automation.fleet.rollout import Budget, Rollout
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode


@pytest.mark.parametrize(
    ("text", "failures", "hosts", "spent"),
    [
        ("3", 2, 100, False),
        ("3", 3, 100, True),
        ("1", 0, 5, False),
        ("10%", 1, 12, False),
        ("10%", 2, 12, True),
        ("100%", 11, 12, False),
        (" 2 ", 2, 2, True),
    ],
)
def test_a_budget_is_a_number_or_a_share_of_hosts(text: str, failures: int, hosts: int, spent: bool) -> None:
    assert Budget.parse(text).spent(failures, hosts) is spent


@pytest.mark.parametrize("text", ["0", "0%", "-1", "101%", "", "three", "1.5", "5 %", "%"])
def test_other_budgets_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Budget.parse(text)
    assert caught.value.id == "CA5001"
    assert repr(text) in caught.value.message


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        (HostStatus.FAILED, True),
        (HostStatus.UNREACHABLE, True),
        (HostStatus.ROLLED_BACK, True),
        (HostStatus.UNKNOWN, True),
        (HostStatus.REFUSED, False),
        (HostStatus.STALE, False),
        (HostStatus.LOCKED, False),
        (HostStatus.OK, False),
        (HostStatus.CHANGED, False),
    ],
)
def test_what_acted_on_nothing_spends_no_budget(status: HostStatus, counts: bool) -> None:
    rollout = Rollout(["a", "b"], budget=Budget(1), forks=1)
    assert rollout.start() == "a"
    rollout.finish(HostReport("a", status))
    assert (rollout.start() is None) is counts
    assert rollout.stopped == ("failures" if counts else "")


def test_without_a_budget_failures_hold_no_host_back() -> None:
    rollout = Rollout(["a", "b", "c"], budget=None, forks=1)
    while (host := rollout.start()) is not None:
        rollout.finish(HostReport(host, HostStatus.UNREACHABLE))
    assert (rollout.started, rollout.failures, rollout.stopped) == (3, 3, "")
    assert rollout.exit_code is ExitCode.HOSTS_UNREACHABLE


@given(
    statuses=st.lists(st.sampled_from([s for s in HostStatus if s is not HostStatus.NOT_RUN]), max_size=40),
    forks=st.integers(1, 8),
    limit=st.integers(1, 10),
    cancel_after=st.none() | st.integers(0, 20),
)
def test_every_host_is_accounted_for_once(
    statuses: list[HostStatus], forks: int, limit: int, cancel_after: int | None
) -> None:
    rollout = Rollout([f"host{n}" for n in range(len(statuses))], forks, Budget(limit))
    running: list[str] = []
    finished: list[str] = []
    while True:
        rollout.cancelled = cancel_after is not None and len(finished) >= cancel_after
        while (host := rollout.start()) is not None:
            running.append(host)
            assert len(running) <= forks
        if not running:
            break
        host = running.pop(0)
        rollout.finish(HostReport(host, statuses[int(host.removeprefix("host"))]))
        finished.append(host)
    held_back = []
    while (report := rollout.hold_back()) is not None:
        held_back.append(report.host)
    assert finished + held_back == list(rollout.hosts)
    assert sum(rollout.totals().values()) == len(statuses)
    assert rollout.failures < limit + forks
    assert (rollout.exit_code is ExitCode.INTERRUPTED) is rollout.cancelled
