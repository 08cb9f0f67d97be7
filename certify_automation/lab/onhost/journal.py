"""What a run writes down before it acts, and reading it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.onhost.visit import ChangeFailed, Visit
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

T = TypeVar("T")

JOURNAL = "journal"


def journal_of(folder: str) -> str:
    """The path of the journal in a run's folder."""
    return join(folder, JOURNAL)


def append(visit: Visit, folder: str, event: dict[str, Any]) -> None:
    """Add an event; what an interruption left of a line is removed first. Raises Win32Error."""
    path, files = journal_of(folder), visit.computer.files
    known = files.read(path) if files.exists(path) else b""
    whole = known[: known.rfind(b"\n") + 1]
    if whole != known:
        visit.effect(f"truncate {path}", lambda: files.write(path, whole))
    disk.append(visit, path, ascii_json(event).encode() + b"\n")


def intend(run: Run) -> None:
    """Write, once, that the change in hand is about to have its first effect; in an undo nothing is written.

    Raises:
        ChangeFailed: `journal`; the effect must not come about.
    """
    if run.in_hand is None or run.intended:
        return
    try:
        append(run.visit, run.folder, {"event": "begun", "step": run.in_hand})
    except Win32Error as error:
        raise ChangeFailed("journal", error.text) from error
    run.intended = True


def carry_out(run: Run, name: str, do: Callable[[], T], part: Callable[[], object] | None = None) -> T:
    """An effect of the change in hand, written down before it is had; `part` as in Effects.have."""
    intend(run)
    return run.visit.effect(name, do, part)
