"""A simulated computer behind a WinRM endpoint: it runs the visits of this package and a few programs for others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator
from itertools import count

from certify_automation import onhost
from certify_automation.lab import console
from certify_automation.lab.certify import Caller
from certify_automation.lab.onhost import PowerLost, Visit, VisitFaults, bootstrap
from certify_automation.lab.windows import Computer
from certify_automation.lab.windows.power import boot, lose_power, start_delayed
from certify_automation.lab.winrm import Logon, Process, decode_encoded_command

TIME_SCALE = 0.02
"""Real seconds that a second of waiting on a host takes."""

_APPLY = re.compile(r'"script"\s*:\s*\{\s*"name"\s*:\s*"Apply"')
_INTERRUPTED = 0xC000013A
_LOST = 1
_BOOT_TO_DELAYED = 120.0


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
        time_scale: float = TIME_SCALE,
    ) -> None:
        """Put a computer on the wire.

        Args:
            computer: what it is.
            administrator: whether the token of its visitors is an administrator's.
            faults: asked before each visit for what goes wrong in it.
            reboot_seconds: how long it stays away after it lost power.
            time_scale: real seconds that a second of waiting takes.
        """
        self.computer = computer
        self.visits = 0
        self._administrator = administrator
        self._faults = faults
        self._reboot_seconds = reboot_seconds
        self._time_scale = time_scale
        self._processes = count(1)
        self._booting: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The computer's name."""
        return self.computer.name

    def reachable(self) -> bool:
        """Whether its WinRM service answers."""
        return self.computer.reachable()

    async def run(self, process: Process) -> int:
        """Run one process and return its exit code."""
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
        faults = self._faults() if _APPLY.search(stdin) else VisitFaults()
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
            lose_power(self.computer)
            self._booting = asyncio.get_running_loop().create_task(self._come_back())
            await self._booting
            return _LOST
        if output is None:
            return _INTERRUPTED
        process.emit_stdout(output.encode("ascii"))
        return 0

    async def _carry_out(self, steps: Generator[float, None, str], process: Process) -> str | None:
        """The visit's output; None when it was interrupted between two steps."""
        try:
            while not process.terminated.is_set():
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
        await asyncio.sleep(seconds * self._time_scale)
        self.computer.clock.advance(seconds * (1 - self._time_scale))

    async def _come_back(self) -> None:
        await self.pass_time(self._reboot_seconds)
        boot(self.computer)
        await self.pass_time(_BOOT_TO_DELAYED)
        start_delayed(self.computer)
