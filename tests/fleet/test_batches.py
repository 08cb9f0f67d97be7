"""Hosts in batches, and how many of them may fail."""

from __future__ import annotations

import threading

import pytest

from certify_automation.errors import UsageError
from certify_automation.fleet.batches import Tally, batches
from certify_automation.fleet.pool import FleetOptions, HostStarted, RunFinished, run_fleet
from certify_automation.fleet.rollout import Budget
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.playbook import Strategy


@pytest.mark.parametrize(
    ("strategy", "count", "sizes"),
    [
        (Strategy(), 5, [5]),
        (Strategy(), 0, []),
        (Strategy(canary=1), 5, [1, 4]),
        (Strategy(canary=1), 1, [1]),
        (Strategy(canary=9), 5, [5]),
        (Strategy(batch="2"), 5, [2, 2, 1]),
        (Strategy(batch="9"), 5, [5]),
        (Strategy(canary=1, batch="25%"), 10, [1, 3, 3, 3]),
        (Strategy(batch="1%"), 3, [1, 1, 1]),
        (Strategy(batch="100%", canary=2), 3, [2, 1]),
    ],
)
def test_every_host_is_in_one_batch_and_in_order(strategy: Strategy, count: int, sizes: list[int]) -> None:
    hosts = [f"host{number}" for number in range(count)]
    made = batches(strategy, hosts)
    assert [len(batch) for batch in made] == sizes
    assert [name for batch in made for name in batch] == hosts


def test_what_is_no_amount_is_refused() -> None:
    with pytest.raises(UsageError, match="CA5001"):
        batches(Strategy(batch="half"), ["a"])
    with pytest.raises(UsageError, match="CA5001"):
        Tally.of(Strategy(max_unreachable="0"), 3)


FAILED, LOST, OK = HostStatus.FAILED, HostStatus.UNREACHABLE, HostStatus.OK


@pytest.mark.parametrize(
    ("strategy", "statuses", "spent"),
    [
        (Strategy(), [FAILED, FAILED], False),
        (Strategy(), [FAILED, FAILED, LOST], True),
        (Strategy(max_failures="1"), [OK, HostStatus.REFUSED, HostStatus.LOCKED], False),
        (Strategy(max_failures="20%"), [HostStatus.ROLLED_BACK], False),
        (Strategy(max_failures="20%"), [HostStatus.ROLLED_BACK, HostStatus.UNKNOWN], True),
        (Strategy(max_failures="1", max_unreachable="2"), [LOST], False),
        (Strategy(max_failures="9", max_unreachable="2"), [LOST, LOST], True),
        (Strategy(max_failures="1", max_unreachable="2"), [FAILED], True),
    ],
)
def test_failures_are_counted_by_host(strategy: Strategy, statuses: list[HostStatus], spent: bool) -> None:
    tally = Tally.of(strategy, 10)
    for number, status in enumerate(statuses):
        for _ in range(2):
            tally.count(HostReport(f"host{number}", status))
    assert tally.spent is spent


@pytest.mark.parametrize(
    ("budget", "unreachable", "started"),
    [(Budget(1), None, 1), (Budget(1), Budget(2), 2), (Budget(1), Budget(9), 3), (None, Budget(1), 1)],
)
def test_hosts_out_of_reach_have_a_budget_of_their_own(
    budget: Budget | None, unreachable: Budget | None, started: int
) -> None:
    def work(host: str) -> HostReport:
        return HostReport(host, FAILED if host == "c" else LOST)

    options = FleetOptions(1, budget, unreachable=unreachable)
    events = list(run_fleet(["a", "b", "c", "d"], work, options, threading.Event()))
    assert sum(isinstance(event, HostStarted) for event in events) == started
    assert isinstance(events[-1], RunFinished)
    assert events[-1].stopped == "failures"
