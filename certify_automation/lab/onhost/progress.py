"""How far a call has come, for a visit that may have to answer without the process that carries it out."""

from __future__ import annotations

from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.onhost.visit import Json, Visit
from certify_automation.lab.windows.files import join

PROGRESS = "progress.json"
VISIT = "visit"


class VisitEnded(Exception):
    """Nobody waits for the answer any more, and nothing more may be done."""


class Progress:
    """Of a call that the visit itself carries out: it knows."""

    def check(self) -> None:
        """Raises VisitEnded."""

    def save(self, done: Json) -> None:
        """To be called before every request that acts; `done` is what is known by then. Raises VisitEnded."""


class TaskProgress(Progress):
    """Of a call that a task carries out in a folder, whose file `visit` is open as long as the visit lives."""

    def __init__(self, visit: Visit, folder: str) -> None:
        """Begin.

        Args:
            visit: the task's own process.
            folder: of the task.
        """
        self._files = visit.computer.files
        self._folder = folder

    def check(self) -> None:
        """Raises VisitEnded."""
        if self._files.holder(join(self._folder, VISIT)) is None:
            raise VisitEnded

    def save(self, done: Json) -> None:
        """Write it down; raises VisitEnded, Win32Error."""
        self.check()
        path = join(self._folder, PROGRESS)
        text = ascii_json({**done, "api": unasked("The task was cut off.")})
        self._files.write(f"{path}.new", text.encode())
        self._files.move(f"{path}.new", path, overwrite=True)


def unasked(message: str) -> Json:
    """What an API says that no task could ask."""
    failure = {"code": "task", "message": message, "request": "", "status": None}
    return {"failure": failure, "preferences": None, "summary": None, "total": None, "items": None}
