"""Bringing runs to their end that were cut off."""

from __future__ import annotations

from certify_automation.lab.onhost.closing import end_run, undo_run
from certify_automation.lab.onhost.file import start_logs
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.refusal import refusal
from certify_automation.lab.onhost.run_record import RunRecord, open_runs, timer_lives
from certify_automation.lab.onhost.visit import Json, Visit, Waiting
from certify_automation.lab.onhost.wait import Run

INTERRUPTED: Json = {"code": "interrupted", "message": "The script was cut off.", "step": None}
NOT_CONFIRMED: Json = {"code": "not_confirmed", "message": "The run was not confirmed.", "step": None}


def recover_runs(visit: Visit, run_id: str) -> Waiting[tuple[Json | None, list[Json]]]:
    """End every run that has no end, oldest first, but those that wait for their confirmation.

    Returns:
        Why the run `run_id` must not begin, or None; and `recovered` of an Outcome.
    """
    recovered: list[Json] = []
    found = open_runs(visit.computer)
    for record in found:
        if record.problem is not None:
            return refusal(*record.problem), recovered
    for record in found:
        if record.waits and timer_lives(visit.computer, record.folder):
            if record.run_id != run_id:
                return refusal("awaiting", record.run_id), recovered
            continue
        run = yield from finish(visit, record)
        recovered.append({"run_id": run.run_id, "result": run.result, "steps": run.steps, "failure": run.failure})
    return None, recovered


def finish(visit: Visit, record: RunRecord) -> Waiting[Run]:
    """Confirm a run that had succeeded, undo any other; the run, ended."""
    run = run_of(visit, record)
    if record.succeeded:
        end_run(run, "applied")
        return run
    yield from undo_run(run, record.undo or dict(NOT_CONFIRMED if record.waits else INTERRUPTED))
    return run


def run_of(visit: Visit, record: RunRecord) -> Run:
    """The run as its journal says it is, to be gone on with."""
    product = product_facts(visit.computer)
    run = Run(visit, visit.monotonic_ms(), record.folder, record.steps, record.plan)
    run.untouched = record.untouched
    run.data_dir, run.logs = product["data_dir"], start_logs(product)
    run.log_lengths = {log["path"]: log["bytes"] for log in record.begin["logs"]}
    run.replaced = _replaced(visit, record, product)
    return run


def _replaced(visit: Visit, record: RunRecord, product: Json) -> bool:
    """Whether the service ran at the beginning, and what runs now, if anything, may have read the new files.

    Process ids are used again after a start of the computer.
    """
    if record.begin["service_state"] != "Running":
        return False
    process = product["services"][0]["process_id"] if product["services"] else None
    then = (record.begin["process_id"], record.begin["boot_utc_ms"])
    return (process, unix_ms(visit.computer.booted)) != then
