"""Comparing two replies, and what two computers are left as: all that must agree, and only that."""

from __future__ import annotations

import base64
import copy
import json
from functools import cache
from typing import Any

import jsonschema
from referencing import Registry, Resource

from certify_automation import bundled
from contract.hosts import Host


@cache
def _validator(name: str) -> Any:
    schemas = [json.loads(bundled.text("schemas", f"{one}.schema.json")) for one in ("facts", "outcome")]
    registry: Registry[Any] = Registry().with_resources([(one["$id"], Resource.from_contents(one)) for one in schemas])
    schema = json.loads(bundled.text("schemas", f"{name}.schema.json"))
    return jsonschema.Draft202012Validator(schema, registry=registry)


def check_schema(name: str, document: Any) -> None:
    """Fails with the first violation."""
    errors = [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(document)]
    assert errors == []


def comparable(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply without what may differ: texts of the system, the engine's own version, real times of files, waits."""
    reply = copy.deepcopy(reply)
    if not reply["ok"]:
        reply["error"] = {"code": reply["error"]["code"]}
        return reply
    value = reply["value"]
    facts = value.get("facts", value)
    if "result" in value:
        _drop_messages(value)
    if facts is not None:
        _drop_engine(facts)
    return reply


def _drop_messages(outcome: dict[str, Any]) -> None:
    for part in (*outcome["steps"], outcome["failure"], outcome["refusal"]):
        if part is not None:
            assert (part["message"] is None) == (part["code"] is None)
            del part["message"]
    if outcome["health"] is not None:
        del outcome["health"]["waited_ms"]


def _drop_engine(facts: dict[str, Any]) -> None:
    for name in ("powershell", "edition", "language_mode", "clock_utc_ms"):
        del facts["host"][name]
    for file in facts["files"].values():
        if file is not None:
            file["error"] = file["error"] is not None
    for api in facts["api"]:
        api["error"] = api["error"] is not None
    for entry in (*facts["data"]["files"], *facts["data"]["copies"]):
        assert entry.pop("written_utc_ms") > 0


def left_behind(host: Host) -> dict[str, Any]:
    """What a visit leaves on the computer: all of it, but recorded outcomes without their texts."""
    dump = host.computer.dump()
    for path, content in dump["files"].items():
        if path.endswith("\\outcome.json"):
            dump["files"][path] = json.loads(base64.b64decode(content))
            _drop_messages(dump["files"][path])
    return dump
