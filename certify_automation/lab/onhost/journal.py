"""What a run writes down before it acts, and reading it again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.file import digest
from certify_automation.lab.onhost.host import unix_ms
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


def note(run: Run, event: dict[str, Any]) -> None:
    """Add an event of a run that must not go on without it; a run without changes has no journal.

    Raises:
        ChangeFailed: `journal`.
    """
    if not run.steps:
        return
    try:
        append(run.visit, run.folder, event)
    except Win32Error as error:
        raise ChangeFailed("journal", f"{journal_of(run.folder)}: {error.text}") from error


def note_if_possible(run: Run, event: dict[str, Any]) -> None:
    """Add an event of an undo, which goes on in any case: it looks at what is there and may be repeated."""
    with contextlib.suppress(ChangeFailed):
        note(run, event)


def intend(run: Run) -> None:
    """Write, once, that the change in hand is about to have its first effect; in an undo nothing is written.

    Raises:
        ChangeFailed: `journal`; the effect must not come about.
    """
    if run.in_hand is None or run.intended:
        return
    note(run, {"event": "begun", "step": run.in_hand})
    run.intended = True


def carry_out(run: Run, name: str, do: Callable[[], T], part: Callable[[], object] | None = None) -> T:
    """An effect of the change in hand, written down before it is had; `part` as in Effects.have."""
    intend(run)
    return run.visit.effect(name, do, part)


def open_journal(run: Run, product: dict[str, Any], started_utc_ms: int) -> None:
    """Keep the plan and begin the journal; raises ChangeFailed `journal`, and nothing has been done."""
    if not run.steps:
        return
    visit, plan = run.visit, ascii_json(run.plan).encode()
    services = product["services"]
    service = services[0] if len(services) == 1 else {"state": "", "process_id": 0}
    entries = {path: visit.computer.files.stat(path) for path in run.logs}
    begin = {
        "journal": 1,
        "event": "begin",
        "run_id": run.run_id,
        "plan_sha256": digest(plan),
        "by": visit.account,
        "origin": run.plan["origin"],
        "started_utc_ms": started_utc_ms,
        "boot_utc_ms": unix_ms(visit.computer.booted),
        "service_state": service["state"],
        "process_id": service["process_id"],
        "logs": [{"path": path, "bytes": entry.size if entry else 0} for path, entry in entries.items()],
        "confirm_seconds": run.plan["confirm_seconds"],
    }
    run.begin = begin
    try:
        disk.make_folder(visit, run.folder)
        disk.write(visit, join(run.folder, "plan.json"), plan)
        append(visit, run.folder, begin)
    except Win32Error as error:
        raise ChangeFailed("journal", f"{journal_of(run.folder)}: {error.text}") from error


def forget_journal(run: Run) -> None:
    """A run that was not begun after all is none."""
    path = journal_of(run.folder)
    with contextlib.suppress(Win32Error):
        if run.visit.computer.files.exists(path):
            disk.delete(run.visit, path)
