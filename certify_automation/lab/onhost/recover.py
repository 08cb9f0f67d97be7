"""Bringing runs to their end that were cut off."""

from __future__ import annotations

from certify_automation.lab.onhost.closing import end_run, outcome, undo_run
from certify_automation.lab.onhost.file import start_logs
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.refusal import refusal
from certify_automation.lab.onhost.run_record import RunRecord, open_runs, timer_lives
from certify_automation.lab.onhost.visit import Json, Visit, Waiting
from certify_automation.lab.onhost.wait import Run

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
            ended.result = run.result = "awaiting"
        else:
            ended = yield from finish(visit, record)
            said = {"run_id": ended.run_id, "result": ended.result, "steps": ended.steps, "failure": ended.failure}
            run.recovered.append(said)
        if record.run_id == run.run_id:
            own = outcome(ended, repeated=True)
    return own


def finish(visit: Visit, record: RunRecord, tries: int = -1) -> Waiting[Run]:
    """Confirm a run that had succeeded, undo any other; the run, ended.

    `tries` is how often a timer may still try after this time, and -1 for everybody else. Raises ChangeFailed `undo`
    when an undo that will be tried again is not complete.
    """
    run = run_of(visit, record)
    run.tries = tries
    if record.succeeded:
        end_run(run, "applied")
    else:
        yield from undo_run(run, dict(NOT_CONFIRMED if record.waits else INTERRUPTED))
    return run


def run_of(visit: Visit, record: RunRecord) -> Run:
    """The run as its journal says it is, to be gone on with."""
    product = product_facts(visit.computer)
    run = Run(visit, visit.monotonic_ms(), record.folder, record.steps, record.plan)
    run.begin, run.untouched, run.failure = record.begin, record.untouched, record.undo
    run.data_dir, run.logs = product["data_dir"], start_logs(product)
    run.log_lengths = {log["path"]: log["bytes"] for log in record.begin["logs"]}
    return run
