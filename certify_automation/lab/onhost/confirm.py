"""Keeping what a run has done, or taking it back, at somebody's word."""

from __future__ import annotations

from typing import Any

from certify_automation.lab.onhost.closing import end_run, outcome, undo_run
from certify_automation.lab.onhost.health import wait_for_health
from certify_automation.lab.onhost.journal import note
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.recover import finish, run_of
from certify_automation.lab.onhost.refusal import refusal
from certify_automation.lab.onhost.run import under_lock
from certify_automation.lab.onhost.run_record import RunRecord, checked, folder_of, read_run, recorded_outcome
from certify_automation.lab.onhost.task import forget_left_task
from certify_automation.lab.onhost.visit import ChangeFailed, Json, Visit, Waiting
from certify_automation.lab.onhost.wait import Run

_HEALTH_SECONDS = 10


def confirm_or_undo(visit: Visit, call: dict[str, Any], deadline_seconds: int) -> Waiting[Json]:
    """The Outcome of the run that is confirmed or undone, with Facts read afterwards."""
    until = visit.monotonic_ms() + 1000 * deadline_seconds
    nothing = {"run_id": call["run_id"], "changes": [], "confirm_seconds": None}
    run = Run(visit, until, folder_of(checked(call["run_id"])), [], nothing)

    def act(run: Run) -> Waiting[Json]:
        return (yield from _end(run, confirmed=call["verb"] == "confirm"))

    return (yield from under_lock(run, call["observe"], act))


def _end(run: Run, *, confirmed: bool) -> Waiting[Json]:
    visit = run.visit
    recorded = recorded_outcome(visit.computer, run.run_id)
    if recorded is not None:
        forget_left_task(visit, run.run_id, run.folder)
        return recorded
    record = read_run(visit.computer, run.run_id)
    if record is None:
        run.refusal = refusal("unknown_run", run.run_id)
    elif record.problem is not None:
        run.refusal = refusal(*record.problem)
    if record is None or run.refusal is not None:
        return outcome(run)
    if not (record.waits and confirmed):
        return outcome((yield from finish(visit, record)))
    return (yield from _confirm(run, record))


def _confirm(call: Run, record: RunRecord) -> Waiting[Json]:
    run = run_of(call.visit, record)
    run.until = call.until
    failure = None
    try:
        if run.plan["health"] is not None:
            health = {**run.plan["health"], "wait_seconds": _HEALTH_SECONDS}
            failure = yield from wait_for_health(run, health, product_facts(run.visit.computer))
        if failure is None:
            note(run, {"event": "confirmed"})
    except ChangeFailed as error:
        failure = {"code": error.code, "message": error.message, "step": None}
    if failure is None:
        end_run(run, "applied")
    else:
        yield from undo_run(run, failure)
    return outcome(run)
