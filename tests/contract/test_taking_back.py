"""Runs of the real scripts taken back from their own records, by plans that the real scripts carry out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.desired import DesiredHost
from certify_automation.model.host import Connection, HostState
from certify_automation.model.host_report import HostStatus
from certify_automation.model.plan import Origin
from certify_automation.onhost import Script
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import apply_plan
from certify_automation.takeback import rollback_host
from contract.engine import HERE, Engine, Visit
from contract.hosts import AUTOMATION, Host, make_host
from contract.simulated import simulated_reply
from contract.sweep import OBSERVE, visit_of

CASES = {
    case["name"]: case
    for case in yaml.safe_load((HERE.parent / "cases" / "contract" / "sweep.yaml").read_text("utf-8"))
    if case["result"] == "applied" and not str(case["name"]).endswith("v6, power")
}


@dataclass
class EngineSession:
    """A session whose visits a PowerShell makes on a simulated computer."""

    engine: Engine
    host: Host

    def run(self, script: Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        name: Any = script.name
        reply = self.engine.visit(Visit(name, parameters, self.host.commands(), 300 if acts else 60))
        assert reply["ok"], reply
        value: dict[str, Any] = reply["value"]
        record = (value.get("records") or {}).get("run")
        if record is not None:
            # The paths in it are those of the engine's disk, in the record as everywhere.
            kept = self.host.computer.files.read(f"{AUTOMATION}\\runs\\{record['run_id']}\\plan.json")
            assert hashlib.sha256(kept).hexdigest() == record["plan_sha256"]
            record["plan"] = json.dumps(self.host.paths.everywhere_outward(json.loads(kept)))
            record["plan_sha256"] = hashlib.sha256(record["plan"].encode()).hexdigest()
        return value


def managed(host: Host) -> dict[str, object]:
    """The managed values; the order of the IP listen list means nothing."""
    values = {one["name"]: one["value"] for one in simulated_reply(host, "Observe", OBSERVE)["value"]["managed"]}
    return {**values, "ip_listen": sorted(values["ip_listen"].split(","))}


def whole(change: dict[str, Any]) -> dict[str, Any]:
    """A change with what the controller writes into a plan and the scripts do not look at."""
    return {**change, "first": False} if change["kind"] == "ip_listen.add" else change


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_taken_back(name: str, engine: Engine, tmp_path: Path) -> None:
    case = {**CASES[name], "changes": [whole(change) for change in CASES[name]["changes"]]}
    host = make_host(case, tmp_path)
    session = EngineSession(engine, host)
    before = managed(host)
    assert engine.visit(visit_of(case, host, "first"))["value"]["result"] == "applied"
    after = managed(host)
    assert after != before
    desired = DesiredHost("web01", (), {}, {}, Connection("web01"), HostState())
    kept = ["files.manageditems.db"] if any(one["kind"] == "data_store.restore" for one in case["changes"]) else []
    for number, (run, expected, conflicts) in enumerate(((None, before, kept), (f"{0:032x}", after, []))):
        options = PlanOptions(f"{number:032x}", allow_lockout=True)
        planned, said = rollback_host(desired, session, options, run, Origin("ops@admin01"))
        assert said.startswith("run ")
        assert planned.plan is not None, planned.error
        assert [one.path for one in planned.plan.conflicts] == conflicts
        # The timer of a change that can cut the host off is tried elsewhere.
        report = apply_plan(replace(planned.plan, confirm_seconds=None), session)
        assert report.status is HostStatus.CHANGED, report.error
        assert managed(host) == expected


def test_a_record_comes_home_though_its_plan_was_altered(engine: Engine, tmp_path: Path) -> None:
    case = CASES["every kind of change, v6"]
    host = make_host(case, tmp_path)
    applied = simulated_reply(host, "Apply", visit_of(case, host, "first").parameters, deadline=300)["value"]
    plan = f"{AUTOMATION}\\runs\\{applied['run_id']}\\plan.json"
    host.computer.files.write(plan, b'{"changes": [')
    visit = Visit("Observe", {**OBSERVE, "run": "last"}, host.commands())
    run = engine.visit(visit)["value"]["records"]["run"]
    assert (run["plan"], run["before"]) == ('{"changes": [', {})
    assert simulated_reply(host, "Observe", {**OBSERVE, "run": "last"})["value"]["records"]["run"] == run
