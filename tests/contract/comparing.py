"""Comparing two replies, and what two computers are left as: all that must agree, and only that."""

from __future__ import annotations

import base64
import copy
import json
import re
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


def at(document: Any, path: str) -> Any:
    """A part of a document, by names and places joined with dots."""
    for part in path.split("."):
        document = document[int(part)] if part.isdigit() else document[part]
    return document


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
    for run in outcome["recovered"]:
        _drop_messages({**run, "refusal": None, "health": None, "recovered": []})
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
    failure = (facts.get("certificates") or {}).get("failure")
    if failure is not None and failure["code"] in ("unreachable", "task"):
        assert failure.pop("message")
    if facts.get("examination") is not None:
        _drop_times(facts["examination"])
    if facts["open_run"] is not None:
        _drop_messages({**facts["open_run"], "failure": None, "refusal": None, "health": None, "recovered": []})
        facts["open_run"]["error"] = facts["open_run"]["error"] != ""
    for entry in (*facts["data"]["files"], *facts["data"]["copies"]):
        assert entry.pop("written_utc_ms") > 0


def _drop_times(examination: dict[str, Any]) -> None:
    for entry in (*examination["programs"], *(examination["data_folder"] or ())):
        assert entry.pop("written_utc_ms") > 0
    if examination["settings"] is not None:
        examination["settings"]["error"] = examination["settings"]["error"] is not None


def left_behind(host: Host) -> dict[str, Any]:
    """What a visit leaves on the computer: all of it, but what is recorded of runs without the texts of the system."""
    dump = host.computer.dump()
    readers = {"outcome.json": _outcome, "plan.json": json.loads, "journal": _journal}
    for path, content in dump["files"].items():
        read = readers.get(path.rpartition("\\")[2])
        if read is not None and content is not None:
            dump["files"][path] = host.paths.everywhere_outward(read(base64.b64decode(content)))
    for entry in dump["events"]["entries"]:
        entry["text"] = re.sub(r"(?m)^(Failure: \w+) .*\Z", r"\1", entry["text"], flags=re.DOTALL)
    return dump


def _outcome(content: bytes) -> Any:
    outcome = json.loads(content)
    _drop_messages(outcome)
    return outcome


def _journal(content: bytes) -> list[Any]:
    lines = [json.loads(line) for line in content.splitlines()]
    for line in lines:
        for part in (line, line.get("failure", {})):
            part.pop("message", None)
        # The plan has other paths on the engine's disk; that the digest is right is what a recovery checks.
        line.pop("plan_sha256", None)
    return lines
