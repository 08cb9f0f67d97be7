from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from certify_automation import bundled
from certify_automation.diff import differences
from certify_automation.model.change import DataDirectoryAcl
from certify_automation.model.facts import Facts
from certify_automation.model.host import ApiAccess, HostState
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Origin, Plan
from certify_automation.model.renewal_request import ApiQuestion, RenewRequest
from certify_automation.plan import PlanOptions, make_plan, observe_request
from certify_automation.report import change_text
from planning.situations import RUN, desired, observed, options
from planning.tables import table


@cache
def contract(name: str) -> Draft202012Validator:
    schemas = (json.loads(bundled.text("schemas", f"{one}.schema.json")) for one in ("plan", "facts", name))
    *resources, schema = map(Resource.from_contents, schemas)
    return Draft202012Validator(schema.contents, registry=resources @ Registry())


def planned(state: HostState, facts: Facts, given: PlanOptions) -> Plan:
    """The plan, after what must be true of every plan."""
    plan = make_plan("web01.example.com", state, facts, given)
    contract("plan").validate(plan.to_json())
    assert make_plan("web01.example.com", state, facts, given) == plan
    assert plan.differences == differences(state, facts)
    assert not (plan.refusals and plan.changes)
    assert given.restart or bool(plan.differences) >= bool(plan.changes)
    assert not (plan.refusals and plan.after_commit)
    if plan.differences and not plan.refusals:
        assert plan.acts or plan.unjudged, "a difference that nothing ends"
    if plan.after_commit:
        request = RenewRequest(RUN, plan.origin, plan.observe, ApiQuestion(ApiAccess.TASK), plan.after_commit)
        contract("renew").validate(request.to_json())
    for name, value in plan.expects.items():
        assert facts.managed.get(name, "absent") == value
    return plan


@table("plan")
def test_plan(case: Any) -> None:
    plan = planned(desired(case), observed(case), options(case))
    expect = case["expect"]
    found: dict[str, Any] = {
        "differences": {d.path: [d.observed, d.declared] for d in plan.differences},
        "changes": [change_text(change) for change in plan.changes],
        "after": [change_text(change) for change in plan.after_commit],
        "held": {held.name: held.hold.value for held in plan.held},
        "exit_code": int(HostReport.of_plan(plan).exit_code),
        "access_lists": [change.after for change in plan.changes if isinstance(change, DataDirectoryAcl)],
        "refusals": [refusal.id for refusal in plan.refusals],
        "warnings": [warning.id for warning in plan.warnings],
        "health": plan.health.url if plan.health else None,
        "port_check": [plan.port_check.host, plan.port_check.port] if plan.port_check else None,
        "expects": sorted(plan.expects),
        "confirm_seconds": plan.confirm_seconds,
        "impacts": [plan.impact(change).value for change in plan.changes],
        "policy": all(refusal.by_policy for refusal in plan.refusals),
    }
    defaults: dict[str, Any] = {"refusals": [], "warnings": [], "changes": [], "after": [], "held": {}}
    for name, value in {**defaults, **expect}.items():
        if name != "says":
            assert found[name] == value, name
    said = [p.message + " " + p.hint for p in (*plan.refusals, *plan.warnings)]
    for words in expect.get("says", []):
        assert any(words in text for text in said), said


def test_nothing_declared_plans_nothing_even_where_nothing_is_installed() -> None:
    facts = observed({"facts": {"product.services": [], "product.generation": None}})
    plan = planned(HostState(), facts, PlanOptions(RUN))
    assert (plan.differences, plan.changes, plan.refusals, plan.warnings) == ((), (), (), ())


def test_equal_plans_have_equal_ids_whatever_the_run() -> None:
    case: dict[str, Any] = {"before": {"start_mode": "manual"}}
    one = planned(desired(case), observed(case), options(case))
    assert one.for_run("f" * 32, Origin("ann@ctl01", "0" * 40, "e" * 32)).plan_id == one.plan_id
    other: dict[str, Any] = {"before": {"start_mode": "automatic"}}
    assert planned(desired(other), observed(other), options(other)).plan_id != one.plan_id


def test_the_fingerprint_is_over_ordinal_lines() -> None:
    plan = Plan("h", RUN, observe_request(HostState()), expects={"b": "2", "A": "1", "a": "ü"})
    assert plan.fingerprint == hashlib.sha256("A=1\na=ü\nb=2".encode()).hexdigest()


def test_what_a_visit_looks_at_follows_from_what_is_declared() -> None:
    state = desired(
        {
            "declared": {
                "config": {"Host": "127.0.0.3", "Port": 9700, "HttpChallengeServerPort": 8080},
                "url_reservations": [{"url": "http://+:8081/x/", "absent": True}],
            }
        }
    )
    assert observe_request(state).to_json() == {
        "endpoint": {"host": "127.0.0.3", "port": 9700, "https": False},
        "ports": [9700, 9702, 8080, 8081],
        "run": None,
    }
    assert observe_request(HostState()).ports == (9696, 9698, 80)
