"""Two faults at once, all pairs of them: doctor never misleads, remediate never makes anything worse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import groupby
from random import Random
from typing import Any

import pytest

from certify_automation.examining import examine_host
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec

from .conftest import Journey, Ran, start
from .faulty_hosts import FaultyHost, Row, rows
from .pairs import SEEN, hidden, outcome, pairs, reasons, tried

HIDDEN, TRIED = hidden(), tried()
BY_FIRST = {row: [*found] for row, found in groupby(pairs(), key=lambda pair: pair[0])}
REFUSED = [row for row in rows() if row.visit and row.fault in {"not_administrator", "unsupported_windows"}]
ON_THE_WIRE = [pair for pair in pairs() if not any(row.cuts_winrm or row.visit for row in pair)]
SAMPLE = Random(6).sample(ON_THE_WIRE, 60)  # noqa: S311 - the same pairs each time
FLAGS = ("--json", "--forks", "24")


def fault_of(row: Row) -> str:
    return f"{row.fault}-{row.generation}"


@pytest.mark.parametrize("first", BY_FIRST, ids=fault_of)
def test_with_any_other_fault(first: Row) -> None:
    wrong = defaultdict(list)
    for pair in BY_FIRST[first]:
        for problem in outcome(pair).unexpected(HIDDEN, TRIED):
            wrong[pair[1].fault].append(problem)
    assert not wrong


@pytest.mark.parametrize("refused", REFUSED, ids=fault_of)
def test_a_visit_that_is_refused_tells_of_nothing_else(refused: Row) -> None:
    for other in SEEN:
        host = FaultyHost(refused.generation, (refused, other))
        if other.generation == refused.generation and other.fault != "constrained_language":
            found = examine_host(host.desired, host.session, host.now_ms).findings
            assert [one.id for one in found] == [refused.visit], other.fault


def test_the_table_of_what_hides_what_is_of_faults_that_there_are() -> None:
    known, named = reasons()
    assert known == named
    faults = {(row.generation, row.fault) for row in SEEN}
    assert {(generation, fault) for generation, *pair in HIDDEN for fault in pair} <= faults
    assert {(generation, fault) for generation, pair in TRIED for fault in pair} <= faults


def name(pair: tuple[Row, Row]) -> str:
    """A host name whose first fifteen characters, the computer's name, no other pair has."""
    return f"p{SAMPLE.index(pair):02}-{pair[0].generation}.lab.example"


@pytest.fixture(scope="module")
def on_the_wire(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What doctor finds on each host of the sample, and what remediate makes of it."""
    rules = FaultRules(FaultRule(row.fault, (name(pair),), row.options) for pair in SAMPLE for row in pair)
    hosts = tuple(HostSpec(name(pair), pair[0].generation) for pair in SAMPLE)
    for journey in start(tmp_path_factory.mktemp("pairs"), LabOptions(hosts, rules)):
        return travel(journey)
    raise AssertionError("no lab was started")


def travel(journey: Journey) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    for file in (journey.folder / "fleet" / "state").iterdir():
        file.unlink()
    found = by_host(journey.run("doctor", *FLAGS))
    flags = ("--yes", "--max-failures", "100%", "--allow-data", "--allow-lockout")
    return found, by_host(journey.run("remediate", *FLAGS, *flags))


def by_host(ran: Ran) -> Mapping[str, Any]:
    return {host["host"]: host for host in ran.document()["hosts"]}


@pytest.mark.parametrize("pair", SAMPLE, ids=lambda pair: "+".join(map(fault_of, pair)))
def test_the_wire_makes_no_difference(
    pair: tuple[Row, Row], on_the_wire: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> None:
    found, ended = (answer[name(pair)] for answer in on_the_wire)
    without = outcome(pair)
    assert {one["id"] for one in found["findings"]} == without.before.ids
    assert ended["status"] == without.report.status.value
    assert {one["id"] for one in ended["mended"]} == {one.id for one in without.remedy.mended}
