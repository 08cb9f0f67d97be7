"""The end of an undo: what a cut has left half-written goes, and what is kept of others is named."""

from __future__ import annotations

import contextlib
from typing import Any

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.data import RESTORE, copies_of, displaced_in
from certify_automation.lab.onhost.data_restore import SIDECARS
from certify_automation.lab.onhost.file_change import displaced
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join, split


def end_undo(run: Run) -> None:
    """Remove what a cut has left half-written, and say with each change what of somebody else's is kept."""
    files = run.visit.computer.files
    halves = [join(copies_of(run), one.name) for one in files.entries(copies_of(run)) if one.name.endswith(".new")]
    for path in (*halves, *(path for change in run.plan["changes"] for path in _beside(change))):
        if files.exists(path):
            with contextlib.suppress(Win32Error):
                disk.delete(run.visit, path)
    for step, change in zip(run.steps, run.plan["changes"], strict=True):
        kept = _kept(run, change)
        if kept and files.exists(kept):
            _name(step, f"What stood there is kept as {kept}.")


def _beside(change: dict[str, Any]) -> tuple[str, ...]:
    """Files beside those of the product that only a cut leaves."""
    new = f"{change.get('path')}.certify-automation"
    if change["kind"] == RESTORE:
        return (new, f"{new}.old", *(f"{change['path']}{end}.certify-automation" for end in SIDECARS))
    return (new,) if change["kind"] == "file.write" else ()


def _kept(run: Run, change: dict[str, Any]) -> str:
    if change["kind"] == RESTORE:
        return join(displaced_in(run), split(change["path"])[1])
    return displaced(run, change) if change["kind"] == "file.write" else ""


def _name(step: Json, said: str) -> None:
    step["code"] = step["code"] or "file_changed"
    step["message"] = f"{step['message']} {said}" if step["message"] else said
