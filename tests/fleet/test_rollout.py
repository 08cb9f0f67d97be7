from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.errors import UsageError
from certify_automation.fleet.rollout import Budget, Pace, Rollout, gaps, waves, waves_left
from certify_automation.guard.limits import read_limits
from certify_automation.guard.requests import CertificateRequest
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


@pytest.mark.parametrize(
    ("text", "count", "ends"),
    [
        ("1,10%,100%", 40, (1, 4, 40)),
        ("1,10%,100%", 41, (1, 5, 41)),
        ("1,10%,100%", 5, (1, 5)),
        ("1,10%,100%", 1, (1,)),
        ("1,10%,100%", 0, ()),
        ("1, 5 ,20", 30, (1, 5, 20, 30)),
        ("1,5,20", 7, (1, 5, 7)),
        ("10%,5", 100, (10, 100)),
        ("50%", 3, (2, 3)),
        ("100%", 3, (3,)),
        ("999999999", 3, (3,)),
        ("1,1,1", 2, (1, 2)),
    ],
)
def test_waves_are_numbers_and_shares_of_hosts(text: str, count: int, ends: tuple[int, ...]) -> None:
    assert waves(text, count) == ends


@pytest.mark.parametrize("text", ["", "0", "1,0%", "101%", "5,3", "50%,10%", "1,,2", "one", "-1", "1.5", "1 0", "%"])
def test_other_waves_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        waves(text, 10)
    assert caught.value.id == "CA3220"
    assert repr(text) in caught.value.message


@given(shares=st.lists(st.integers(1, 100), min_size=1, max_size=5), count=st.integers(0, 300))
def test_waves_rise_and_leave_no_host_out(shares: list[int], count: int) -> None:
    ends = waves(",".join(f"{share}%" for share in sorted(shares)), count)
    assert list(ends) == sorted(set(ends))
    assert ends[-1:] == ((count,) if count else ())


def started(rollout: Rollout) -> list[str]:
    hosts = []
    while (host := rollout.start()) is not None:
        hosts.append(host)
    return hosts


HOSTS = [f"web{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("left", "ends"),
    [
        (HOSTS, (1, 5, 10)),
        (HOSTS[1:], (4, 9)),
        (HOSTS[5:], (5,)),
        ([HOSTS[0], *HOSTS[6:]], (1, 5)),
        ([HOSTS[2], HOSTS[9]], (1, 2)),
        ([], ()),
    ],
)
def test_a_run_goes_on_in_the_waves_it_began_with(left: list[str], ends: tuple[int, ...]) -> None:
    assert waves_left("1,50%,100%", HOSTS, left) == ends


def test_a_wave_starts_when_all_hosts_of_the_one_before_have_ended() -> None:
    rollout = Rollout(list("abcdef"), forks=9, pace=Pace((1, 3, 6)))
    assert started(rollout) == ["a"]
    assert not rollout.wave_ended
    rollout.finish(HostReport("a", HostStatus.CHANGED))
    assert rollout.wave_ended
    assert started(rollout) == []
    rollout.next_wave()
    assert started(rollout) == ["b", "c"]
    rollout.finish(HostReport("c", HostStatus.CHANGED))
    assert not rollout.wave_ended
    rollout.finish(HostReport("b", HostStatus.CHANGED))
    assert rollout.wave_ended
    rollout.next_wave()
    assert started(rollout) == ["d", "e", "f"]
    for host in "def":
        rollout.finish(HostReport(host, HostStatus.CHANGED))
    assert not rollout.wave_ended
    assert rollout.over


def test_a_wave_does_not_start_after_too_many_failures() -> None:
    rollout = Rollout(list("abc"), budget=Budget(1), pace=Pace((1, 3)))
    assert started(rollout) == ["a"]
    rollout.finish(HostReport("a", HostStatus.FAILED))
    assert not rollout.wave_ended
    assert (rollout.over, rollout.stopped) == (True, "failures")


def test_hosts_whose_place_is_taken_are_passed_over_for_now() -> None:
    takes = {"a": frozenset({"x"}), "b": frozenset({"x"}), "c": frozenset({"y"}), "d": frozenset({"x", "y"})}
    rollout = Rollout(list("abcde"), pace=Pace((), takes, {"x": 1, "y": 1}))
    assert started(rollout) == ["a", "c", "e"]
    rollout.finish(HostReport("a", HostStatus.OK))
    assert started(rollout) == ["b"]
    rollout.finish(HostReport("c", HostStatus.OK))
    assert started(rollout) == []
    rollout.finish(HostReport("b", HostStatus.OK))
    assert started(rollout) == ["d"]


def test_a_place_without_a_number_takes_any() -> None:
    takes = {host: frozenset({"x"}) for host in "abc"}
    assert started(Rollout(list("abc"), pace=Pace((), takes))) == ["a", "b", "c"]


def test_hosts_ask_an_authority_as_its_limits_say() -> None:
    requests = [
        CertificateRequest(host, "1", "1", authority, staging=staging, identifiers=())
        for host, authority, staging in [("a", "x", False), ("a", "x", True), ("b", "x", False), ("c", "y", False)]
    ]
    pace = Pace.of_requests(requests, read_limits({"x": {"concurrency": 1, "staging": {"concurrency": 7}}}), (1, 3))
    assert pace.takes == {"a": {"x", "x (staging)"}, "b": {"x"}, "c": {"y"}}
    assert pace.places == {"x": 1, "x (staging)": 7, "y": 4}
    assert started(Rollout(list("abc"), pace=Pace((), pace.takes, pace.places))) == ["a", "c"]


@given(
    kinds=st.lists(st.frozensets(st.sampled_from("xyz")), max_size=30),
    places=st.dictionaries(st.sampled_from("xyz"), st.integers(1, 3)),
    shares=st.lists(st.integers(1, 100), max_size=3),
    forks=st.integers(1, 6),
    seed=st.randoms(use_true_random=False),
)
def test_no_wave_and_no_place_is_overrun(
    kinds: list[frozenset[str]], places: dict[str, int], shares: list[int], forks: int, seed: Random
) -> None:
    hosts = [f"host{n}" for n in range(len(kinds))]
    takes = dict(zip(hosts, kinds, strict=True))
    ends = waves(",".join(f"{share}%" for share in sorted([*shares, 100])), len(hosts))
    rollout = Rollout(hosts, forks, pace=Pace(ends, takes, places))
    order: list[str] = []
    while not rollout.over:
        order += started(rollout)
        assert len(rollout.in_hand) <= forks
        for place, number in places.items():
            assert sum(place in takes[host] for host in rollout.in_hand) <= number
        rollout.finish(HostReport(seed.choice(list(rollout.in_hand)), HostStatus.OK))
        if rollout.wave_ended:
            assert sorted(order, key=hosts.index) == hosts[: ends[rollout.wave]]
            rollout.next_wave()
    assert sorted(order, key=hosts.index) == hosts


def test_hosts_held_back_come_in_their_order() -> None:
    rollout = Rollout(list("abcd"), pace=Pace((), {"a": frozenset({"x"}), "b": frozenset({"x"})}, {"x": 1}))
    assert started(rollout) == ["a", "c", "d"]
    report = rollout.hold_back()
    assert report is not None
    assert report.host == "b"
    assert rollout.hold_back() is None


def test_gaps_are_as_long_as_their_generator_says() -> None:
    first, same = (list(islice(gaps(5.0, Random(7)), 100)) for _ in range(2))  # noqa: S311 - the same again is the point
    assert first == same
    assert all(0 <= gap <= 5 for gap in first)
    assert len(set(first)) > 90
