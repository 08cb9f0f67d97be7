"""What a visit costs in HTTP requests, counted where they arrive."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from certify_automation import onhost
from certify_automation.desired import connect_secrets, load
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.lab.winrm.host import Traffic
from certify_automation.model.host_report import HostStatus
from certify_automation.model.outcome import ExitCode
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import reconcile
from certify_automation.remote import Credentials, Session, connect

from .conftest import Journey, start
from .test_lockouts import declare

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
PLAN, APPLY, CONFIRM = 10, 16, 10
OWN = "10.20.0.1"


@dataclass
class Counted:
    """A session that knows what each of its visits cost."""

    session: Session
    traffic: Traffic
    costs: list[int] = field(default_factory=list)

    def run(self, script: onhost.Script, parameters: Mapping[str, Any], *, acts: bool) -> Mapping[str, object]:
        before = self.traffic.requests
        try:
            return self.session.run(script, parameters, acts=acts)
        finally:
            self.costs.append(self.traffic.requests - before)


def asked(journey: Journey, host: str) -> int:
    return journey.lab.hosts[host].endpoint.traffic.requests


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_plan_and_an_apply(scheme: str, tmp_path: Path) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(2, 0), scheme=scheme)):
        saved = str(tmp_path / "fleet.plan.json")
        assert journey.run("plan", "-o", saved).code == ExitCode.DRIFT
        planned = asked(journey, MODERN)
        assert 0 < planned <= PLAN
        assert journey.run("apply", saved).code == ExitCode.DONE
        assert 0 < asked(journey, MODERN) - planned <= APPLY


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_lockout_with_its_confirmation(scheme: str, tmp_path: Path) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(1, 0), scheme=scheme)):
        assert journey.run("apply", "--yes").code == ExitCode.DONE
        declare(journey, LEGACY, "127.0.0.2", "127.0.0.1", OWN)
        fleet = load(journey.folder / "fleet", inventory=journey.folder / "inventory.yaml", environ=os.environ)
        host = fleet.hosts[LEGACY]
        session = connect(connect_secrets(host, os.environ), credentials=Credentials())
        counted = Counted(session, journey.lab.hosts[LEGACY].endpoint.traffic)
        report = reconcile(host, counted, PlanOptions("0" * 32, allow_lockout=True, confirm_seconds=60))
        assert (report.status, report.remaining) == (HostStatus.CHANGED, ())
        assert set(journey.lab.hosts[LEGACY].computer.http.live) == {"127.0.0.2", "127.0.0.1", OWN}
        limits = (PLAN, APPLY, CONFIRM)
        assert all(0 < cost <= limit for cost, limit in zip(counted.costs, limits, strict=True)), counted.costs


def apply_cost(folder: Path, seconds: int, *rules: FaultRule) -> int:
    """The requests of a plan and an apply to a stopped service that takes so long to start."""
    folder.mkdir()
    faults = FaultRules([FaultRule("service_stopped"), FaultRule("service_slow", options={"seconds": seconds}), *rules])
    for journey in start(folder, LabOptions(generated_hosts(1, 0), faults)):
        clock = journey.lab.hosts[LEGACY].computer.clock
        begun = clock.now()
        assert journey.run("apply", "--yes").code == ExitCode.DONE
        assert (clock.now() - begun).total_seconds() >= seconds
        cost = asked(journey, LEGACY)
    return cost


def test_waiting_for_the_service_costs_a_request_for_each_poll_that_runs_out(tmp_path: Path) -> None:
    runs_out = FaultRule("operation_timeout", options={"seconds": 0.01, "times": 3})
    quick, waits = apply_cost(tmp_path / "quick", 1), apply_cost(tmp_path / "waits", 60)
    assert 0 < quick <= PLAN + APPLY
    assert waits == quick
    assert apply_cost(tmp_path / "polls", 60, runs_out) == waits + 3
