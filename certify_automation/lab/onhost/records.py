"""What the computer has kept of runs: the one without an end, and the records of those that have ended."""

from __future__ import annotations

import base64
import json

from certify_automation.lab.onhost.file import digest
from certify_automation.lab.onhost.run_record import RunRecord, ended_runs, folder_of, open_runs, timer_lives
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import Computer, Win32Error
from certify_automation.lab.windows.files import join

_LISTED = 50


def open_run_facts(computer: Computer) -> Json | None:
    """The `open_run` of Facts."""
    found = open_runs(computer)
    if not found:
        return None
    run = found[-1]
    facts: Json = {
        "run_id": run.run_id,
        "journal": run.version,
        "awaiting": False,
        "timer": False,
        "started_utc_ms": None,
        "by": "",
        "commit": None,
        "steps": [],
        "error": run.problem[1] if run.problem else "",
    }
    if run.problem is None:
        facts["awaiting"], facts["timer"] = run.waits, timer_lives(computer, run.folder)
        facts["started_utc_ms"], facts["steps"] = run.started_utc_ms, run.steps
        facts["by"], facts["commit"] = run.begin["origin"]["by"], run.begin["origin"]["commit"]
    return facts


def records(computer: Computer, wanted: str | None) -> Json | None:
    """The `records` of Facts: for a run id, for `last`, or for none."""
    if wanted is None:
        return None
    ended = [one for one in ended_runs(computer) if one.begin]
    runs = [summary for one in ended if (summary := _summary_if_whole(computer, one)) is not None]
    wanted_too = {one["run_id"]: "last" for one in runs if one["result"] == "applied"}
    listed = {one["run_id"] for one in runs}
    whole = (one for one in ended if one.run_id in listed)
    run = next((one for one in whole if wanted in (one.run_id, wanted_too.get(one.run_id))), None)
    return {"runs": runs[:_LISTED], "run": _files(computer, run) if run is not None else None}


def _summary_if_whole(computer: Computer, run: RunRecord) -> Json | None:
    """One bad record must not hide the others."""
    try:
        return _summary(computer, run)
    except (ValueError, KeyError, TypeError):
        return None


def _summary(computer: Computer, run: RunRecord) -> Json:
    outcome = json.loads(_text(computer, run.run_id, "outcome.json") or "")
    origin = run.begin["origin"]
    return {
        "run_id": run.run_id,
        "result": outcome["result"],
        "started_utc_ms": run.started_utc_ms,
        "by": origin["by"],
        "commit": origin["commit"],
        "rolls_back": origin["rolls_back"],
    }


def _files(computer: Computer, run: RunRecord) -> Json:
    plan = _text(computer, run.run_id, "plan.json")
    whole = plan is not None and digest(plan.encode()) == run.begin["plan_sha256"]
    changes = json.loads(plan)["changes"] if plan is not None and whole else []
    written = [one["file"] for one in changes if one["kind"] == "file.write" and one["before_sha256"] is not None]
    return {
        "run_id": run.run_id,
        "plan": plan,
        "plan_sha256": run.begin["plan_sha256"],
        "outcome": _text(computer, run.run_id, "outcome.json"),
        "before": {name: _bytes(computer, run.run_id, f"{name}.before") for name in written},
    }


def _bytes(computer: Computer, run_id: str, name: str) -> str | None:
    try:
        return base64.b64encode(computer.files.read(join(folder_of(run_id), name))).decode()
    except Win32Error:
        return None


def _text(computer: Computer, run_id: str, name: str) -> str | None:
    try:
        return computer.files.read(join(folder_of(run_id), name)).decode("utf-8", "replace")
    except Win32Error:
        return None
