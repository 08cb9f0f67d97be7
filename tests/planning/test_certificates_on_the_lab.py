"""Certificates from the first look to the second plan, against the lab's simulated hosts in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certify_automation.desired import DesiredHost
from certify_automation.lab.certify.conditions import FAILURES
from certify_automation.lab.certify.product import Product
from certify_automation.lab.hosts import HostSpec
from certify_automation.lab.onhost import Cut, Point, VisitFaults
from certify_automation.lab.onhost.lock import LOCK
from certify_automation.model.host import ApiAccess, HostState
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode
from certify_automation.model.renewal import Hold, RenewalPolicy, RenewalStatus
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import plan_host, reconcile
from certify_automation.status import status_host
from planning.on_the_lab import LabSession, built, declared

GENERATIONS = pytest.mark.parametrize("generation", ["v6", "v7"])
LIFETIME = 90
PAUSED = 4


def run(number: int) -> PlanOptions:
    return PlanOptions(f"{number:032x}")


class Scene:
    """A healthy host, what is declared for it, and certificates that nothing but this program renews."""

    def __init__(self, folder: Path, generation: str) -> None:
        spec = HostSpec(f"{generation}.example.com", generation)
        found = declared(folder, [spec]).hosts[spec.name]
        self.session = LabSession(built(spec, 0))
        assert reconcile(found, self.session, run(1)).exit_code is ExitCode.DONE
        self.session.scripts.clear()
        self.desired = with_certificates(found, {"renewalIntervalDays": 70}, RenewalPolicy())
        self.product.conditions.timer = False

    @property
    def product(self) -> Product:
        product = self.session.host.product
        assert product is not None
        return product

    def manage(self, ages: Mapping[str, float], **other: Any) -> None:
        """Certificates by name, issued so many days ago."""
        assert self.product.store is not None
        self.product.store.put_items([self._item(name, age, other.get(name, {})) for name, age in ages.items()])

    def renew_by_hand(self, name: str) -> None:
        """As somebody does at the console."""
        assert self.product.store is not None
        self.product.store.change([self._item(name, 0, {})])

    def _item(self, name: str, age: float, other: Mapping[str, Any]) -> dict[str, Any]:
        start = self.session.host.computer.clock.now() - timedelta(days=age)
        issued = start.isoformat()
        return {
            "Id": f"id-{name}",
            "Name": name,
            "ItemType": 1,
            "IncludeInAutoRenew": True,
            "RequestConfig": {"PrimaryDomain": f"{name}.example.com"},
            "DateStart": issued,
            "DateRenewed": issued,
            "DateLastRenewalAttempt": issued,
            "DateExpiry": (start + timedelta(days=LIFETIME)).isoformat(),
            "LastRenewalStatus": 3,
            "CertificateThumbprintHash": "a9993e364706816aba3e25717850c26c9cd0d89d",
            "CertificatePath": f"C:\\ProgramData\\certify\\assets\\{name}.pfx",
            **other,
        }

    def acted(self) -> list[dict[str, Any]]:
        """What was asked of the API that has certificates requested."""
        assert not [asked for asked in self.product.requests if "accounts" in asked.path]
        assert not [asked for asked in self.product.requests if asked.method == "GET" and "renewcert" in asked.path]
        return [json.loads(asked.body) for asked in self.product.requests if asked.path.endswith("/autorenew")]


def with_certificates(host: DesiredHost, preferences: Mapping[str, Any], policy: RenewalPolicy) -> DesiredHost:
    return replace(host, state=replace(host.state, preferences=preferences, renewals=policy))


def statuses(report: HostReport) -> dict[str, RenewalStatus]:
    return {one.id: one.status for one in report.renewed.renewals} if report.renewed else {}


def holds(report: HostReport) -> dict[str, Hold]:
    return {held.name: held.hold for held in report.plan.held} if report.plan else {}


@GENERATIONS
@pytest.mark.parametrize("stuck", [False, True])
def test_a_product_that_is_not_to_renew_by_itself_is_not_taken_for_stalled(
    generation: str, stuck: bool, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, generation)
    scene.manage({"a": 80})
    assert scene.product.scheduler is not None
    scene.product.scheduler.running = stuck
    scene.session.host.computer.clock.advance(2 * 3600)
    report = plan_host(scene.desired, scene.session, run(2))
    warnings = [*(report.plan.warnings if report.plan else ()), *([report.error.id] if report.error else ())]
    assert stuck == any("stopped renewing" in str(one) for one in warnings), warnings


@GENERATIONS
def test_three_overdue_one_failing_one_paused(generation: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, generation)
    scene.manage({"a": 80, "b": 85, "c": 88, "dns": 80, "paused": 80, "young": 3}, paused={"LastRenewalStatus": PAUSED})
    scene.product.conditions.failing["id-dns"] = FAILURES["dns"]
    assert status_host(scene.desired, scene.session, run(2)).certificates == "6 managed, 0 failing, 5 due"
    planned = plan_host(scene.desired, scene.session, run(2))
    assert (planned.exit_code, holds(planned)) == (ExitCode.DRIFT, {"paused": Hold.PAUSED})
    assert scene.acted() == []

    done = reconcile(scene.desired, scene.session, run(3))
    assert (done.exit_code, done.error and done.error.id) == (ExitCode.HOSTS_FAILED, "CA4121")
    renewed = {f"id-{name}": RenewalStatus.RENEWED for name in "abc"}
    assert statuses(done) == {**renewed, "id-dns": RenewalStatus.FAILED}
    assert done.renewed is not None
    assert done.renewed.preferences == "done"
    (asked,) = scene.acted()
    assert asked["mode"] == 0
    assert (asked["isPreviewMode"], asked["awaitResults"]) == (False, False)
    assert asked["targetManagedCertificates"] == ["id-c", "id-b", "id-a", "id-dns"]

    again = reconcile(scene.desired, scene.session, run(4))
    assert (again.exit_code, again.renewed) == (ExitCode.DONE, None)
    assert holds(again) == {"dns": Hold.RETRY_AFTER, "paused": Hold.PAUSED}
    assert len(scene.acted()) == 1
    assert scene.session.scripts == [*["Inventory"] * 3, "Renew", "Inventory"]


@GENERATIONS
def test_looking_is_one_visit_that_leaves_nothing(generation: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, generation)
    scene.manage({"www": 80})
    # It stays, empty, once any visit has asked.
    scene.session.host.computer.files.make_folder("C:\\ProgramData\\certify-automation\\api")
    before = scene.session.host.computer.dump()
    plan_host(scene.desired, scene.session, run(2))
    assert scene.session.scripts == ["Inventory"]
    assert scene.session.host.computer.dump() == before


def test_without_anything_declared_of_certificates_the_api_is_not_asked_for_them(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "v6")
    scene.manage({"www": 80})
    plain = replace(scene.desired, state=replace(scene.desired.state, preferences=None, renewals=None))
    assert status_host(plain, scene.session, run(2)).certificates == ""
    assert scene.session.scripts == ["Observe"]
    assert not [asked for asked in scene.product.requests if "preferences" in asked.path]


@GENERATIONS
def test_the_api_is_found_where_nobody_has_declared_it(generation: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, generation)
    scene.manage({"www": 80})
    files, path = scene.session.host.computer.files, "C:\\ProgramData\\certify\\serviceconfig.json"
    files.write(path, b'{"Host": "127.0.0.3", "Port": 9797}')
    if generation == "v7":  # it pins another endpoint over that
        files.delete("C:\\Program Files\\CertifyTheWeb\\appsettings-core.json")
    services, name = scene.session.host.computer.services, scene.product.service_name
    for act in (services.stop, services.start):
        act(name)
        scene.session.host.computer.clock.advance(60)
        services.settle()
    bare = replace(scene.desired, state=HostState(renewals=RenewalPolicy()))
    done = reconcile(bare, scene.session, run(2))
    assert (done.exit_code, statuses(done)) == (ExitCode.DONE, {"id-www": RenewalStatus.RENEWED}), done.plan
    assert scene.session.scripts == ["Inventory", "Inventory", "Renew"]


def test_a_network_logon_has_no_rights_and_that_is_said(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "v6")
    scene.manage({"www": 80})
    connection = replace(scene.desired.connection, api_access=ApiAccess.CALLER)
    report = plan_host(replace(scene.desired, connection=connection), scene.session, run(2))
    assert report.plan is not None
    assert [one.id for one in report.plan.warnings] == ["CA3077"]
    assert (report.exit_code, report.plan.after_commit) == (ExitCode.DRIFT, ())
    assert [one.path for one in report.plan.unjudged] == ["preferences", "renewals"]


def test_a_service_that_is_down_is_started_first_and_judged_by_the_next_plan(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "v6")
    scene.manage({"www": 80})
    scene.session.host.computer.services.stop(scene.product.service_name)
    scene.session.host.computer.clock.advance(60)
    scene.session.host.computer.services.settle()
    first = reconcile(scene.desired, scene.session, run(2))
    assert first.plan is not None
    assert [one.id for one in first.plan.warnings] == ["CA3076"]
    assert (first.exit_code, first.renewed) == (ExitCode.DRIFT, None)
    second = reconcile(scene.desired, scene.session, run(3))
    assert (second.exit_code, statuses(second)) == (ExitCode.DONE, {"id-www": RenewalStatus.RENEWED})


def test_what_somebody_else_renews_meanwhile_is_left_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "v7")
    scene.manage({"www": 80, "api": 80})
    session = scene.session

    class Meanwhile:
        """Somebody renews www between the look and the visit that renews."""

        def run(self, script: Any, parameters: Any, *, acts: bool) -> Any:
            if script.name == "Renew":
                scene.renew_by_hand("www")
            return session.run(script, parameters, acts=acts)

    report = reconcile(scene.desired, Meanwhile(), run(2))
    assert (report.exit_code, report.error and report.error.id) == (ExitCode.STALE_PLAN, "CA4126")
    assert statuses(report) == {"id-www": RenewalStatus.MOVED, "id-api": RenewalStatus.RENEWED}
    assert scene.acted()[0]["targetManagedCertificates"] == ["id-api"]


def test_a_host_that_another_run_holds_renews_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "v6")
    scene.manage({"www": 80})
    scene.session.host.computer.files.open_exclusive(LOCK, "another process")
    report = reconcile(scene.desired, scene.session, run(2))
    assert (report.exit_code, report.error and report.error.id) == (ExitCode.LOCK_HELD, "CA4101")
    assert scene.acted() == []


@pytest.mark.parametrize("effect", range(1, 11))
def test_a_visit_that_is_cut_off_is_unknown_and_the_next_run_sees_what_became_of_it(
    effect: int, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, "v6")
    scene.manage({"www": 80})
    scene.session.faults = VisitFaults(cut=Cut(effect, Point.AFTER))
    first = reconcile(scene.desired, scene.session, run(2))
    assert (first.status, first.exit_code) == (HostStatus.UNKNOWN, ExitCode.HOSTS_FAILED)
    assert first.error is not None
    assert "nothing of it is requested again" in first.error.message
    scene.session.host.computer.clock.advance(60)
    second = reconcile(scene.desired, scene.session, run(3))
    assert second.exit_code is ExitCode.DONE, second.error
    assert len(scene.acted()) == 1, "requested again although the product had renewed it"
    assert plan_host(scene.desired, scene.session, run(4)).exit_code is ExitCode.DONE
