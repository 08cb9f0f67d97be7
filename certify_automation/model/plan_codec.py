"""Plans to records of a plan file and back: the contract's JSON, and what it does not need but people do."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from certify_automation.errors import Problem, Severity
from certify_automation.model.change import (
    Change,
    DriverStart,
    DriverStartMode,
    FileWrite,
    IpListenAdd,
    IpListenRemove,
    JsonObject,
    ServiceRestart,
    ServiceStart,
    ServiceStartMode,
    ServiceStop,
    UrlReservationAdd,
    UrlReservationRemove,
    UrlReservationReplace,
)
from certify_automation.model.config_files import FileName
from certify_automation.model.host import Endpoint
from certify_automation.model.plan import Difference, Health, ObserveRequest, Plan, PortCheck, Refusal
from certify_automation.model.service import StartMode

Json: TypeAlias = Mapping[str, Any]

_CHANGES: dict[str, Callable[[Json], Change]] = {
    "driver.start_mode": lambda j: DriverStartMode(StartMode(j["before"]), StartMode(j["after"])),
    "driver.start": lambda _: DriverStart(),
    "url_reservation.add": lambda j: UrlReservationAdd(j["url"], j["sddl"]),
    "url_reservation.remove": lambda j: UrlReservationRemove(j["url"], j["sddl"]),
    "url_reservation.replace": lambda j: UrlReservationReplace(j["url"], j["before"], j["after"]),
    "ip_listen.add": lambda j: IpListenAdd(j["address"]),
    "ip_listen.remove": lambda j: IpListenRemove(j["address"]),
    "service.start_mode": lambda j: ServiceStartMode(j["service"], StartMode(j["before"]), StartMode(j["after"])),
    "file.write": lambda j: FileWrite(FileName(j["file"]), j["path"], _bytes(j["before"]), _bytes(j["content"])),
    "service.restart": lambda j: ServiceRestart(j["service"]),
    "service.start": lambda j: ServiceStart(j["service"]),
    "service.stop": lambda j: ServiceStop(j["service"]),
}


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _change_record(change: Change) -> JsonObject:
    record = change.to_json()
    if isinstance(change, FileWrite):
        record["before"] = None if change.before is None else base64.b64encode(change.before).decode("ascii")
    return record


def plan_to_record(plan: Plan) -> JsonObject:
    """One plan of a plan file."""
    return {
        "host": plan.host,
        **plan.to_json(),
        "changes": [_change_record(change) for change in plan.changes],
        "differences": [
            {"path": d.path, "declared": d.declared, "observed": d.observed, "note": d.note} for d in plan.differences
        ],
        "warnings": [{"id": w.id, "message": w.message, "hint": w.hint} for w in plan.warnings],
        "refusals": [
            {"id": r.id, "message": r.message, "hint": r.hint, "by_policy": r.by_policy} for r in plan.refusals
        ],
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
        observe=ObserveRequest(Endpoint(at["host"], at["port"], at["https"]), tuple(observe["ports"])),
        differences=tuple(Difference(**d) for d in record["differences"]),
        changes=tuple(_CHANGES[change["kind"]](change) for change in record["changes"]),
        expects={item["name"]: item["value"] for item in record["expects"]},
        health=Health(**health) if health else None,
        port_check=PortCheck(**port) if port else None,
        refusals=tuple(Refusal(**r) for r in record["refusals"]),
        warnings=tuple(Problem(w["id"], w["message"], None, w["hint"], Severity.WARNING) for w in record["warnings"]),
    )
    if plan.plan_id != record["plan_id"]:
        raise ValueError(f"the plan of {plan.host} is not the one its plan_id names")
    return plan


def record_digest(record: Json) -> str:
    """SHA-256 in hex over a record's data, however it is written."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
