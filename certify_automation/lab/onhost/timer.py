"""The dead-man timer: a process of its own that puts a run back which nobody confirms or whose script was cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass

from certify_automation import onhost
from certify_automation.lab.certify import Caller
from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.event import log_end
from certify_automation.lab.onhost.file import digest
from certify_automation.lab.onhost.lock import enter, leave
from certify_automation.lab.onhost.recover import finish
from certify_automation.lab.onhost.run_record import RunRecord, folder_of, read_run, recorded_outcome, timer_lives
from certify_automation.lab.onhost.task import remove_task, start_task, stop_task
from certify_automation.lab.onhost.visit import ChangeFailed, Visit, Waiting
from certify_automation.lab.onhost.wait import Run, wait_for
from certify_automation.lab.windows import Computer, Win32Error
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.tasks import Instance, Runner, Steps

_HEARTBEAT_SECONDS = 30
_LOOK_SECONDS = 1.0
_TRIES = 10
_PAUSE_SECONDS = 10.0
_ACTION = re.compile(r"/runs/(?P<run>[^/']+)/timer\.ps1.*-ne '(?P<digest>[0-9a-f]{64})'", re.DOTALL)


def start_timer(run: Run) -> Waiting[None]:
    """Start the timer and wait for its heartbeat; raises ChangeFailed `timer`, and then there is no task either."""
    visit = run.visit
    text = onhost.script("Guard").text.encode()
    try:
        disk.write(visit, join(run.folder, "timer.ps1"), text)
        start_task(visit, run.folder, run.run_id, digest(text))
        until = run.limit(_HEARTBEAT_SECONDS)
        if (yield from wait_for(visit, lambda: timer_lives(visit.computer, run.folder), until)):
            return
        message = "The task was started, and its process gave no heartbeat."
    except Win32Error as error:
        message = f"schtasks.exe: {error.text}"
    stop_task(visit, run.run_id, run.folder)
    raise ChangeFailed("timer", message)


def runner_of(computer: Computer) -> Runner:
    """What the process of a timer's task does on this computer: nothing for another text than the task was made for."""

    def run(instance: Instance) -> Steps | None:
        action = _ACTION.search(instance.task.definition.arguments)
        if action is None:
            return _nothing()
        script = join(folder_of(action["run"]), "timer.ps1")
        if not computer.files.exists(script):
            computer.tasks.delete(instance.task.name)
            return _nothing()
        if digest(computer.files.read(script)) != action["digest"]:
            return _nothing()
        visit = Visit(computer, Caller.ADMINISTRATOR, user=f"{computer.name}$", process=instance.holder)
        return watch(visit, action["run"])

    return run


def _nothing() -> Waiting[None]:
    yield from ()


def watch(visit: Visit, run_id: str) -> Waiting[None]:
    """Look at a run every second until it has ended, by itself or by this; a second timer of a run ends at once.

    What cannot be read or undone now, at the start of the computer, is tried again; then the scheduler may start the
    timer anew.
    """
    try:
        visit.computer.files.open_exclusive(join(folder_of(run_id), "timer"), visit.process)
    except Win32Error:
        return
    timer = _Timer(visit, run_id)
    tries = _TRIES
    while tries > 0:
        yield _LOOK_SECONDS
        try:
            if (yield from timer.is_over(tries - 1)):
                break
        except (Win32Error, ChangeFailed, ValueError, KeyError, TypeError) as error:
            tries -= 1
            if tries:
                yield _PAUSE_SECONDS
            else:
                log_end(visit, run_id, error.text if isinstance(error, Win32Error) else str(error))


@dataclass(slots=True)
class _Timer:
    """`since` is when it first saw that the run awaits its confirmation, on the stopwatch."""

    visit: Visit
    run_id: str
    since: int | None = None

    def is_over(self, tries: int) -> Waiting[bool]:
        """Whether the run has ended, now also because it was put back; `tries` is how often that may be tried again."""
        seen = self._look()
        if seen is None:
            remove_task(self.visit, self.run_id, folder_of(self.run_id))
            return True
        if seen.waits:
            now = self.visit.monotonic_ms()
            self.since = now if self.since is None else self.since
            if now < self.since + 1000 * seen.begin["confirm_seconds"]:
                return False
        if not (yield from enter(self.visit, self.run_id)):
            return False
        try:
            # What was seen without the lock may have gone on since.
            found = self._look()
            same = found is not None and found.waits == seen.waits
            if found is not None and same:
                yield from finish(self.visit, found, tries)
        except Exception:
            leave(self.visit)
            raise
        leave(self.visit)
        return same

    def _look(self) -> RunRecord | None:
        if recorded_outcome(self.visit.computer, self.run_id) is not None:
            return None
        found = read_run(self.visit.computer, self.run_id)
        if found is not None and found.problem is not None:
            raise ValueError(found.problem[1])
        return found
