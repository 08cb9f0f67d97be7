"""Playbooks that renew, on real sockets: counted over all batches, held back, killed, and never requested twice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start
from .locks import holds_the_lock
from .renewing import product, requested, requested_in_all
from .test_run import playbook, steps

PROGRAM = [sys.executable, "-m", "certify_automation"]
HOSTS = [f"host{number:03}.lab.example" for number in (1, 2, 3)]
REISSUE = ["run", "reissue-from-issuer", "-e", "issuer=letsencrypt.org", "--yes", "--json"]
PATIENCE = 60


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    """Three hosts with two certificates of one authority and one of another, of which one is overdue."""
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    hosts = tuple(HostSpec(name, "v6", certificates=managed(number)) for number, name in enumerate(HOSTS))
    yield from start(tmp_path, LabOptions(hosts, pace=lab.Pace(visits=0.01, tasks=0.02)))


def managed(number: int) -> tuple[CertificateSpec, ...]:
    return (
        CertificateSpec(f"www{number}.example{number}.com"),
        CertificateSpec(f"shop{number}.example{number}.com", state="overdue"),
        CertificateSpec(f"other{number}.example{number}.com", authority="zerossl.com"),
    )


def meant(number: int) -> list[str]:
    return [f"shop{number}.example{number}.com", f"www{number}.example{number}.com"]


def all_once(journey: Journey) -> bool:
    return all(sorted(requested_in_all(journey, host)) == meant(number) for number, host in enumerate(HOSTS))


def test_due_certificates_are_renewed_and_only_these(fleet: Journey) -> None:
    done = fleet.run("run", "renew-overdue", "--yes", "--json")
    assert done.code == ExitCode.DONE, done.err
    assert {tuple(found) for found in steps(done).values()} == {
        ("the API tells what is due done", "renew what is due changed", "the new certificates are served done")
    }
    assert [requested_in_all(fleet, host) for host in HOSTS] == [[meant(number)[0]] for number in range(3)]


def test_all_of_an_issuer_in_batches_and_a_dry_run_requests_none(fleet: Journey) -> None:
    pretended = fleet.run(*[one for one in REISSUE if one != "--yes"], "--dry-run")
    assert pretended.code == ExitCode.DRIFT
    assert not any(requested(fleet, host) for host in HOSTS)
    playbook(fleet, "steps: [{renew: {reissue: true, issuer: letsencrypt.org, wait: 5m}}]\nstrategy: {batch: 1}\n")
    done = fleet.run("run", "a", "--yes", "--json")
    assert done.code == ExitCode.DONE, done.err
    assert all_once(fleet)


def test_max_is_that_of_all_batches_together(fleet: Journey) -> None:
    text = "strategy: {batch: 1}\nsteps: [{renew: {reissue: true, issuer: letsencrypt.org, max: 3, wait: 5m}}]\n"
    playbook(fleet, text)
    done = fleet.run("run", "a", "--yes", "--json")
    assert done.code == ExitCode.DONE, done.err
    assert [len(requested_in_all(fleet, host)) for host in HOSTS] == [2, 1, 0]
    messages = [host["steps"][0]["message"] for host in done.document()["hosts"]]
    assert messages == ["", "1 certificate waiting (1 max per run)", "2 certificates waiting (2 max per run)"]


def test_an_issuer_that_fits_nothing_is_said(fleet: Journey) -> None:
    playbook(
        fleet, "parameters: {a: {type: string, description: d}}\nsteps: [{renew: {issuer: '{{ parameters.a }}'}}]\n"
    )
    done = fleet.run("run", "a", "-e", "a=nobody", "--yes", "--json")
    assert [warning["id"] for warning in done.document()["warnings"]] == ["CA5040"]
    assert "CA5040" in done.err


def test_what_a_limit_holds_back_is_gone_on_with(fleet: Journey) -> None:
    settings = fleet.folder / "fleet" / "certify-automation.yaml"
    text = settings.read_text("utf-8")
    settings.write_text(f"{text}\nca_limits: {{letsencrypt.org: {{certificates_per_registered_domain: 1}}}}\n", "utf-8")
    playbook(
        fleet, "steps: [{renew: {reissue: true, issuer: letsencrypt.org, wait: 5m}}, {doctor: {fail_on: never}}]\n"
    )
    first = fleet.run("run", "a", "--yes", "--json")
    assert first.code == ExitCode.REFUSED, first.err
    assert steps(first) == {host: ["renew failed"] for host in HOSTS}
    assert first.document()["hosts"][0]["steps"][0]["message"] == "1 certificate waiting (1 guard)"
    settings.write_text(text, "utf-8")
    second = fleet.run("run", "--resume", first.document()["run_id"], "--yes", "--json")
    assert second.code == ExitCode.DONE, second.err
    assert steps(second) == {host: ["renew changed", "doctor done"] for host in HOSTS}
    assert all_once(fleet)


def test_a_run_that_was_killed_requests_nothing_twice(fleet: Journey) -> None:
    playbook(fleet, "strategy: {batch: 2}\nsteps: [{renew: {reissue: true, issuer: letsencrypt.org, wait: 5m}}]\n")
    for host in HOSTS:
        made = product(fleet, host)
        made.conditions.attempt_seconds = 120
    command = [*PROGRAM, "run", "a", "--yes", *fleet.flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        until = time.monotonic() + PATIENCE
        while not all(requested(fleet, host) for host in HOSTS[:2]):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
        process.communicate()
    while any(map(holds_the_lock, fleet.lab.hosts.values())):
        assert time.monotonic() < until
        time.sleep(0.01)
    for host in HOSTS:
        fleet.lab.hosts[host].computer.clock.advance(600)
    (record,) = (fleet.folder / "state" / "playbooks").glob("*.jsonl")
    rest = fleet.run("run", "--resume", record.stem, "--yes", "--json")
    assert rest.code == ExitCode.DONE, rest.err
    assert all_once(fleet)
    again = fleet.run("run", "--resume", record.stem)
    assert "CA3230" in again.err


def test_an_endpoint_that_serves_something_else_fails_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    sites = tuple(
        CertificateSpec(f"{state}.example.com", state=state, endpoint=f"{state}.example.com:443")
        for state in ("ok", "served_old")
    )
    hosts = tuple(HostSpec(name, "v6", certificates=(site,)) for name, site in zip(HOSTS, sites, strict=False))
    for journey in start(tmp_path, LabOptions(hosts)):
        folder = journey.folder / "fleet"
        settings = folder / "certify-automation.yaml"
        settings.write_text(settings.read_text("utf-8") + "\ntrust: {ca_file: ../lab-roots.pem}\n", "utf-8")
        for host, site in zip(HOSTS, sites, strict=False):
            at = "'{{ vars.tls_address }}:{{ vars.tls_port }}'"
            served = f"{{endpoint: {at}, sni: {site.name}, certificate: {site.name}}}"
            text = f"version: 1\nname: {host[:7]}\napplies_to: {{hosts: [{host}]}}\nrenewals: {{served: [{served}]}}\n"
            (folder / "state" / f"{host[:7]}.yaml").write_text(text, "utf-8")
        playbook(journey, "steps: [{verify: }]\n")
        done = journey.run("run", "a", "--json")
        assert (done.code, steps(done)) == (
            ExitCode.HOSTS_FAILED,
            {HOSTS[0]: ["verify done"], HOSTS[1]: ["verify failed"]},
        )
        said = [host["steps"][0] for host in done.document()["hosts"]]
        assert said[0]["message"] == "1 endpoint as expected"
        assert said[1]["report"]["error"]["id"] == "CA3243"
