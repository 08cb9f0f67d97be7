"""The lock that keeps two applies apart."""

from __future__ import annotations

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
        return computer.files.read(HOLDER)[-_SHOWN:].decode("ascii", "replace")
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
        visit.computer.files.write(HOLDER, f"{run_id} {visit.account}".encode())
        return True
    return False


def leave(visit: Visit) -> None:
    """Give the lock back."""
    if visit.computer.files.exists(HOLDER):
        visit.computer.files.delete(HOLDER)
    visit.computer.files.close(LOCK)
