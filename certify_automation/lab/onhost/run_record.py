"""What the folder of a run says of it: its journal, its plan, and whether it has ended."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from certify_automation.lab.onhost.file import digest
from certify_automation.lab.onhost.journal import journal_of
from certify_automation.lab.onhost.visit import Json, in_automation_folder
from certify_automation.lab.windows import Computer, Win32Error
from certify_automation.lab.windows.files import join

JOURNAL_VERSION = 1
BACKUPS = ("serviceconfig.before", "servers.before", "appsettings_core.before", "appsettings.before")
RUNS = in_automation_folder("runs")

_LATER = ("outcome.json", "timer.ps1", "data")
_RUN_ID = re.compile("[0-9a-f]{32}")
_LONGEST = 16777216


@dataclass(slots=True)
class RunRecord:
    """A run whose journal has a first line.

    Attributes:
        version: of the journal; 0 when it cannot be read.
        begin: its first line.
        plan: the plan it carries out; empty when it cannot be used.
        steps: as in an Outcome; `begun` for a change of which no end is known.
        untouched: the indexes of changes that acted on nothing.
        undo: the failure for which it is undone; None = no undo has been begun.
        problem: the code and the text of what is wrong with the journal or the plan; None = nothing.
    """

    run_id: str
    folder: str
    version: int = 0
    begin: Json = field(default_factory=dict)
    plan: Json = field(default_factory=dict)
    steps: list[Json] = field(default_factory=list)
    untouched: set[int] = field(default_factory=set)
    healthy: bool = False
    awaiting: bool = False
    confirmed: bool = False
    undo: Json | None = None
    problem: tuple[str, str] | None = None

    @property
    def started_utc_ms(self) -> int:
        """When it began; 0 when that cannot be read."""
        return int(self.begin.get("started_utc_ms", 0))

    @property
    def waits(self) -> bool:
        """Whether all is done and only the confirmation is missing."""
        return self.awaiting and not self.confirmed and self.undo is None

    @property
    def succeeded(self) -> bool:
        """Whether nothing is missing but its end."""
        if self.undo is not None:
            return False
        confirms = self.begin["confirm_seconds"] is not None
        if self.confirmed or (self.healthy and not confirms):
            return True
        done = all(step["status"] == "done" for step in self.steps)
        return done and self.plan["health"] is None and not confirms


def folder_of(run_id: str) -> str:
    """The folder of a run."""
    return join(RUNS, run_id)


def checked(run_id: str) -> str:
    """The run id, which becomes a part of paths and commands; raises ValueError when it is none."""
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"This is no run id: {run_id}")
    return run_id


def recorded_outcome(computer: Computer, run_id: str) -> Json | None:
    """What the run ended with, or None when it has not ended or that was torn; raises Win32Error."""
    path = join(folder_of(run_id), "outcome.json")
    if not computer.files.exists(path):
        return None
    try:
        outcome = json.loads(computer.files.read(path))
    except ValueError:
        return None
    return outcome if isinstance(outcome, dict) and outcome.get("result") else None


def has_ended(computer: Computer, run_id: str) -> bool:
    """Whether the run has an outcome, also one that cannot be opened now."""
    try:
        return recorded_outcome(computer, run_id) is not None
    except Win32Error:
        return True


def has_traces(computer: Computer, folder: str) -> bool:
    """Whether a folder has something that comes after the first line of the journal."""
    return any(computer.files.exists(join(folder, name)) for name in (*BACKUPS, *_LATER))


def timer_lives(computer: Computer, folder: str) -> bool:
    """Whether the dead-man timer of the run in this folder runs: it keeps a file open for nobody else."""
    return computer.files.holder(join(folder, "timer")) is not None


def open_runs(computer: Computer) -> list[RunRecord]:
    """The runs that have not ended, oldest first."""
    found = [read_run(computer, name) for name in folders(computer, ended=False)]
    return sorted((one for one in found if one is not None), key=lambda one: (one.started_utc_ms, one.run_id))


def ended_runs(computer: Computer) -> list[RunRecord]:
    """The runs that have ended, newest first; one without a journal is among them."""
    found = [read_run(computer, name) or RunRecord(name, folder_of(name)) for name in folders(computer, ended=True)]
    return sorted(found, key=lambda one: (one.started_utc_ms, one.run_id), reverse=True)


def start_after(computer: Computer, now_utc_ms: int) -> int:
    """When a run that begins now is said to have: a clock that was set back must not change the order of the runs."""
    ended = ended_runs(computer)
    return max(now_utc_ms, ended[0].started_utc_ms + 1) if ended else now_utc_ms


def folders(computer: Computer, *, ended: bool) -> list[str]:
    """The names of the folders of runs that have ended, or have not."""
    names = [entry.name for entry in computer.files.entries(RUNS) if entry.is_folder]
    return [name for name in names if has_ended(computer, name) is ended]


def read_run(computer: Computer, run_id: str) -> RunRecord | None:
    """The run of this id; None when there is none, or its journal was never begun."""
    record = RunRecord(run_id, folder_of(run_id))
    path = journal_of(record.folder)
    if not computer.files.exists(path):
        return None
    try:
        content = computer.files.read(path)
        if len(content) > _LONGEST:
            raise ValueError(f"{path} is too long.")  # noqa: TRY301 - a problem as any other
        # What follows the last line end was cut off while it was written.
        lines = content.split(b"\n")[:-1]
        if not lines and not has_traces(computer, record.folder):
            return None
        _read_begin(computer, record, lines[0])
        if record.problem is None:
            for line in lines[1:]:
                _read_event(record, json.loads(line))
    except (Win32Error, ValueError, KeyError, IndexError, TypeError) as error:
        text = error.text if isinstance(error, Win32Error) else str(error)
        record.problem = ("journal_damaged", f"{record.folder}: {text}")
    return record


def _read_begin(computer: Computer, record: RunRecord, line: bytes) -> None:
    begin = json.loads(line)
    if not isinstance(begin, dict):
        raise ValueError("Its journal begins with no object.")  # noqa: TRY004 - the file is wrong, no argument
    record.begin = begin
    record.version = int(begin["journal"])
    if record.version != JOURNAL_VERSION:
        code = "journal_version" if record.version > JOURNAL_VERSION else "journal_damaged"
        record.problem = (code, f"{record.folder}: Its journal is of version {record.version}.")
        return
    path = join(record.folder, "plan.json")
    content = computer.files.read(path) if computer.files.exists(path) else None
    if content is None or digest(content) != begin["plan_sha256"]:
        record.problem = ("journal_damaged", f"{path} is missing, or is not the plan of the journal.")
        return
    record.plan = json.loads(content)
    record.steps = new_steps(record.plan)


def new_steps(plan: Json) -> list[Json]:
    """The `steps` of an Outcome before anything has been done."""
    return [
        {"index": index, "kind": change["kind"], "status": "not_run", "code": None, "message": None}
        for index, change in enumerate(plan["changes"])
    ]


def _read_event(record: RunRecord, event: dict[str, Any]) -> None:
    name = event["event"]
    if name in ("healthy", "awaiting", "confirmed"):
        setattr(record, name, True)
    elif name == "undo":
        record.undo = event["failure"]
    elif "step" in event:
        if event["step"] < 0:
            raise ValueError(f"No such step: {event['step']}")
        _read_step(record, record.steps[event["step"]], event)


def _read_step(record: RunRecord, step: Json, event: dict[str, Any]) -> None:
    name = event["event"]
    if name == "undone" and step["status"] == "failed":
        # It stays what it is, and nothing is left of it.
        record.untouched.add(event["step"])
        return
    step["status"], step["code"], step["message"] = name, event.get("code"), event.get("message")
    if event.get("acted") is False:
        record.untouched.add(event["step"])
