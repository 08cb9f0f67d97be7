"""One plan on the computer: lock, refuse or act, undo on failure, record."""

from __future__ import annotations

import json
from typing import Any

from certify_automation.lab.onhost.change import make_changes, undo_changes
from certify_automation.lab.onhost.facts import read_facts
from certify_automation.lab.onhost.file import start_logs
from certify_automation.lab.onhost.health import wait_for_health
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.onhost.lock import enter, holder, leave, lock_facts, save_text
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.refusal import folder_refusal, port_refusal, refusal, stale_refusal
from certify_automation.lab.onhost.visit import Json, Visit, Waiting, in_automation_folder
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

_UNDO_MS = 120000
_FREE: Json = {"held": False, "holder": None}


def apply_plan(visit: Visit, plan: dict[str, Any], deadline_seconds: int) -> Waiting[Json]:
    """The Outcome of a plan, with Facts read afterwards; raises Win32Error where the script would fail."""
    run = _new_run(visit, plan, deadline_seconds)
    run.refusal = folder_refusal(visit)
    if run.refusal is None and not (yield from enter(visit, plan["run_id"])):
        run.refusal = refusal("locked", holder(visit.computer) or "")
    if run.refusal is not None:
        facts = _facts_or_none(visit, plan, lock_facts(visit.computer))
        return {**outcome(run, plan["run_id"], repeated=False), "facts": facts}
    try:
        result = yield from _apply_locked(run, plan)
        result = {**result, "facts": _facts_or_none(visit, plan, dict(_FREE))}
    except Exception:
        leave(visit)
        raise
    leave(visit)
    return result


def _facts_or_none(visit: Visit, plan: dict[str, Any], lock: Json) -> Json | None:
    """What was done must be said even when the facts cannot be read."""
    try:
        return read_facts(visit, plan["observe"], lock)
    except (Win32Error, KeyError):
        return None


def outcome(run: Run, run_id: str, *, repeated: bool) -> Json:
    """The Outcome, without facts."""
    return {
        "contract": 1,
        "run_id": run_id,
        "result": run.result,
        "refusal": run.refusal,
        "steps": run.steps,
        "failure": run.failure,
        "health": run.health,
        "repeated": repeated,
    }


def _new_run(visit: Visit, plan: dict[str, Any], deadline_seconds: int) -> Run:
    steps: list[Json] = [
        {"index": index, "kind": change["kind"], "status": "not_run", "code": None, "message": None}
        for index, change in enumerate(plan["changes"])
    ]
    folder = join(in_automation_folder("runs"), plan["run_id"])
    return Run(visit, visit.monotonic_ms() + 1000 * deadline_seconds, folder, steps, plan)


def _apply_locked(run: Run, plan: dict[str, Any]) -> Waiting[Json]:
    files = run.visit.computer.files
    record = join(run.folder, "outcome.json")
    if files.exists(record):
        recorded: Json = json.loads(files.read(record))
        return recorded
    product = product_facts(run.visit.computer)
    run.data_dir, run.logs = product["data_dir"], start_logs(product)
    run.refusal = stale_refusal(run.visit, plan["expects"]) or port_refusal(
        run.visit, plan["port_check"], product["generation"]
    )
    if run.refusal is not None:
        return outcome(run, plan["run_id"], repeated=False)
    files.make_folder(run.folder)
    yield from _act(run, plan, product)
    save_text(run.visit, record, ascii_json(outcome(run, plan["run_id"], repeated=True)))
    return outcome(run, plan["run_id"], repeated=False)


def _act(run: Run, plan: dict[str, Any], product: Json) -> Waiting[None]:
    """Act, wait for health, undo on failure; an undo has two minutes of its own."""
    run.failure = yield from make_changes(run, plan["changes"])
    if run.failure is None and plan["health"] is not None:
        run.failure = yield from wait_for_health(run, plan["health"], product)
    run.result = "applied"
    if run.failure is None:
        return
    run.until = run.visit.monotonic_ms() + _UNDO_MS
    complete = yield from undo_changes(run, plan["changes"])
    run.result = "rolled_back" if complete else "rollback_failed"


def is_failure_of_the_script(error: Exception) -> bool:
    """Whether an exception is one the real script would end with."""
    return isinstance(error, Win32Error | KeyError | TypeError | ValueError)
