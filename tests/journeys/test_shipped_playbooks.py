"""Each playbook that ships, run on simulated servers: it ends what it is for, and does nothing the second time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certify_automation import bundled, lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start
from .renewing import requested_in_all
from .test_run import steps

HOSTS = ("host001.lab.example", "host002.lab.example")
NOTHING_DECLARED = "version: 1\nname: baseline\napplies_to: all\n"
CASES: dict[str, tuple[list[str], list[str]]] = {
    "service-not-started": ([], ["service_stopped"]),
    "change-port": (["-e", "port=9700"], []),
    "http-listener": ([], ["listen_list_excludes"]),
    "enable-http-driver": ([], ["driver_disabled"]),
    "align-config-files": ([], ["connections_disagree"]),
    "renew-overdue": ([], []),
    "reissue-from-issuer": (["-e", "issuer=zerossl.com", "-e", "wait=5m", "--limit", HOSTS[0]], []),
    "reconcile": ([], ["service_stopped"]),
}
"""Playbook -> its parameters, and what is wrong on every host; one that pauses between batches has one host."""
RENEWED = {"renew-overdue": ["b.example.com"], "reissue-from-issuer": ["a.example.com"], "reconcile": ["b.example.com"]}


@pytest.fixture
def servers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    """One host of each generation with a certificate in use and one overdue, and these faults."""
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    certificates = (
        CertificateSpec("a.example.com", authority="zerossl.com"),
        CertificateSpec("b.example.com", state="overdue"),
    )
    hosts = tuple(
        HostSpec(name, kind, certificates=certificates) for name, kind in zip(HOSTS, ("v6", "v7"), strict=True)
    )
    rules = FaultRules([FaultRule(fault) for fault in request.param])
    yield from start(tmp_path, LabOptions(hosts, rules, pace=lab.Pace(tasks=0.02)))


def undeclared(journey: Journey) -> None:
    (journey.folder / "fleet" / "state" / "baseline.yaml").write_text(NOTHING_DECLARED, "utf-8")


def visited(journey: Journey) -> dict[str, dict[str, object]]:
    """The state of every host once the protected folder is there, in which the first visit asks the API."""
    journey.run("certs")
    return journey.lab.dump()


def statuses(done: dict[str, list[str]]) -> set[str]:
    return {one.rsplit(" ", 1)[1] for found in done.values() for one in found}


def test_every_playbook_is_tried() -> None:
    shipped = {path.stem for path in bundled.folder("playbooks").glob("*.yaml")}
    assert shipped == {*CASES, "upgrade-check"}


@pytest.mark.parametrize(
    ("name", "arguments", "servers"),
    [(name, arguments, faults) for name, (arguments, faults) in CASES.items()],
    ids=list(CASES),
    indirect=["servers"],
)
def test_a_shipped_playbook_ends_what_it_is_for(name: str, arguments: list[str], servers: Journey) -> None:
    if name != "reconcile":
        undeclared(servers)
    before = visited(servers)
    assert servers.run("run", name, *arguments, "--dry-run", "--json").code == ExitCode.DRIFT
    assert servers.lab.dump() == before
    done = servers.run("run", name, *arguments, "--yes", "--json")
    assert (done.code, "changed" in statuses(steps(done))) == (ExitCode.DONE, True), done.err
    for host in steps(done):
        assert requested_in_all(servers, host) == RENEWED.get(name, [])
    if name != "reissue-from-issuer":
        again = servers.run("run", name, *arguments, "--yes", "--json")
        assert (again.code, statuses(steps(again)) <= {"done", "skipped"}) == (ExitCode.DONE, True), again.err


@pytest.mark.parametrize("servers", [[]], indirect=True)
def test_an_upgrade_check_tells_the_version_apart_and_acts_on_nothing(servers: Journey) -> None:
    undeclared(servers)
    before = visited(servers)
    done = servers.run("run", "upgrade-check", "-e", "expected_major=7", "--json")
    found = steps(done)
    assert (done.code, servers.lab.dump() == before) == (ExitCode.HOSTS_FAILED, True)
    assert found[HOSTS[0]][0] == "one installation that answers failed"
    assert statuses({HOSTS[1]: found[HOSTS[1]]}) == {"done"}
