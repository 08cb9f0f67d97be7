"""Preferences of the product through the command line: what is declared is set, and nothing else changes with it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.certify import FAILURES, Product, product_of
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.lab.hosts import start as start_service
from certify_automation.lab.hosts import stop as stop_service
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start

GERMAN, TURKISH = "HOSTI01.lab.example", "hosti02.lab.example"
HOSTS = (HostSpec(GERMAN, "v6", "2016", "de-DE"), HostSpec(TURKISH, "v7", culture="tr-TR"))
SHOP = CertificateSpec("IĞDIR.example.com", ("xn--idr-1ma42b.example.com",), state="overdue")
DECLARED = "preferences: {renewal_interval: 70, max_renewal_requests: 20, certificate_cleanup_mode: none}\n"
SET = {"RenewalIntervalDays": 70, "MaxRenewalRequests": 20, "CertificateCleanupMode": 0}


@pytest.fixture
def journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    """Two hosts as declared, of which nobody speaks English, and whose preferences are those of an installation."""
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    specs = tuple(HostSpec(s.name, s.generation, s.release, s.culture, certificates=(SHOP,)) for s in HOSTS)
    for one in start(tmp_path, LabOptions(specs, pace=lab.Pace(tasks=0.1))):
        assert one.run("apply", "--yes").code == ExitCode.DONE
        yield one


def declare(journey: Journey, text: str, who: str = "all") -> None:
    head = f"version: 1\nname: certificates\napplies_to: {who}\n"
    (journey.folder / "fleet" / "state" / "certificates.yaml").write_text(head + text, "utf-8")


def product(journey: Journey, host: str) -> Product:
    computer = journey.lab.hosts[host].computer
    (found,) = filter(None, (product_of(computer, service.name) for service in computer.services.services()))
    return found


def stored(journey: Journey, host: str) -> dict[str, Any]:
    """What the product's own file says."""
    store = product(journey, host).store
    assert store is not None
    store.refresh()
    return deepcopy(store.settings)


def change(journey: Journey, host: str, **settings: Any) -> None:
    """As an administrator does in the product's window."""
    store = product(journey, host).store
    assert store is not None
    store.settings.update(settings)
    store.save()


@pytest.mark.parametrize("host", [GERMAN, TURKISH])
def test_what_is_declared_is_set_and_all_else_stays(host: str, journey: Journey) -> None:
    change(journey, host, EnableIssuerCache=True, FeatureFlags=["A_FLAG"], NtpServer="zeit.example.com")
    before = stored(journey, host)
    declare(journey, DECLARED)
    done = journey.run("apply", "--yes", "--json", "-l", host)
    assert (done.code, done.hosts()) == (ExitCode.DONE, {host: "changed"}), done.out
    assert done.document()["hosts"][0]["renewed"]["preferences"] == "done"
    after = stored(journey, host)
    assert {name: after.pop(name) for name in SET} == SET
    assert after.pop("ConfigDataStoreConnectionId") == "(default)"
    assert before.items() >= after.items()
    assert (after["EnableIssuerCache"], after["FeatureFlags"]) == (True, ["A_FLAG"])
    assert journey.run("plan", "-l", host).code == ExitCode.DONE


def test_the_service_starts_again_after_preferences_were_set(journey: Journey) -> None:
    declare(journey, DECLARED)
    assert journey.run("apply", "--yes").code == ExitCode.DONE
    for host in (GERMAN, TURKISH):
        computer, found = journey.lab.hosts[host].computer, product(journey, host)
        stop_service(computer, found)
        start_service(computer, found)
    again = journey.run("plan")
    assert again.code == ExitCode.DONE, again.out


@pytest.mark.parametrize("host", [GERMAN, TURKISH])
def test_a_preference_that_somebody_changed_meanwhile_is_not_overwritten(host: str, journey: Journey) -> None:
    declare(journey, DECLARED)
    file = journey.folder / "plan.json"
    assert journey.run("plan", "-o", str(file), "-l", host).code == ExitCode.DRIFT
    change(journey, host, RenewalIntervalDays=60)
    before = stored(journey, host)
    stale = journey.run("apply", str(file), "--json", "-l", host)
    assert (stale.code, stale.hosts()) == (ExitCode.STALE_PLAN, {host: "stale CA4111"})
    assert stored(journey, host) == before


def test_a_run_that_nobody_confirmed_is_followed_by_no_renewal(journey: Journey) -> None:
    who, allowed = f"{{hosts: [{GERMAN}]}}", ("--allow-lockout", "--yes", "--json", "-l", GERMAN, "--confirm-within")
    addresses = "renewals: {}\nhttp_sys: {ip_listen: {exactly: [127.0.0.2, 127.0.0.1]}}\n"
    declare(journey, addresses, who)
    done = journey.run("apply", *allowed, "5s")
    assert (done.code, done.hosts()) == (ExitCode.ROLLED_BACK, {GERMAN: "rolled_back CA4026"})
    assert done.document()["hosts"][0]["renewed"] is None
    assert not [asked for asked in product(journey, GERMAN).requests if asked.path.endswith("/autorenew")]
    declare(journey, addresses.replace("127.0.0.1]", '127.0.0.1, "{{ vars.own_address }}"]'), who)
    kept = journey.run("apply", *allowed, "60s")
    assert (kept.code, kept.hosts()) == (ExitCode.DONE, {GERMAN: "changed"}), kept.out
    assert [one["status"] for one in kept.document()["hosts"][0]["renewed"]["renewals"]] == ["renewed"]


def test_a_renewal_that_fails_takes_no_configuration_back(journey: Journey) -> None:
    for host in (GERMAN, TURKISH):
        conditions = product(journey, host).conditions
        conditions.failing[SHOP.item_id] = FAILURES["credentials"]
    declare(journey, "renewals: {}\nservice: {config: {log_level: debug}}\n")
    baseline = journey.folder / "fleet" / "state" / "baseline.yaml"
    text = baseline.read_text("utf-8")
    baseline.write_text(text.replace("    log_level: information", "    # log_level"), "utf-8")
    done = journey.run("apply", "--yes", "--json")
    assert done.code == ExitCode.HOSTS_FAILED
    assert done.hosts() == {GERMAN: "failed CA4121", TURKISH: "failed CA4121"}
    assert [host["outcome"]["result"] for host in done.document()["hosts"]] == ["applied", "applied"]
    again = journey.run("plan", "--json")
    assert (again.code, [host["changes"] for host in again.document()["hosts"]]) == (ExitCode.DONE, [[], []])
    assert journey.run("apply", "--yes").code == ExitCode.DONE
