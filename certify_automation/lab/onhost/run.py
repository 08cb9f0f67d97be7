"""One plan on the computer: lock, recover, refuse or act, undo on failure, record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from certify_automation.lab.onhost.change import make_changes
from certify_automation.lab.onhost.closing import end_run, outcome, undo_run
from certify_automation.lab.onhost.event import log_outcome
from certify_automation.lab.onhost.facts import read_facts
from certify_automation.lab.onhost.file import start_logs
from certify_automation.lab.onhost.health import wait_for_health
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.journal import forget_journal, note, open_journal
from certify_automation.lab.onhost.lock import enter, holder, leave, lock_facts
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.prune import prune
from certify_automation.lab.onhost.recover import recover_runs
from certify_automation.lab.onhost.refusal import folder_refusal, port_refusal, refusal, stale_refusal
from certify_automation.lab.onhost.run_record import checked, folder_of, new_steps, recorded_outcome, start_after
from certify_automation.lab.onhost.task import forget_left_task
from certify_automation.lab.onhost.timer import start_timer
from certify_automation.lab.onhost.visit import ChangeFailed, Json, Visit, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error

_FREE: Json = {"held": False, "holder": None}


def apply_plan(visit: Visit, plan: dict[str, Any], deadline_seconds: int) -> Waiting[Json]:
    """The Outcome of a plan, with Facts read afterwards; raises Win32Error where the script would fail."""
    until = visit.monotonic_ms() + 1000 * deadline_seconds
    if not plan["changes"]:
        plan = {**plan, "confirm_seconds": None}
    run = Run(visit, until, folder_of(checked(plan["run_id"])), new_steps(plan), plan)
    result = yield from under_lock(run, plan["observe"], _apply_locked)
    return result


def under_lock(run: Run, observe: Json, act: Callable[[Run], Waiting[Json]]) -> Waiting[Json]:
    """What `act` answers while nobody else may act, with Facts read afterwards; else why it was not to be."""
    visit = run.visit
    run.refusal = folder_refusal(visit)
    if run.refusal is None and not (yield from enter(visit, run.run_id)):
        run.refusal = refusal("locked", holder(visit.computer) or "")
    if run.refusal is not None:
        log_outcome(run)
        return {**outcome(run), "facts": _facts_or_none(visit, observe, lock_facts(visit.computer))}
    try:
        result = yield from act(run)
        if run.result != "awaiting":
            result = {**result, "facts": _facts_or_none(visit, observe, dict(_FREE))}
    except Exception:
        leave(visit)
        raise
    leave(visit)
    # A look that hangs must not keep the lock from the timer.
    return result if "facts" in result else {**result, "facts": _facts_or_none(visit, observe, dict(_FREE))}


def _facts_or_none(visit: Visit, observe: Json, lock: Json) -> Json | None:
    """What was done must be said even when the facts cannot be read."""
    try:
        return read_facts(visit, observe, lock)
    except (Win32Error, KeyError):
        return None


def _apply_locked(run: Run) -> Waiting[Json]:
    computer = run.visit.computer
    own = yield from recover_runs(run)
    recorded = own or recorded_outcome(computer, run.run_id)
    if run.refusal is None and recorded is not None:
        if own is None:
            forget_left_task(run.visit, run.run_id, run.folder)
        return {**recorded, "recovered": run.recovered or recorded["recovered"]}
    if run.refusal is None:
        yield from _begin(run)
    if run.refusal is not None or run.result == "awaiting":
        log_outcome(run)
    return outcome(run)


def _begin(run: Run) -> Waiting[None]:
    computer, plan = run.visit.computer, run.plan
    product = product_facts(computer)
    run.data_dir, run.logs = product["data_dir"], start_logs(product)
    run.refusal = stale_refusal(run.visit, plan["expects"]) or port_refusal(
        run.visit, plan["port_check"], product["generation"]
    )
    if run.refusal is not None:
        return
    try:
        open_journal(run, product, start_after(computer, unix_ms(computer.clock.now())))
        if plan["confirm_seconds"] is not None:
            yield from start_timer(run)
    except ChangeFailed as error:
        run.refusal = refusal(error.code, error.message)
        forget_journal(run)
        return
    yield from _act(run, product)
    if run.steps:
        prune(run.visit)


def _act(run: Run, product: Json) -> Waiting[None]:
    """Act, wait for health, undo on failure."""
    failure = yield from make_changes(run)
    try:
        if failure is None and run.plan["health"] is not None:
            failure = yield from wait_for_health(run, run.plan["health"], product)
            if failure is None:
                note(run, {"event": "healthy"})
        if failure is None and run.plan["confirm_seconds"] is not None:
            note(run, {"event": "awaiting"})
    except ChangeFailed as error:
        failure = {"code": error.code, "message": error.message, "step": None}
    if failure is not None:
        yield from undo_run(run, failure)
    elif run.plan["confirm_seconds"] is None:
        end_run(run, "applied")
    else:
        run.result = "awaiting"


def is_failure_of_the_script(error: Exception) -> bool:
    """Whether an exception is one the real script would end with."""
    return isinstance(error, Win32Error | KeyError | TypeError | ValueError)
