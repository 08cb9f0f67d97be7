"""How far a call has come, for a visit that may have to answer without the process that carries it out."""

from __future__ import annotations

import json
import re

from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.onhost.visit import Json, Visit
from certify_automation.lab.windows.files import Files, join

VISIT = "visit"

_PROGRESS = re.compile(r"progress-[0-9]{4}\.json")


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
        self._saved = 0

    def check(self) -> None:
        """Raises VisitEnded."""
        if self._files.holder(join(self._folder, VISIT)) is None:
            raise VisitEnded

    def save(self, done: Json) -> None:
        """Write it down, in a file that nothing replaces; raises VisitEnded, Win32Error."""
        self._saved += 1
        path = join(self._folder, f"progress-{self._saved:04}.json")
        text = ascii_json({**done, "api": unasked("The task was cut off.")})
        self._files.write(f"{path}.new", text.encode())
        self._files.move(f"{path}.new", path)
        # Last: a visit that has ended reads what was noted by then.
        self.check()


def last_progress(files: Files, folder: str) -> Json | None:
    """How far the task of a folder has come, as it said last; None when it said nothing."""
    names = [entry.name for entry in files.entries(folder) if _PROGRESS.fullmatch(entry.name)]
    if not names:
        return None
    value: Json = json.loads(files.read(join(folder, max(names))))
    return value


def unasked(message: str) -> Json:
    """What an API says that no task could ask."""
    failure = {"code": "task", "message": message, "request": "", "status": None}
    return {"failure": failure, "preferences": None, "summary": None, "total": None, "items": None}
