"""Bringing runs to their end that were cut off."""

from __future__ import annotations

from certify_automation.lab.onhost.closing import end_run, outcome, undo_run
from certify_automation.lab.onhost.data import remove_half_copies
from certify_automation.lab.onhost.file import start_logs
from certify_automation.lab.onhost.file_change import mend_file
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.refusal import refusal
from certify_automation.lab.onhost.run_record import RunRecord, open_runs, timer_lives
from certify_automation.lab.onhost.visit import Json, Visit, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error

INTERRUPTED: Json = {"code": "interrupted", "message": "The script was cut off.", "step": None}
NOT_CONFIRMED: Json = {"code": "not_confirmed", "message": "The run was not confirmed.", "step": None}


def recover_runs(run: Run) -> Waiting[Json | None]:
    """End every run that has no end, oldest first, before this one begins; nothing is done for an unusable journal.

    A run that waits for its confirmation, under a timer that lives, is left alone. Adds to `recovered`.

    Returns:
        The Outcome of this very run, when it is one of them; else None. Sets `refusal` when it must not begin.
    """
    visit, own = run.visit, None
    found = open_runs(visit.computer)
    for record in found:
        if record.problem is not None:
            run.refusal = refusal(*record.problem)
            return None
    for record in found:
        if record.waits and timer_lives(visit.computer, record.folder):
            if record.run_id != run.run_id:
                run.refusal = refusal("awaiting", record.run_id)
                return None
            ended = run_of(visit, record)
            ended.result = "awaiting"
        else:
            ended = yield from finish(visit, record)
            said = {"run_id": ended.run_id, "result": ended.result, "steps": ended.steps, "failure": ended.failure}
            run.recovered.append(said)
        if record.run_id == run.run_id:
            own = outcome(ended, repeated=True)
    return own


def finish(visit: Visit, record: RunRecord) -> Waiting[Run]:
    """Confirm a run that had succeeded, undo any other; the run, ended."""
    run = run_of(visit, record)
    if record.succeeded:
        end_run(run, "applied")
    else:
        yield from _mend_files(run)
        yield from undo_run(run, dict(NOT_CONFIRMED if record.waits else INTERRUPTED))
    return run


def _mend_files(run: Run) -> Waiting[None]:
    """What resists stays, and fails the undo of its change when that needs it."""
    remove_half_copies(run)
    for change in run.plan["changes"]:
        if change["kind"] == "file.write":
            try:
                yield from mend_file(run, change)
            except Win32Error:
                continue


def run_of(visit: Visit, record: RunRecord) -> Run:
    """The run as its journal says it is, to be gone on with."""
    product = product_facts(visit.computer)
    run = Run(visit, visit.monotonic_ms(), record.folder, record.steps, record.plan)
    run.untouched, run.failure = record.untouched, record.undo
    run.data_dir, run.logs = product["data_dir"], start_logs(product)
    run.log_lengths = {log["path"]: log["bytes"] for log in record.begin["logs"]}
    run.replaced, run.was_running = _replaced(visit, record, product), record.begin["service_state"] == "Running"
    return run


def _replaced(visit: Visit, record: RunRecord, product: Json) -> str:
    """The service, when it is not what it was at the beginning: it may have read what is taken back.

    Process ids are used again after a start of the computer.
    """
    if not record.begin["service_state"] or not product["services"]:
        return ""
    service = product["services"][0]
    if record.begin["service_state"] != "Running":
        return str(service["name"]) if service["process_id"] else ""
    then = (record.begin["process_id"], record.begin["boot_utc_ms"])
    return str(service["name"]) if (service["process_id"], unix_ms(visit.computer.booted)) != then else ""
