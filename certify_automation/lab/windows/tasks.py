"""The task scheduler: tasks by name, and the processes that run because of them.

What a task's process does is not the scheduler's business: `runner` makes it, as a generator that yields the seconds
it waits. On a clock that is turned `Computer.pass_time` carries the generators on; where time runs by itself whoever
runs the computer sets `started` and does. A process outside of the simulation has no generator: `runner` returns
None, and `ended` is called when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from ntpath import basename
from typing import Any

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.clock import Clock
from certify_automation.lab.windows.files import Files
from certify_automation.lab.windows.services import RUNNING, ServiceControlManager
from certify_automation.lab.windows.task_definition import Definition, parse_definition
from certify_automation.lab.windows.win32 import Win32Error

SERVICE = "Schedule"
Steps = Generator[float, None, None]


@dataclass(slots=True, eq=False)
class Task:
    """A registered task.

    Attributes:
        name: without the folder; tasks of the root folder only.
        xml: as it was registered.
        definition: what the XML says.
        last_result: the exit code of the last run; 267011 before the first.
        due: on the computer's stopwatch, when it is started again; None = it is not.
    """

    name: str
    xml: str
    definition: Definition
    last_result: int = win32.SCHED_HAS_NOT_RUN
    due: float | None = None


@dataclass(slots=True, eq=False)
class Instance:
    """A task's process.

    Attributes:
        task: as it was when the process started.
        process_id: of the process.
        steps: what it does; None for a process outside of the simulation.
        due: on the computer's stopwatch, when it goes on.
        running: False once it has ended, whichever way.
        stepping: its steps are being carried on at this moment.
    """

    task: Task
    process_id: int
    due: float
    steps: Steps | None = None
    running: bool = True
    stepping: bool = False

    @property
    def holder(self) -> str:
        """Who has the files open that the process opens (`Files.open_exclusive`)."""
        return f"process {self.process_id}"


Runner = Callable[[Instance], Steps | None]


@dataclass(slots=True)
class TaskScheduler:
    """The service `Schedule` and its tasks.

    Attributes:
        runner: makes what the process of a task does; without one a task's process ends at once.
        started: told of every instance as it starts; None = `step_next` is called for it.
        instances: the processes of tasks that run.
        refusal: the Win32 code with which nobody may register a task; None = they may.
    """

    clock: Clock
    services: ServiceControlManager
    files: Files
    runner: Runner | None = None
    started: Callable[[Instance], None] | None = None
    instances: list[Instance] = field(default_factory=list)
    refusal: int | None = None
    _tasks: dict[str, Task] = field(default_factory=dict)

    def register(self, name: str, xml: str, *, replace: bool = False) -> Task:
        """Make a task, or exchange one; raises Win32Error 0x80041315, 183, `refusal`, those of `parse_definition`."""
        self._require_service()
        if self.refusal is not None:
            raise Win32Error(self.refusal, name)
        definition = parse_definition(xml)
        if name.casefold() in self._tasks and not replace:
            raise Win32Error(win32.ALREADY_EXISTS, name)
        task = Task(name, xml, definition, due=self._next(definition))
        self._tasks[name.casefold()] = task
        return task

    def get(self, name: str) -> Task:
        r"""The task of this name, `\` before it or not; raises Win32Error 0x80041315, 2."""
        self._require_service()
        task = self._tasks.get(name.removeprefix("\\").casefold())
        if task is None:
            raise Win32Error(win32.FILE_NOT_FOUND, name)
        return task

    def names(self) -> tuple[str, ...]:
        """The names of all tasks, in ordinal order ignoring case."""
        return tuple(task.name for _, task in sorted(self._tasks.items()))

    def delete(self, name: str) -> None:
        """Remove a task; a process of it goes on. Raises Win32Error 0x80041315, 2."""
        task = self.get(name)
        del self._tasks[task.name.casefold()]

    def run(self, name: str) -> Instance:
        """Start a task on demand; one that runs is not started again (MultipleInstancesPolicy IgnoreNew).

        Raises:
            Win32Error: 0x80041315, 2, 0x80041326 (the task is disabled).
        """
        task = self.get(name)
        if not task.definition.enabled:
            raise Win32Error(win32.SCHED_TASK_DISABLED, name)
        return self.instance(task.name) or self._start(task)

    def end(self, name: str) -> None:
        """End a task's process without notice; raises Win32Error 0x80041315, 2, 0x8004130B (it does not run)."""
        task = self.get(name)
        running = self.instance(task.name)
        if running is None:
            raise Win32Error(win32.SCHED_TASK_NOT_RUNNING, name)
        self.ended(running, win32.SCHED_TERMINATED)

    def instance(self, name: str) -> Instance | None:
        """The process of a task, if it runs."""
        return next((one for one in self.instances if one.task.name.casefold() == name.casefold()), None)

    def ended(self, instance: Instance, result: int = 0) -> None:
        """A process is over, of itself or not: its handles go. One that has ended already is no error."""
        if not instance.running:
            return
        instance.running = False
        instance.task.last_result = result
        self.instances.remove(instance)
        self.services.processes.pop(instance.process_id, None)
        if instance.steps is not None and not instance.stepping:
            instance.steps.close()
        self.files.close_all(instance.holder)

    def step(self, instance: Instance) -> float | None:
        """Let a process go on until it waits: for how many seconds, or None when it has ended."""
        if not instance.running or instance.steps is None:
            return None
        instance.stepping = True
        try:
            seconds = next(instance.steps)
        except StopIteration:
            self.ended(instance)
            return None
        except BaseException:
            self.ended(instance, win32.PROCESS_ABORTED)
            raise
        finally:
            instance.stepping = False
        if not instance.running:
            instance.steps.close()
            return None
        instance.due = self.clock.elapsed() + seconds
        return seconds

    def next_due(self) -> Instance | None:
        """The process that goes on first, of those that nobody else carries on."""
        if self.started is not None:
            return None
        return min((one for one in self.instances if one.steps is not None), key=lambda one: one.due, default=None)

    def next_repetition(self) -> tuple[float, Task] | None:
        """The task that is started again first, and when; None as for `next_due`."""
        if self.started is not None:
            return None
        due = [(task.due, task) for task in self._tasks.values() if task.due is not None]
        return min(due, key=lambda one: one[0], default=None)

    def repeat(self, task: Task) -> bool:
        """What a time trigger does: start the task unless it runs; whether it is still registered."""
        if self._tasks.get(task.name.casefold()) is not task:
            return False
        task.due = self._next(task.definition)
        if self._running() and task.definition.enabled and self.instance(task.name) is None:
            self._start(task)
        return True

    def boot(self) -> None:
        """What the service does when it has started with Windows: the boot triggers."""
        for task in self._tasks.values():
            task.due = self._next(task.definition)
        if self._running():
            for task in list(self._tasks.values()):
                if task.definition.enabled and task.definition.at_boot:
                    self._start(task)

    def power_off(self) -> None:
        """No process is left."""
        for instance in list(self.instances):
            self.ended(instance, win32.SCHED_TERMINATED)
        for task in self._tasks.values():
            task.due = None

    def rows(self) -> list[dict[str, Any]]:
        """The tasks as plain data, comparable."""
        return [
            {"name": task.name, "xml": task.xml, "running": self.instance(task.name) is not None}
            for _, task in sorted(self._tasks.items())
        ]

    def _start(self, task: Task) -> Instance:
        image = basename(task.definition.command)
        instance = Instance(task, self.services.new_process(image), self.clock.elapsed())
        self.instances.append(instance)
        instance.steps = self.runner(instance) if self.runner is not None else None
        if self.runner is None:
            self.ended(instance)
        elif self.started is not None:
            self.started(instance)
        return instance

    def _next(self, definition: Definition) -> float | None:
        return None if definition.every is None else self.clock.elapsed() + definition.every

    def _running(self) -> bool:
        service = self.services.get(SERVICE)
        return service is not None and service.state == RUNNING

    def _require_service(self) -> None:
        if not self._running():
            raise Win32Error(win32.SCHED_SERVICE_NOT_RUNNING)
