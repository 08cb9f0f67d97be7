"""What doctor finds, remediate ends; what it leaves, it says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.lab.onhost import Cut, Point, VisitFaults
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start

LISTEN, DISABLED, TAKEN, DATA, WELL = (
    f"{name}.lab.example" for name in ("listen", "disabled", "taken", "data", "well")
)
HOSTS = (HostSpec(LISTEN, "v6"), HostSpec(DISABLED, "v7"), HostSpec(TAKEN, "v6"), HostSpec(DATA, "v6"))
FAULTS = {
    "listen_list_excludes": LISTEN,
    "malformed_config": LISTEN,
    "service_disabled": DISABLED,
    "port_taken": TAKEN,
    "fault_message": TAKEN,
    "database_damaged": DATA,
}
AN_EFFECT = 6
NOTHING = "version: 1\napplies_to: all\n"


class OneCut(FaultRules):
    """Cuts the next visit to LISTEN that acts off, once it is told where."""

    cut: Cut | None = None

    def visit(self, name: str) -> VisitFaults:
        faults = super().visit(name)
        if name == LISTEN:
            faults.cut, self.cut = self.cut, None
        return faults


@pytest.fixture
def rules() -> OneCut:
    return OneCut(FaultRule(fault, (host,)) for fault, host in FAULTS.items())


@pytest.fixture
def broken(tmp_path: Path, rules: OneCut) -> Iterator[Journey]:
    """Five hosts, one of them well, for which nothing is declared."""
    for journey in start(tmp_path, LabOptions((*HOSTS, HostSpec(WELL, "v7")), rules)):
        declare(journey, "")
        yield journey


def declare(journey: Journey, text: str) -> None:
    for file in (journey.folder / "fleet" / "state").iterdir():
        file.unlink()
    (journey.folder / "fleet" / "state" / "site.yaml").write_text(NOTHING + text, "utf-8")


def by_host(ran: Ran, member: str) -> dict[str, list[str]]:
    """Host -> ids of the findings under a member of its document; hosts without any are left out."""
    hosts: list[dict[str, Any]] = ran.document()["hosts"]
    return {host["host"]: [one["id"] for one in host[member]] for host in hosts if host.get(member)}


def test_a_dry_run_shows_what_would_end_and_changes_nothing(broken: Journey) -> None:
    found = by_host(broken.run("doctor", "--json"), "findings")
    before = broken.lab.dump()  # a first question to the API has made the folder in which its tasks are kept
    ran = broken.run("remediate", "--dry-run", "--json")
    assert (ran.code, ran.document()["kind"]) == (ExitCode.DRIFT, "remediate")
    mended, left = by_host(ran, "mended"), by_host(ran, "left")
    assert mended[DISABLED] == ["CA6106", "CA6107", "CA6704"]
    assert {"CA6201", "CA6301", "CA6105"} <= set(mended[LISTEN])
    assert (mended[TAKEN], left[TAKEN][0]) == (["CA6304"], "CA6102")
    assert WELL not in found
    told = {host: {*mended.get(host, ()), *left.get(host, ())} for host in found}
    assert told == {host: set(ids) - {"CA6805"} for host, ids in found.items()}
    assert broken.lab.dump() == before


def test_what_was_ended_is_found_no_more_and_the_rest_is_said(broken: Journey) -> None:
    ran = broken.run("remediate", "--yes")
    assert ran.code == ExitCode.DRIFT
    assert "add 127.0.0.2 to the IP listen list" in ran.out
    assert f"{TAKEN}: CA6102" in ran.out
    assert f"{DATA}: CA6401 The database cannot be used: it changes the product's data: pass --allow-data" in ran.out
    assert set(by_host(broken.run("doctor", "--json"), "findings")) == {TAKEN, DATA}
    again = broken.run("remediate", LISTEN, DISABLED, WELL, "--yes")
    assert (again.code, "nothing to end" in again.out) == (ExitCode.DONE, True)


def test_a_backup_takes_the_database_s_place_only_where_that_is_allowed(broken: Journey) -> None:
    ran = broken.run("remediate", DATA, "--yes", "--allow-data", "--json")
    assert (ran.code, ran.hosts()) == (ExitCode.DONE, {DATA: "changed"})
    assert by_host(broken.run("doctor", DATA, "--json"), "findings") == {}


def test_only_one_finding_ends_with_what_follows_from_it(broken: Journey) -> None:
    ran = broken.run("remediate", LISTEN, "--yes", "--only", "config_malformed", "--json")
    assert (ran.code, by_host(ran, "mended"), by_host(ran, "left")) == (ExitCode.DRIFT, {}, {LISTEN: ["CA6301"]})
    ran = broken.run("remediate", LISTEN, "--yes", "--only", "CA6201", "--json")
    assert ran.code == ExitCode.DONE
    assert by_host(broken.run("doctor", LISTEN, "--json"), "findings") == {LISTEN: ["CA6301"]}


def test_a_remedy_that_is_declared_otherwise_is_an_error_with_its_place(broken: Journey) -> None:
    broken.run("doctor")
    before = broken.lab.dump()
    declare(broken, "http_sys:\n  ip_listen:\n    exactly: [10.20.0.1]\n")
    ran = broken.run("remediate", LISTEN, WELL, "--yes")
    assert ran.code == ExitCode.CONFIGURATION_ERROR
    assert "CA1282" in ran.out
    assert "state/site.yaml:5:5: " in ran.out
    assert "http_sys.ip_listen.exactly would have to be" in ran.out
    assert broken.lab.dump() == before


def test_a_run_that_was_cut_off_is_brought_to_its_end_first(broken: Journey, rules: OneCut) -> None:
    rules.cut = Cut(AN_EFFECT, Point.AFTER)
    cut = broken.run("remediate", LISTEN, "--yes", "--json")
    assert (cut.code, cut.hosts()[LISTEN][:7]) == (ExitCode.HOSTS_FAILED, "unknown")
    ran = broken.run("remediate", LISTEN, "--yes", "--json")
    assert ran.code == ExitCode.DONE
    assert len(ran.document()["hosts"][0]["recovered"]) == 1
    assert by_host(broken.run("doctor", LISTEN, "--json"), "findings") == {}


def test_nobody_is_asked_where_nobody_can_answer(broken: Journey) -> None:
    ran = broken.run("remediate")
    assert (ran.code, "CA5063" in ran.err) == (ExitCode.CONFIGURATION_ERROR, True)
    unknown = broken.run("remediate", "--yes", "--only", "listen_list_excludes_host")
    assert (unknown.code, "list_excludes_host" in unknown.err) == (ExitCode.CONFIGURATION_ERROR, True)
