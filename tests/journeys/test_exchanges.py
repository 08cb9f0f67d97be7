"""What a visit costs in HTTP requests, counted where they arrive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certify_automation.desired import connect_secrets, load
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.model.host import Endpoint
from certify_automation.model.outcome import ExitCode
from certify_automation.model.plan import ObserveRequest
from certify_automation.remote import Credentials, connect
from certify_automation.remote.apply import confirm

from .conftest import Journey, start

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
PLAN, APPLY, CONFIRM = 10, 16, 10
SECONDS_A_POLL = 20


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
def test_a_confirmation(scheme: str, tmp_path: Path) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(1, 0), scheme=scheme)):
        fleet = load(journey.folder / "fleet", inventory=journey.folder / "inventory.yaml", environ=os.environ)
        session = connect(connect_secrets(fleet.hosts[LEGACY], os.environ), credentials=Credentials())
        outcome = confirm(session, "0" * 32, ObserveRequest(Endpoint("127.0.0.2", 9696), (9696,)))
        assert outcome.refusal is not None
        assert outcome.refusal.code == "unknown_run"
        assert 0 < asked(journey, LEGACY) <= CONFIRM
