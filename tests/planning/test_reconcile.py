"""The whole sentence, against the lab's simulated hosts in this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certify_automation.confirmation import Confirmation
from certify_automation.desired import DesiredHost, load
from certify_automation.errors import HostError, Locked
from certify_automation.lab.faults import MIXTURE
from certify_automation.lab.hosts import HostSpec, mixed_hosts
from certify_automation.lab.onhost import Cut, Point, VisitFaults
from certify_automation.lab.onhost.lock import LOCK
from certify_automation.model.change import ServiceRestart, ServiceStart
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.outcome import ExitCode, Result
from certify_automation.model.plan import Origin, Plan
from certify_automation.plan import CONFIRM_SECONDS, PlanOptions, observe_request
from certify_automation.reconcile import NOBODY, apply_plan, plan_host, prepare_host, reconcile, settled_facts
from certify_automation.status import status_host
from planning.on_the_lab import LabSession, built, declared
from planning.tables import table

NAMES = {"v6": "old.example.com", "v7": "new.example.com"}


def run(number: int) -> PlanOptions:
    return PlanOptions(f"{number:032x}")


def said(report: HostReport) -> str:
    return f"{report.status}{f' {report.error.id}' if report.error else ''}"


@pytest.fixture
def host(tmp_path: Path) -> tuple[DesiredHost, LabSession]:
    """A healthy v6 host and what the example fleet declares for it."""
    spec = HostSpec(NAMES["v6"], "v6")
    return declared(tmp_path, [spec]).hosts[spec.name], LabSession(built(spec, 0))


@pytest.mark.parametrize(("typed", "ended"), [(True, "changed"), (False, "rolled_back CA4026")])
def test_a_program_says_itself_who_confirms(typed: bool, ended: str, host: tuple[DesiredHost, LabSession]) -> None:
    desired, session = host
    listen = IpListen(ListenRule.EXACTLY, ("127.0.0.2", "127.0.0.1", "10.20.0.1"))
    desired = replace(desired, state=replace(desired.state, ip_listen=listen))
    asked: list[str] = []

    def person(name: str, seconds: int) -> bool:
        asked.append(f"{name} {seconds}")
        return typed

    report = reconcile(desired, session, replace(run(1), allow_lockout=True), confirmation=Confirmation(person))
    assert (said(report), asked) == (ended, [f"{desired.name} {CONFIRM_SECONDS}"])


@pytest.mark.parametrize("generation", ["v6", "v7"])
@table("reconcile")
def test_faults(case: Any, generation: str, tmp_path: Path) -> None:
    if generation not in case:
        return
    variables = {"api_port": case["api_port"]} if "api_port" in case else {}
    spec = HostSpec(NAMES[generation], generation, variables=variables)
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    faults = [(case["fault"], case.get("options", {}))] if "fault" in case else []
    session = LabSession(built(spec, 0, faults))
    report = reconcile(desired, session, run(1))
    assert said(report) == case[generation], report.error
    again = plan_host(desired, session, run(2))
    if report.status is HostStatus.CHANGED:
        assert again.plan is not None
        assert (said(again), again.plan.differences, again.exit_code) == ("ok", (), ExitCode.DONE)
        assert session.scripts == ["Observe", "Apply", "Observe"]
    else:
        assert said(again) == case.get("again", case[generation])
        acted = ["Apply"] if report.outcome is not None else []
        assert session.scripts == ["Observe", *acted, "Observe"]


@pytest.mark.parametrize("generation", ["v6", "v7"])
@table("reconcile")
def test_looking_changes_no_byte(case: Any, generation: str, tmp_path: Path) -> None:
    spec = HostSpec(NAMES[generation], generation)
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    faults = [(case["fault"], case.get("options", {}))] if "fault" in case else []
    session = LabSession(built(spec, 0, faults))
    before = session.host.computer.dump()
    plan_host(desired, session, run(1))
    status_host(desired, session, run(2))
    assert session.host.computer.dump() == before
    assert session.scripts == ["Observe", "Observe"]


@pytest.mark.parametrize("generation", ["v6", "v7"])
@pytest.mark.parametrize("fault", ["malformed_config", "listen_list_excludes", "service_stopped", "driver_disabled"])
def test_the_service_starts_once_whatever_changes(fault: str, generation: str, tmp_path: Path) -> None:
    spec = HostSpec(NAMES[generation], generation)
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    session = LabSession(built(spec, 0, [(fault, {})]))
    before = starts(session)
    report = reconcile(desired, session, run(1))
    assert report.status is HostStatus.CHANGED
    assert report.plan is not None
    acts = [change for change in report.plan.changes if isinstance(change, ServiceRestart | ServiceStart)]
    assert starts(session) - before == len(acts) <= 1


def starts(session: LabSession) -> int:
    """How often the service has started and listened, by its own log."""
    product = session.host.product
    assert product is not None
    name, mark = {
        "v6": ("service.exceptions.log", b"Service API bound OK to"),
        "v7": ("service_startup.log", b"Core service started"),
    }[product.generation]
    path = f"{product.data_folder()}\\logs\\{name}"
    files = session.host.computer.files
    return files.read(path).count(mark) if files.exists(path) else 0


@pytest.mark.parametrize(
    ("fault", "options", "answering"),
    [
        ("pending_reboot", {}, True),
        ("endpoint_pinned", {"url": "http://127.0.0.4:9888"}, None),
        ("service_stopped", {}, None),
    ],
)
def test_an_api_that_was_not_asked_is_not_called_silent(
    fault: str, options: dict[str, Any], answering: bool | None, tmp_path: Path
) -> None:
    spec = HostSpec(NAMES["v7"], "v7")
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    session = LabSession(built(spec, 0, [(fault, options)]))
    assert status_host(desired, session, run(1)).answering is answering


@pytest.mark.parametrize("number", range(12))
def test_the_demos_hosts_converge(number: int, tmp_path: Path) -> None:
    spec = mixed_hosts()[number]
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    session = LabSession(built(spec, number, [(fault, {}) for fault in MIXTURE[number]]))
    report = reconcile(desired, session, run(1))
    assert (report.status, report.remaining, report.exit_code) == (HostStatus.CHANGED, (), ExitCode.DONE)
    second = reconcile(desired, session, run(2))
    assert (second.status, second.exit_code) == (HostStatus.OK, ExitCode.DONE)
    assert session.scripts == ["Observe", "Apply", "Observe"]


SECURITY = """
version: 1
name: security
applies_to: {hosts: ["*"]}
service:
  account: 'NT AUTHORITY\\SYSTEM'
  recovery: {actions: [{action: restart, delay: 60s}, {action: none, delay: 0s}]}
security:
  data_directory_acl: restricted
  api_exposure: {scope: loopback, block: true}
environment: {CERTIFY_SERVICE_AUTH_MODE: {state: absent}}
"""
FROM_PROGRAM_DATA = "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)(A;OICI;FR;;;AU)"


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_who_can_get_at_the_product_converges(generation: str, tmp_path: Path) -> None:
    spec = HostSpec(NAMES[generation], generation)
    declared(tmp_path, [spec])
    (tmp_path / "state" / "security.yaml").write_text(SECURITY, "utf-8")
    desired = load(tmp_path, environ={}).hosts[spec.name]
    session = LabSession(built(spec, 0))
    product = session.host.product
    assert product is not None
    session.host.computer.files.set_security(product.data_folder(), FROM_PROGRAM_DATA)
    report = reconcile(desired, session, run(1))
    assert (said(report), report.remaining) == ("changed", ())
    assert report.plan is not None
    kinds = {change.kind for change in report.plan.changes}
    assert {"data_directory.acl", "firewall_rule.add", "service.recovery"} <= kinds
    again = plan_host(desired, session, run(2))
    assert again.plan is not None
    assert (said(again), again.plan.differences) == ("ok", ())


def test_a_plan_that_would_change_something_is_drift(host: tuple[DesiredHost, LabSession]) -> None:
    report = plan_host(*host, run(1))
    assert (report.status, report.exit_code) == (HostStatus.CHANGED, ExitCode.DRIFT)


def test_the_report_of_an_apply_does_not_keep_the_facts(host: tuple[DesiredHost, LabSession]) -> None:
    report = reconcile(*host, run(1))
    assert report.outcome is not None
    assert report.outcome.facts is None


def test_a_plan_applied_twice_under_one_run_acts_once(host: tuple[DesiredHost, LabSession]) -> None:
    desired, session = host
    plan = plan_host(desired, session, run(1)).plan
    assert plan is not None
    assert apply_plan(plan, session, desired.state).status is HostStatus.CHANGED
    again = apply_plan(plan, session, desired.state)
    assert again.outcome is not None
    assert (again.status, again.outcome.repeated) == (HostStatus.CHANGED, True)


def test_a_plan_whose_facts_have_moved_is_stale(host: tuple[DesiredHost, LabSession]) -> None:
    desired, session = host
    plan = plan_host(desired, session, run(1)).plan
    assert plan is not None
    apply_plan(plan, session, desired.state)
    report = apply_plan(plan.for_run(f"{2:032x}", NOBODY), session, desired.state)
    assert (said(report), report.exit_code) == ("stale CA4002", ExitCode.STALE_PLAN)
    assert report.error is not None
    assert "url_reservation http://127.0.0.2:9696/" in report.error.message


def test_a_host_that_drops_out_is_unknown_and_converges_in_the_next_run(tmp_path: Path) -> None:
    spec = HostSpec(NAMES["v6"], "v6")
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    session = LabSession(built(spec, 0, [("malformed_config", {})]))
    session.faults = VisitFaults(power_lost_before=1)
    report = reconcile(desired, session, run(1))
    assert (report.status, report.exit_code) == (HostStatus.UNKNOWN, ExitCode.HOSTS_FAILED)
    assert report.error is not None
    assert "file.write" in report.error.message
    assert reconcile(desired, session, run(2)).status is HostStatus.CHANGED
    assert plan_host(desired, session, run(3)).status is HostStatus.OK


@pytest.mark.parametrize(
    ("faults", "ended", "code"),
    [
        (VisitFaults(disk_full_at=1), "rolled_back CA4018", ExitCode.ROLLED_BACK),
        (VisitFaults(file_edited_at=1), "stale CA4017", ExitCode.STALE_PLAN),
    ],
)
def test_what_fails_half_way_is_put_back(tmp_path: Path, faults: VisitFaults, ended: str, code: ExitCode) -> None:
    spec = HostSpec(NAMES["v6"], "v6")
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    session = LabSession(built(spec, 0, [("malformed_config", {})]))
    session.faults = faults
    report = reconcile(desired, session, run(1))
    assert (said(report), report.exit_code) == (ended, code)
    left = plan_host(desired, session, run(2)).plan
    assert left is not None
    assert "http_sys.url_reservations[http://127.0.0.2:9696/]" in {d.path for d in left.differences}


def test_what_cannot_be_visited_raises_for_the_pool_to_report(tmp_path: Path) -> None:
    spec = HostSpec(NAMES["v6"], "v6")
    desired = declared(tmp_path, [spec]).hosts[spec.name]
    with pytest.raises(HostError):
        reconcile(desired, LabSession(built(spec, 0, [("not_administrator", {})])), run(1))


def test_a_run_that_was_cut_off_is_finished_before_anything_is_planned(host: tuple[DesiredHost, LabSession]) -> None:
    desired, session = host
    session.faults = VisitFaults(cut=Cut(6, Point.AFTER))
    assert reconcile(desired, session, run(1)).status is HostStatus.UNKNOWN
    before = session.host.computer.dump()
    assert plan_host(desired, session, run(2)).recovered == ()
    assert session.host.computer.dump() == before

    session.scripts.clear()
    prepared = prepare_host(desired, session, run(3), Origin("alice@ctl01", "c0ffee"))
    assert session.scripts == ["Observe", "Apply"]
    assert [(one.run_id, one.result) for one in prepared.recovered] == [(f"{1:032x}", Result.ROLLED_BACK)]
    assert (prepared.status, prepared.plan and prepared.plan.origin.by) == (HostStatus.CHANGED, "alice@ctl01")
    report = reconcile(desired, session, run(4))
    assert (report.status, report.recovered) == (HostStatus.CHANGED, ())


def test_records_are_brought_home_after_a_recovery_too(host: tuple[DesiredHost, LabSession]) -> None:
    desired, session = host
    reconcile(desired, session, run(1))
    session.host.computer.services.configure("Certify.Service", "Manual")
    session.faults = VisitFaults(cut=Cut(6, Point.AFTER))
    reconcile(desired, session, run(2))
    nothing = Plan(desired.name, f"{3:032x}", replace(observe_request(desired.state), run="last"))
    facts, recovered = settled_facts(session, nothing)
    assert [one.run_id for one in recovered] == [f"{2:032x}"]
    assert facts.records is not None
    assert [one.run_id for one in facts.records.runs] == [f"{2:032x}", f"{1:032x}"]
    assert facts.records.run is not None


def test_an_open_run_under_a_lock_is_somebody_elses(host: tuple[DesiredHost, LabSession]) -> None:
    desired, session = host
    session.faults = VisitFaults(cut=Cut(6, Point.AFTER))
    reconcile(desired, session, run(1))
    session.host.computer.files.open_exclusive(LOCK, "another process")
    with pytest.raises(Locked, match="CA4001"):
        reconcile(desired, session, run(2))
    session.host.computer.files.close(LOCK)
    assert len(reconcile(desired, session, run(3)).recovered) == 1
