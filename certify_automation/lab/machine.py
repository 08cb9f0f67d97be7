"""A simulated computer behind a WinRM endpoint: it runs the visits of this package and a few programs for others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count

from certify_automation import onhost
from certify_automation.lab import console
from certify_automation.lab.certify import Caller
from certify_automation.lab.onhost import Killed, PowerLost, Visit, VisitFaults, bootstrap, is_waited_for
from certify_automation.lab.windows import Computer, Instance
from certify_automation.lab.windows.power import DELAYED_SECONDS, boot, lose_power, start_delayed
from certify_automation.lab.windows.tasks import Task
from certify_automation.lab.winrm import Logon, Process, decode_encoded_command

_ACTING = re.compile(r'"script"\s*:\s*\{\s*"name"\s*:\s*"(?:Apply|Guard|Renew)"')
_INTERRUPTED = 0xC000013A
_LOST = 1


@dataclass(frozen=True, slots=True)
class Pace:
    """Real seconds that a second of waiting on a host takes.

    Attributes:
        visits: in a visit, in a task that a visit waits for, or while the host starts up.
        tasks: in any other scheduled task: a dead-man timer races with a controller, whose seconds are real.
    """

    visits: float = 0.02
    tasks: float = 1.0


class SimulatedMachine:
    """Implements the server's `Machine`.

    Attributes:
        computer: what it is; a test or an exercise may change it at any time.
        visits: how many visits of this package have run on it.
    """

    def __init__(
        self,
        computer: Computer,
        *,
        administrator: bool = True,
        faults: Callable[[], VisitFaults] = VisitFaults,
        reboot_seconds: float = 60.0,
        pace: Pace = Pace(),
    ) -> None:
        """Put a computer on the wire.

        Args:
            computer: what it is.
            administrator: whether the token of its visitors is an administrator's.
            faults: asked before each visit for what goes wrong in it.
            reboot_seconds: how long it stays away after it lost power.
            pace: how long waits take.
        """
        self.computer = computer
        self.visits = 0
        self._administrator = administrator
        self._faults = faults
        self._reboot_seconds = reboot_seconds
        self._pace = pace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._processes = count(1)
        self._repeated: set[Task] = set()

    @property
    def name(self) -> str:
        """The computer's name."""
        return self.computer.name

    def reachable(self) -> bool:
        """Whether its WinRM service answers."""
        return self.computer.reachable()

    async def run(self, process: Process) -> int:
        """Run one process and return its exit code."""
        self._attach()
        script = decode_encoded_command(process.command_line)
        if script is not None and script == decode_encoded_command(onhost.command_line()):
            return await self._visit(process)
        finished = console.run(self.computer, process.user, process.command_line)
        process.emit_stdout(finished.stdout.encode("utf-8", "replace"))
        process.emit_stderr(finished.stderr.encode("utf-8", "replace"))
        return finished.exit_code

    async def _visit(self, process: Process) -> int:
        stdin = (await process.stdin.read_all()).decode("ascii", "replace")
        self.visits += 1
        caller = Caller.ADMINISTRATOR if process.logon is Logon.CREDSSP else Caller.ANONYMOUS
        faults = self._faults() if _ACTING.search(stdin) else VisitFaults()
        visit = Visit(
            self.computer,
            caller,
            self._administrator,
            process.user,
            f"{self.computer.booted.isoformat()}/{next(self._processes)}",
            faults,
        )
        try:
            output = await self._carry_out(bootstrap(visit, stdin), process)
        except PowerLost:
            self._lose_power()
            return _LOST
        except Killed:
            return _LOST
        finally:
            self.computer.files.close_all(visit.process)
        if output is None:
            return _INTERRUPTED
        process.emit_stdout(output.encode("ascii"))
        return 0

    async def _carry_out(self, steps: Generator[float, None, str], process: Process) -> str | None:
        """The visit's output; None when it was interrupted between two steps, or the computer has lost its power."""
        booted = self.computer.booted
        try:
            while not process.terminated.is_set() and self.computer.powered and self.computer.booted == booted:
                try:
                    seconds = next(steps)
                except StopIteration as done:
                    output: str = done.value
                    return output
                await self.pass_time(seconds)
        finally:
            steps.close()
        return None

    async def pass_time(self, seconds: float) -> None:
        """Let time pass on the computer, in less real time."""
        await asyncio.sleep(seconds * self._pace.visits)
        self.computer.clock.advance(seconds * (1 - self._pace.visits))

    def _attach(self) -> None:
        """Carry tasks on in this event loop from now on: they outlast the visit that started them."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self.computer.tasks.started = self._started

    def _started(self, instance: Instance) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._step, instance)
            self._loop.call_soon_threadsafe(self._repeat_later, instance.task)

    def _repeat_later(self, task: Task) -> None:
        """Start the task again as its time trigger says; a chain for every task, whichever way it was started."""
        if task.definition.every is not None and self._loop is not None and task not in self._repeated:
            self._repeated.add(task)
            self._loop.call_later(task.definition.every * self._pace.tasks, self._repeat, task)

    def _repeat(self, task: Task) -> None:
        self._repeated.remove(task)
        if self.computer.tasks.repeat(task):
            self._repeat_later(task)

    def _step(self, instance: Instance) -> None:
        """Let a task's process go on; the loop's own timers wake it, so that nothing pends when the loop closes."""
        try:
            seconds = self.computer.tasks.step(instance)
        except Killed:
            return
        except PowerLost:
            self._lose_power()
            return
        if seconds is not None and self._loop is not None:
            pace = self._pace.visits if is_waited_for(instance.task.name) else self._pace.tasks
            self._loop.call_later(seconds * pace, self._wake, instance)

    def _wake(self, instance: Instance) -> None:
        if not instance.running:
            return
        # A visit that waits at the same time has let time pass already.
        self.computer.clock.advance(instance.due - self.computer.clock.elapsed())
        self._step(instance)

    def _lose_power(self) -> None:
        lose_power(self.computer)
        self._later(self._reboot_seconds, self._boot)

    def _boot(self) -> None:
        boot(self.computer)
        self._later(DELAYED_SECONDS, lambda: start_delayed(self.computer))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something when time has passed on the computer; given up without a trace when the loop closes."""

        def wake() -> None:
            self.computer.clock.advance(seconds * (1 - self._pace.visits))
            act()

        asyncio.get_running_loop().call_later(seconds * self._pace.visits, wake)
