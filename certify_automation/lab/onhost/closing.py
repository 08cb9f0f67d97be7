"""Undoing a run, and ending one: its outcome recorded, its entry in the event log written, its timer's task removed."""

from __future__ import annotations

import contextlib

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.change import undo_changes
from certify_automation.lab.onhost.event import log_outcome
from certify_automation.lab.onhost.journal import note_if_possible
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.onhost.leftovers import end_undo
from certify_automation.lab.onhost.task import remove_task
from certify_automation.lab.onhost.visit import ChangeFailed, Json, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

_UNDO_MS = 120000


def outcome(run: Run, *, repeated: bool = False) -> Json:
    """The Outcome, without facts."""
    return {
        "contract": 1,
        "run_id": run.run_id,
        "result": run.result,
        "refusal": run.refusal,
        "steps": run.steps,
        "failure": run.failure,
        "health": run.health,
        "repeated": repeated,
        "recovered": run.recovered,
    }


def undo_run(run: Run, failure: Json) -> Waiting[None]:
    """Take back what the run did and end it; an undo that was cut off goes on for its own reason.

    It has two minutes of its own: it must not be cut short. Raises ChangeFailed `undo` when it is not complete and
    will be tried again.
    """
    if run.failure is None:
        run.failure = failure
        note_if_possible(run, {"event": "undo", "failure": failure})
    run.until = run.visit.monotonic_ms() + _UNDO_MS
    complete = yield from undo_changes(run)
    end_undo(run)
    if not complete and run.tries > 0:
        raise ChangeFailed("undo", f"{run.run_id} could not be undone.")
    end_run(run, "rolled_back" if complete else "rollback_failed")


def end_run(run: Run, result: str) -> None:
    """Record the result; a run without changes leaves no record."""
    run.result = result
    if not run.steps:
        return
    record = join(run.folder, "outcome.json")
    with contextlib.suppress(Win32Error):
        disk.write(run.visit, f"{record}.new", ascii_json(outcome(run, repeated=True)).encode())
        if run.visit.computer.files.exists(record):
            # It was torn.
            disk.delete(run.visit, record)
        disk.move(run.visit, f"{record}.new", record)
    log_outcome(run)
    if run.plan["confirm_seconds"] is not None:
        remove_task(run.visit, run.run_id, run.folder)
