"""The entry in the event log: one for every run that ends, waits for its confirmation, or is refused."""

from __future__ import annotations

import contextlib

from certify_automation.lab.onhost.visit import Visit
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error

SOURCE = "certify-automation"

_KINDS = {
    "applied": ("Information", 1000),
    "awaiting": ("Information", 1001),
    "rolled_back": ("Warning", 1010),
    "refused": ("Warning", 1011),
    "rollback_failed": ("Error", 1020),
}
_GIVEN_UP = 1021
_LONGEST = 31000


def log_outcome(run: Run) -> None:
    """Write the entry; when that is not possible nothing else changes. A run without changes has none."""
    if not run.steps:
        return
    log_entry(run.visit, _KINDS[run.result], _text(run))


def log_end(visit: Visit, run_id: str, said: str) -> None:
    """The entry of a timer that gives up for now."""
    log_entry(visit, ("Error", _GIVEN_UP), f"Run: {run_id}\r\nThe timer gives up for now: {said}")


def log_entry(visit: Visit, kind: tuple[str, int], text: str) -> None:
    """Write an entry of this type and event id, shortened to what the log takes, if that is possible."""
    log = visit.computer.events
    with contextlib.suppress(Win32Error):
        visit.effect("event log", lambda: log.write(SOURCE, *kind, text[:_LONGEST]))


def _text(run: Run) -> str:
    origin = run.plan["origin"]
    lines = [
        f"Result: {run.result}",
        f"Run: {run.run_id}",
        f"Plan: {run.plan['plan_id']}",
        f"Commit: {origin['commit'] or 'none'}",
        f"By: {origin['by']} on the controller, {run.visit.account} on this computer",
    ]
    lines += [f"{step['index']} {step['kind']}: {step['status']} {step['code'] or ''}".rstrip() for step in run.steps]
    stop = run.refusal or run.failure
    lines += [f"Failure: {stop['code']} {stop['message']}"] if stop else []
    return "\r\n".join(lines)
