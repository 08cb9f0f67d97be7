"""The lock that keeps two applies apart."""

from __future__ import annotations

import contextlib

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.visit import Json, Visit, Waiting, in_automation_folder
from certify_automation.lab.windows import Computer, Win32Error

LOCK = in_automation_folder("lock")
HOLDER = in_automation_folder("lock-holder")

_TRIES = 5
_PAUSE = 0.3
_SHOWN = 400


def lock_facts(computer: Computer) -> Json:
    """The `lock` of Facts."""
    if not computer.files.exists(LOCK) or computer.files.holder(LOCK) is None:
        return {"held": False, "holder": None}
    return {"held": True, "holder": holder(computer)}


def holder(computer: Computer) -> str | None:
    """Who holds the lock, as they wrote it."""
    try:
        return computer.files.read(HOLDER)[-_SHOWN:].decode("utf-8", "replace")
    except Win32Error:
        return None


def enter(visit: Visit, run_id: str) -> Waiting[bool]:
    """Take the lock; False when another process keeps it for more than a moment."""
    for _ in range(_TRIES):
        try:
            visit.computer.files.open_exclusive(LOCK, visit.process)
        except Win32Error:
            yield _PAUSE
            continue
        save_text(visit, HOLDER, f"{run_id} {visit.account}")
        return True
    return False


def save_text(visit: Visit, path: str, text: str) -> None:
    """Write a text if that is possible: a full disk must not hide what else has happened."""
    with contextlib.suppress(Win32Error):
        disk.write(visit, path, text.encode())


def leave(visit: Visit) -> None:
    """Give the lock back."""
    if visit.computer.files.exists(HOLDER):
        with contextlib.suppress(Win32Error):
            disk.delete(visit, HOLDER)
    visit.computer.files.close(LOCK)
