"""Every state that goes wrong in the field, in one fleet: doctor names its cause, remediate ends it or says why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certify_automation.bundle import save_bundles
from certify_automation.doctor import catalogue, roots
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.host_report import HostStatus
from certify_automation.model.outcome import ExitCode
from certify_automation.remediation import Allowed

from .conftest import Journey, Ran, start
from .faulty_hosts import EVERYTHING, FaultyHost, Row, rows

Host = dict[str, Any]

ROWS = rows()
LOGIN_REFUSED = "refuse_authentication"
REACHED = [row for row in ROWS if not row.cuts_winrm and not row.visit]
REFUSED = [row for row in ROWS if row.visit and row.fault != LOGIN_REFUSED]
REFUSED_LOGINS = [row for row in ROWS if row.fault == LOGIN_REFUSED]
CUT_OFF = [row for row in ROWS if row.cuts_winrm and not row.visit]
AT_ONCE = "24"
FLAGS = ("--json", "--forks", AT_ONCE)
NOTHING_STOPS = ("--yes", "--max-failures", "100%")
UNREACHABLE = "CA6001"


def by_name(row: Row) -> str:
    return row.name


@dataclass
class Travelled:
    """One journey of the whole fleet: examined, remediated without and with all flags, examined again."""

    first: dict[str, Host]
    careful: dict[str, Host]
    allowed: dict[str, Host]
    second: dict[str, Host]
    codes: tuple[int, ...]


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Travelled]:
    others = [row for row in ROWS if row.fault != LOGIN_REFUSED]
    for journey in start(tmp_path_factory.mktemp("faults"), lab_of(others)):
        for file in (journey.folder / "fleet" / "state").iterdir():
            file.unlink()
        yield travel(journey)


def lab_of(rows: Sequence[Row]) -> LabOptions:
    """A host for each of them."""
    rules = FaultRules(FaultRule(row.fault, (row.name,), row.options) for row in rows)
    return LabOptions(tuple(HostSpec(row.name, row.generation) for row in rows), rules)


def travel(journey: Journey) -> Travelled:
    first = journey.run("doctor", *FLAGS)
    careful = journey.run("remediate", *FLAGS, *NOTHING_STOPS)
    allowed = journey.run("remediate", *FLAGS, *NOTHING_STOPS, "--allow-data", "--allow-lockout")
    second = journey.run("doctor", *FLAGS)
    every = (first, careful, allowed, second)
    assert not any("Traceback" in ran.err for ran in every)
    return Travelled(*(by_host(ran) for ran in every), codes=tuple(ran.code for ran in every))


def by_host(ran: Ran) -> dict[str, Host]:
    return {host["host"]: host for host in ran.document()["hosts"]}


def root_severities(host: Host) -> dict[str, str]:
    """Id -> severity of the findings that follow from no other."""
    return {one["id"]: one["severity"] for one in host["findings"] if not one["caused_by"]}


def ids(host: Host, member: str = "findings") -> set[str]:
    return {one["id"] for one in host.get(member) or ()}


@pytest.mark.parametrize("row", REACHED, ids=by_name)
def test_doctor_names_the_cause_and_no_other(row: Row, travelled: Travelled) -> None:
    found = root_severities(travelled.first[row.name])
    assert set(found) - set(row.also) == ({row.finding} if row.finding else set())


@pytest.mark.parametrize("row", REACHED, ids=by_name)
def test_remediate_ends_it_or_says_who_can(row: Row, travelled: Travelled) -> None:
    careful, allowed = travelled.careful[row.name], travelled.allowed[row.name]
    if row.remedy == "converges":
        assert careful["status"] == ("changed" if row.finding else "ok")
        assert ids(careful, "left") == set()
        assert ids(travelled.second[row.name]) == set()
        return
    assert ids(careful, "mended") == set()
    assert careful["status"] == "ok"
    assert row.finding in ids(careful, "left")
    assert all(one["reason"] for one in careful["left"])
    if row.remedy == "flag":
        assert "--allow-" in next(one["reason"] for one in careful["left"] if one["id"] == row.finding)
        assert (allowed["status"], ids(allowed, "left")) == ("changed", set())
        assert ids(travelled.second[row.name]) == set()
    else:
        assert (allowed["status"], ids(allowed, "mended")) == ("ok", set())
        assert root_severities(travelled.second[row.name]) == root_severities(travelled.first[row.name])


@pytest.mark.parametrize("row", REFUSED, ids=by_name)
def test_a_visit_that_is_refused_is_the_finding(row: Row, travelled: Travelled) -> None:
    for host in (travelled.first[row.name], travelled.second[row.name]):
        assert ids(host) == {row.visit}
        assert host["error"]["id"]
    assert travelled.careful[row.name]["status"] in {HostStatus.FAILED.value, HostStatus.UNREACHABLE.value}


def test_a_login_that_is_refused_is_the_finding(tmp_path: Path) -> None:
    for journey in start(tmp_path, lab_of(REFUSED_LOGINS)):
        ran = journey.run("doctor", "--json", "--forks", "1")
    assert ran.code == ExitCode.HOSTS_UNREACHABLE
    assert [ids(host) for host in by_host(ran).values()] == [{row.visit} for row in REFUSED_LOGINS]


@pytest.mark.parametrize("row", CUT_OFF, ids=by_name)
def test_a_host_that_is_cut_off_is_told_with_the_ways_around(row: Row, travelled: Travelled) -> None:
    assert row.finding is not None
    for host in (travelled.first[row.name], travelled.second[row.name]):
        (one,) = host["findings"]
        assert one["id"] == UNREACHABLE
        assert "doctor --bundle" in one["fix"]
    assert travelled.allowed[row.name]["status"] == HostStatus.UNREACHABLE.value


@pytest.mark.parametrize("row", CUT_OFF, ids=by_name)
def test_a_bundle_of_its_console_names_the_cause(row: Row, tmp_path: Path) -> None:
    host = FaultyHost(row.generation, (row,))
    examined = host.examine()
    assert not host.host.computer.reachable()
    save_bundles(tmp_path / "bundle.json", [(row.name, examined.raw)], host.now_ms)
    for journey in start(tmp_path, LabOptions((HostSpec("unused.lab.example", row.generation),))):
        offline = journey.run("doctor", "--bundle", str(tmp_path / "bundle.json"), "--json")
    assert offline.code == ExitCode.DRIFT
    assert set(root_severities(by_host(offline)[row.name])) == {row.finding}


@pytest.mark.parametrize("row", [row for row in ROWS if not row.visit], ids=by_name)
def test_at_the_console_it_ends_the_same_way(row: Row) -> None:
    host = FaultyHost(row.generation, (row,))
    first = host.examine()
    named = {one.id for one in roots(first.findings)}
    assert named - set(row.also) == ({row.finding} if row.finding else set())
    remedy, report = host.remediate(first, Allowed() if row.remedy == "converges" else EVERYTHING)
    assert report.status in {HostStatus.OK, HostStatus.CHANGED}
    second = host.examine()
    left = {one.id: why for one, why in remedy.left}
    if row.remedy == "person":
        assert left[str(row.finding)]
        assert {one.id for one in roots(second.findings)} == named
    else:
        assert (left, second.findings) == ({}, ())


def test_every_finding_of_a_server_is_the_cause_of_one_of_them_or_follows_from_others() -> None:
    of_servers = {one for one in catalogue() if not one.startswith("CA69")}
    named = {one for row in ROWS for one in (*row.own, row.visit)}
    elsewhere = {
        "CA6116",  # a start that died for a reason nobody knows
        "CA6806",  # a run of this program without an end: the journeys of open runs
    }
    assert of_servers - named == elsewhere


def test_the_exit_codes_say_what_is_left(travelled: Travelled) -> None:
    assert set(travelled.codes) == {ExitCode.HOSTS_FAILED}
