"""A one-shot scheduled task that asks the API as SYSTEM: a network logon has no credentials that it accepts."""

from __future__ import annotations

import contextlib
import json
import re
from secrets import token_hex

from certify_automation import onhost
from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.api_calls import carry_out
from certify_automation.lab.onhost.file import digest
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.onhost.product_api import ApiFailed
from certify_automation.lab.onhost.progress import VISIT, Progress, TaskProgress, VisitEnded, last_progress
from certify_automation.lab.onhost.refusal import folder_refusal
from certify_automation.lab.onhost.task import PREFIX, api_xml, start_process
from certify_automation.lab.onhost.visit import Json, Visit, Waiting, in_automation_folder
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

FOLDER = in_automation_folder("api")

_NAME = f"{PREFIX}api-"
_PROCESS, _ANSWER = "process", "answer.json"
_OLD_MS = 3600 * 1000
_BEGINS_MS = 30_000
_ENDS_EARLIER_MS, _ANSWERS_EARLIER_MS = 20_000, 2000
_POLL = 0.5
_ID = re.compile("[0-9a-f]{32}")
_ACTION = re.compile(r"/api/(?P<task>[0-9a-f]{32})/script\.ps1.*-ne '(?P<digest>[0-9a-f]{64})'", re.DOTALL)


def is_waited_for(name: str) -> bool:
    """Whether a task of this name asks the API for a visit."""
    return name.startswith(_NAME)


def call_api(visit: Visit, access: Json, call: Json, until: int) -> Waiting[Json]:
    """The answer to a call, asked by whom `access` says; raises ApiFailed `task`."""
    if access["access"] == "caller":
        return (yield from carry_out(visit, call, until, Progress()))
    refused = folder_refusal(visit)
    if refused is not None:
        raise ApiFailed("task", refused["message"], "")
    # A visit may be repeated while what the first one began still runs.
    task = token_hex(16)
    try:
        value = yield from _ask_as_system(visit, task, call, until)
    except Exception:
        # Not for what cuts a visit off: nothing tidies up then.
        _leave(visit, task)
        raise
    _leave(visit, task)
    return value


def serve(visit: Visit, arguments: str) -> Waiting[None] | None:
    """What the process of such a task does; None when these are not the arguments of one."""
    action = _ACTION.search(arguments)
    return None if action is None else _serve(visit, action["task"], action["digest"])


def _ask_as_system(visit: Visit, task: str, call: Json, until: int) -> Waiting[Json]:
    """Its answer, or how far it had come when it was cut off; raises ApiFailed."""
    files, folder = visit.computer.files, join(FOLDER, task)
    try:
        disk.make_folder(visit, folder)
        _remove_old(visit)
        files.open_exclusive(join(folder, VISIT), visit.process)
        _start(visit, task, call, until)
        failure = yield from _wait(visit, folder, until - _ANSWERS_EARLIER_MS)
        answer = join(folder, _ANSWER)
        if files.exists(answer):
            value: Json = json.loads(files.read(answer))
            return value
        # From here on the task does nothing more; what it did before it has noted before.
        files.close(join(folder, VISIT))
        noted = last_progress(files, folder)
        if noted is not None:
            return noted
    except (Win32Error, ValueError) as error:
        raise ApiFailed("task", getattr(error, "text", str(error)), "") from error
    raise ApiFailed("task", failure, "")


def _start(visit: Visit, task: str, call: Json, until: int) -> None:
    """Register the task and start it; raises Win32Error."""
    folder = join(FOLDER, task)
    text = onhost.script("Inventory").text.encode()
    seconds = max(1, (until - visit.monotonic_ms() - _ENDS_EARLIER_MS) // 1000)
    disk.write(visit, join(folder, "script.ps1"), text)
    disk.write(visit, join(folder, "request.json"), ascii_json({**call, "deadline_seconds": seconds}).encode())
    start_process(visit, folder, f"{_NAME}{task}", api_xml(task, digest(text), seconds // 60 + 2))


def _wait(visit: Visit, folder: str, until: int) -> Waiting[str]:
    """Wait for the answer; why there will be none, when there is none."""
    files, process, begins = visit.computer.files, join(folder, _PROCESS), visit.monotonic_ms() + _BEGINS_MS
    while not files.exists(join(folder, _ANSWER)):
        now, begun = visit.monotonic_ms(), files.exists(process)
        if begun and files.holder(process) is None:
            return "The process of the task has ended without an answer."
        if not begun and now >= begins:
            return "The task was started, and its process gave no sign of life."
        if now >= until:
            break
        yield _POLL
    return "The task gave no answer in time."


def _serve(visit: Visit, task: str, expected: str) -> Waiting[None]:
    """Answer the call; what goes wrong leaves no answer."""
    files, folder = visit.computer.files, join(FOLDER, task)
    with contextlib.suppress(Win32Error):
        visit.computer.tasks.delete(f"{_NAME}{task}")
    try:
        if digest(files.read(join(folder, "script.ps1"))) != expected:
            return
        files.open_exclusive(join(folder, _PROCESS), visit.process)
        call = json.loads(files.read(join(folder, "request.json")))
        until = visit.monotonic_ms() + 1000 * int(call["deadline_seconds"])
        value = yield from carry_out(visit, call, until, TaskProgress(visit, folder))
        answer = join(folder, _ANSWER)
        files.write(f"{answer}.new", ascii_json(value).encode())
        files.move(f"{answer}.new", answer)
    except (VisitEnded, Win32Error, ValueError, KeyError, TypeError):
        return


def _remove_old(visit: Visit) -> None:
    """Remove what visits have left that were cut off more than an hour ago, unless somebody has it open."""
    files, oldest = visit.computer.files, unix_ms(visit.computer.clock.now()) - _OLD_MS
    for entry in files.entries(FOLDER):
        held = [name for name in (VISIT, _PROCESS) if files.holder(join(join(FOLDER, entry.name), name)) is not None]
        if _ID.fullmatch(entry.name) and unix_ms(entry.written) < oldest and not held:
            _remove(visit, entry.name)


def _leave(visit: Visit, task: str) -> None:
    """Let go of what a visit holds, and remove what it made."""
    visit.computer.files.close(join(join(FOLDER, task), VISIT))
    _remove(visit, task)


def _remove(visit: Visit, task: str) -> None:
    """Remove a task, which has removed itself if it ever ran, and its folder."""
    files, tasks = visit.computer.files, visit.computer.tasks
    with contextlib.suppress(Win32Error):
        tasks.get(f"{_NAME}{task}")
        visit.effect("schtasks.exe /Delete", lambda: tasks.delete(f"{_NAME}{task}"))
    if files.exists(join(FOLDER, task)):
        disk.remove_folder(visit, join(FOLDER, task))
