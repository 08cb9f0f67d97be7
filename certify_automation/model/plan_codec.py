"""Plans to records of a plan file and back: the contract's JSON, and what it does not need but people do."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from certify_automation.errors import Problem, Severity
from certify_automation.model.after_commit_codec import (
    after_commit_from_json,
    after_commit_to_json,
    held_from_json,
    held_to_json,
)
from certify_automation.model.change import Change, FileWrite
from certify_automation.model.change_codec import JsonObject, change_from_json, change_to_json
from certify_automation.model.host import Endpoint
from certify_automation.model.plan import Difference, Health, ObserveRequest, Origin, Plan, PortCheck, Refusal

Json: TypeAlias = Mapping[str, Any]


def _before(change: Change) -> JsonObject:
    if isinstance(change, FileWrite) and change.before is not None:
        return {"before": base64.b64encode(change.before).decode("ascii")}
    return {}


def _change(item: Json) -> Change:
    text = item.get("before") if item["kind"] == FileWrite.kind else None
    return change_from_json(item, None if text is None else base64.b64decode(text, validate=True))


def _difference(difference: Difference) -> JsonObject:
    return {
        "path": difference.path,
        "declared": difference.declared,
        "observed": difference.observed,
        "note": difference.note,
    }


def plan_to_record(plan: Plan) -> JsonObject:
    """One plan of a plan file."""
    return {
        "host": plan.host,
        **plan.to_json(),
        "changes": [{**change_to_json(change), **_before(change)} for change in plan.changes],
        "differences": [_difference(one) for one in plan.differences],
        "conflicts": [_difference(one) for one in plan.conflicts],
        "warnings": [{"id": w.id, "message": w.message, "hint": w.hint} for w in plan.warnings],
        "refusals": [
            {"id": r.id, "message": r.message, "hint": r.hint, "by_policy": r.by_policy} for r in plan.refusals
        ],
        "after_commit": [after_commit_to_json(change) for change in plan.after_commit],
        "held": [held_to_json(one) for one in plan.held],
    }


def plan_from_record(record: Json) -> Plan:
    """The plan a record was made of.

    Raises:
        LookupError, TypeError, ValueError: it is no such record, or its plan_id is not that of its content.
    """
    observe, health, port = record["observe"], record["health"], record["port_check"]
    at = observe["endpoint"]
    plan = Plan(
        host=record["host"],
        run_id=record["run_id"],
        observe=ObserveRequest(Endpoint(at["host"], at["port"], at["https"]), tuple(observe["ports"]), observe["run"]),
        differences=tuple(Difference(**d) for d in record["differences"]),
        changes=tuple(_change(item) for item in record["changes"]),
        expects={item["name"]: item["value"] for item in record["expects"]},
        health=Health(**health) if health else None,
        port_check=PortCheck(**port) if port else None,
        refusals=tuple(Refusal(**r) for r in record["refusals"]),
        conflicts=tuple(Difference(**d) for d in record["conflicts"]),
        confirm_seconds=record["confirm_seconds"],
        origin=Origin(**record["origin"]),
        after_commit=tuple(after_commit_from_json(item) for item in record["after_commit"]),
        held=tuple(held_from_json(item) for item in record["held"]),
        warnings=tuple(Problem(w["id"], w["message"], None, w["hint"], Severity.WARNING) for w in record["warnings"]),
    )
    if plan.plan_id != record["plan_id"]:
        raise ValueError(f"the plan of {plan.host} is not the one its plan_id names")
    return plan


def record_digest(record: Json) -> str:
    """SHA-256 in hex over a record's data, however it is written."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
