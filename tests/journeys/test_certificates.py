"""Certificates through the command line on real sockets: planned, renewed by apply, held back, and left alone after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
SITES = (
    CertificateSpec("a.example.com", state="overdue", endpoint="a.example.com:443"),
    CertificateSpec("b.example.com", state="overdue", endpoint="b.example.com:443"),
    CertificateSpec(
        "straße.example.com",
        ("xn--strae-oqa.example.com",),
        state="overdue",
        endpoint="xn--strae-oqa.example.com:443",
    ),
    CertificateSpec("dns.example.com", state="failing_dns", endpoint="dns.example.com:443"),
    CertificateSpec("old.example.com", state="served_old", endpoint="old.example.com:443"),
    CertificateSpec("paused.example.com", state="paused"),
)
OVERDUE = [spec.name for spec in SITES if spec.state == "overdue"]
MANAGED = (
    CertificateSpec("a.example.com", state="overdue"),
    CertificateSpec("b.example.com", state="overdue"),
    CertificateSpec("c.example.com", state="overdue"),
    CertificateSpec("dns.example.com", state="failing_dns"),
    CertificateSpec("bücher.example.com", identifiers=("xn--bcher-kva.example.com",), state="paused"),
    CertificateSpec("young.example.com"),
)
DECLARED = """\
version: 1
name: certificates
applies_to: all
preferences: {renewal_interval: 70, enable_status_reporting: false}
renewals: {retry_after: 6h}
"""


@pytest.fixture
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    """Two hosts that are as declared but for their certificates."""
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    hosts = (HostSpec(LEGACY, "v6", certificates=MANAGED), HostSpec(MODERN, "v7", certificates=MANAGED[:1]))
    for journey in start(tmp_path, LabOptions(hosts, pace=lab.Pace(tasks=0.02))):
        assert journey.run("apply", "--yes").code == ExitCode.DONE
        (journey.folder / "fleet" / "state" / "certificates.yaml").write_text(DECLARED, "utf-8")
        yield journey


def changes(done: Ran, host: int) -> list[str]:
    found: list[dict[str, Any]] = done.document()["hosts"][host]["changes"]
    return [f"{change['kind']} {change['name']}" for change in found]


def renewals(done: Ran, host: int) -> dict[str, str]:
    document = done.document()["hosts"][host]
    names = {change["id"]: change["name"] for change in document["changes"] if "id" in change}
    return {names[one["id"]]: one["status"] for one in document["renewed"]["renewals"]}


def held(done: Ran, host: int) -> dict[str, str]:
    return {one["name"]: one["hold"] for one in done.document()["hosts"][host]["held"]}


def test_plan_shows_apply_renews_and_the_second_plan_is_empty(managed: Journey) -> None:
    planned = managed.run("plan", "--json")
    assert planned.code == ExitCode.DRIFT
    preferences = ["preference.set enableStatusReporting", "preference.set renewalIntervalDays"]
    assert changes(planned, 0)[:2] == preferences
    assert sorted(changes(planned, 0)[2:]) == [
        f"certificate.renew {name}.example.com" for name in ("a", "b", "c", "dns")
    ]
    assert held(planned, 0) == {"bücher.example.com": "paused"}
    shown = managed.run("plan").out
    assert "set the preference renewal_interval to 70 (renewal)" in shown

    done = managed.run("apply", "--yes", "--json")
    assert done.code == ExitCode.HOSTS_FAILED, done.err
    assert done.hosts() == {LEGACY: "failed CA4121", MODERN: "changed"}
    renewed = {f"{name}.example.com": "renewed" for name in "abc"}
    assert renewals(done, 0) == {**renewed, "dns.example.com": "failed"}
    assert renewals(done, 1) == {"a.example.com": "renewed"}

    again = managed.run("plan", "--json")
    assert again.code == ExitCode.DONE, again.out
    assert (changes(again, 0), held(again, 0)) == (
        [],
        {"dns.example.com": "back_off", "bücher.example.com": "paused"},
    )
    status = managed.run("status").out
    assert f"{LEGACY}: certificates 6 managed, 1 failing, 2 due" in status


def test_a_saved_plan_renews_what_nobody_has_renewed_meanwhile(managed: Journey) -> None:
    file = managed.folder / "plan.json"
    assert managed.run("plan", "-o", str(file), "-l", MODERN).code == ExitCode.DRIFT
    assert json.loads(file.read_text("utf-8"))["plans"][0]["after_commit"]
    assert managed.run("apply", "--yes", "-l", MODERN).code == ExitCode.DONE
    stale = managed.run("apply", str(file), "--json", "-l", MODERN)
    assert (stale.code, stale.hosts()[MODERN]) == (ExitCode.STALE_PLAN, "stale CA4126")
    assert renewals(stale, 0) == {"a.example.com": "moved"}


def test_what_a_limit_holds_back_is_refused_and_said(managed: Journey) -> None:
    settings = managed.folder / "fleet" / "certify-automation.yaml"
    limits = "ca_limits: {letsencrypt.org: {certificates_per_registered_domain: 2}}\n"
    settings.write_text(f"{settings.read_text('utf-8')}\n{limits}", "utf-8")
    done = managed.run("apply", "--yes", "--json")
    assert done.code == ExitCode.REFUSED, done.out
    assert list(renewals(done, 0).values()) == ["renewed"]
    assert list(held(done, 0).values()).count("guard") == 3
    assert managed.run("apply", "--yes").out.count("held back") == 1


@pytest.fixture(params=["v6", "v7"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    """A host as declared with three certificates overdue, one failing, one served old and one paused."""
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    hosts = (HostSpec(LEGACY, request.param, certificates=SITES),)
    for journey in start(tmp_path, LabOptions(hosts, pace=lab.Pace(tasks=0.02))):
        fleet = journey.folder / "fleet"
        settings = fleet / "certify-automation.yaml"
        settings.write_text(settings.read_text("utf-8") + "\ntrust: {ca_file: ../lab-roots.pem}\n", "utf-8")
        assert journey.run("apply", "--yes").code == ExitCode.DONE
        served = [
            {"endpoint": "{{ vars.tls_address }}:{{ vars.tls_port }}", "sni": spec.names[0], "certificate": spec.name}
            for spec in SITES
            if spec.endpoint
        ]
        document = {"version": 1, "name": "sites", "applies_to": "all", "renewals": {"served": served}}
        (fleet / "state" / "sites.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        yield journey


def seen(done: Ran) -> dict[str, tuple[str, str]]:
    """Certificate -> verdict on its endpoint, and the thumbprint that is served."""
    found: list[dict[str, Any]] = done.document()["endpoints"]
    return {one["certificate"]: (one["verdict"], one["presented"]["sha1"]) for one in found}


def listed(journey: Journey) -> dict[str, dict[str, Any]]:
    done = journey.run("certs", "--json")
    assert done.code == ExitCode.DONE, done.err
    (host,) = done.document()["hosts"]
    assert (host["access"], host["warnings"]) == ("task", [])
    return {one["name"]: one for one in done.document()["certificates"]}


def test_what_is_due_is_renewed_and_is_what_is_served(site: Journey) -> None:
    certificates = listed(site)
    assert {name for name, one in certificates.items() if one["requested"]} == {*OVERDUE, "dns.example.com"}
    planned = site.run("plan", "--json")
    assert planned.code == ExitCode.DRIFT
    assert sorted(changes(planned, 0)) == sorted(f"certificate.renew {name}" for name in (*OVERDUE, "dns.example.com"))
    assert held(planned, 0) == {"paused.example.com": "paused"}
    before = site.run("verify", "--json")
    assert before.code == ExitCode.DRIFT, before.err
    assert {name for name, (verdict, _) in seen(before).items() if verdict != "served"} == {"old.example.com"}

    done = site.run("renew", "--yes", "--wait", "--json")
    assert (done.code, done.hosts()) == (ExitCode.HOSTS_FAILED, {LEGACY: "failed CA4121"}), done.err
    assert renewals(done, 0) == {**dict.fromkeys(OVERDUE, "renewed"), "dns.example.com": "failed"}

    after = site.run("verify", "--json")
    assert after.code == ExitCode.DRIFT
    verdicts, now = seen(after), listed(site)
    for name in OVERDUE:
        assert verdicts[name] == ("served", now[name]["thumbprint"])
        assert verdicts[name] != seen(before)[name]
    assert verdicts["dns.example.com"] == seen(before)["dns.example.com"]
    (old,) = (one for one in after.document()["endpoints"] if one["verdict"] != "served")
    assert (old["certificate"], old["verdict"]) == ("old.example.com", "old_certificate")
    assert "the http.sys binding old.example.com:443 still has the one served" in old["cause"]
    assert old["next_step"].startswith("deploy it again")

    again = site.run("plan", "--json")
    assert (again.code, changes(again, 0)) == (ExitCode.DONE, [])
    assert held(again, 0) == {"dns.example.com": "back_off", "paused.example.com": "paused"}


def test_a_logon_that_can_prove_itself_asks_without_a_task(site: Journey) -> None:
    pytest.importorskip("requests_credssp", reason="the extra `credssp` is not installed")
    inventory = site.folder / "inventory.yaml"
    inventory.write_text(inventory.read_text("utf-8").replace("auth: negotiate", "auth: credssp"), "utf-8")
    looked = site.run("certs", "--json")
    assert [host["access"] for host in looked.document()["hosts"]] == ["caller"], looked.err
    done = site.run("renew", "--yes", "--wait", "--json")
    assert renewals(done, 0) == {**dict.fromkeys(OVERDUE, "renewed"), "dns.example.com": "failed"}
