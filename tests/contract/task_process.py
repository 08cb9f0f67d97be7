"""The process of a scheduled task: a second engine, started with the words of the task's action.

It is a generator of its waits, as `TaskScheduler.runner` wants it: while it acts nothing else happens on the simulated
computer, and while it sleeps time is whatever `Computer.pass_time` makes of it, so nothing depends on real time.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any, Self

from certify_automation.lab.certify import Caller
from certify_automation.lab.windows.tasks import Instance, Steps
from contract.commands import Commands
from contract.engine import HERE, Engine, environment_of, serving
from contract.hosts import Host

_POWERSHELL = "%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"
_ACTION = re.compile(r'-NoProfile -NonInteractive -Command "(?P<text>[^"%]*)"')


@dataclass(slots=True)
class TaskCommands(Commands):
    """Commands for the process of a task, whose sleep is somebody else's turn."""

    sleep: Callable[[float], None] = lambda _seconds: None

    def _start_sleep(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.sleep(arguments["milliseconds"] / 1000)
        return {}


@dataclass(slots=True)
class TaskProcesses:
    """Runs the tasks of one simulated computer in engines; `with` ends those that are left.

    Attributes:
        before: as `Commands.before`, for the processes of tasks.
        asked: the commands of all of them in the order in which they came, with their arguments.
        written: what they wrote to standard output and standard error.
        blocked: a policy lets no PowerShell text of a task run.
    """

    engine: Engine
    host: Host
    before: Callable[[str, Any], None] = lambda _command, _arguments: None
    asked: list[tuple[str, Any]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    blocked: bool = False

    def __enter__(self) -> Self:
        self.host.computer.tasks.runner = self.run
        return self

    def __exit__(self, *_: object) -> None:
        self.host.computer.tasks.power_off()

    def run(self, instance: Instance) -> Steps:
        """What the process of a task does; ends when the engine does, and kills it when it is closed before."""
        action = _ACTION.fullmatch(instance.task.definition.arguments)
        assert action is not None
        assert instance.task.definition.command == _POWERSHELL
        if self.blocked:
            return
        turns: SimpleQueue[float | None] = SimpleQueue()
        rested: SimpleQueue[None] = SimpleQueue()

        def sleep(seconds: float) -> None:
            turns.put(seconds)
            rested.get()

        api = replace(self.host, caller=Caller.ADMINISTRATOR).api
        commands = TaskCommands(self.host.computer, self.host.paths, api, before=self._seen, sleep=sleep)
        with serving(commands) as port:
            process = self._start(action["text"], port, commands)
            threading.Thread(target=self._watch, args=(process, turns), daemon=True).start()
            try:
                while (seconds := turns.get()) is not None:
                    yield seconds
                    rested.put(None)
            finally:
                process.kill()
                rested.put(None)
                process.wait()

    def _seen(self, command: str, arguments: Any) -> None:
        self.asked.append((command, arguments))
        self.before(command, arguments)

    def _start(self, text: str, port: int, commands: Commands) -> subprocess.Popen[bytes]:
        prelude = f". '{HERE / 'prelude.ps1'}'; Connect-Lab -Port {port}; "
        process = subprocess.Popen(  # noqa: S603 - the engine the tests were told to use
            [self.engine.program, "-NoProfile", "-NonInteractive", "-Command", prelude + text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment_of(commands), "USERNAME": f"{commands.computer.name}$"},
        )
        commands.kill = process.kill
        return process

    def _watch(self, process: subprocess.Popen[bytes], turns: SimpleQueue[float | None]) -> None:
        output, _ = process.communicate()
        if output and process.returncode >= 0:
            self.written.append(output.decode("cp437"))
        turns.put(None)
