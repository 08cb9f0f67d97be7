"""One process behind a WinRS shell: its standard input, its output, its end."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from certify_automation.lab.winrm.answers import Output
from certify_automation.lab.winrm.host import Account, Logon, Machine, Process
from certify_automation.lab.winrm.wsman_faults import (
    ABORTED,
    BROKEN_PIPE,
    CONCURRENCY,
    OPERATION_TIMED_OUT,
    WsmanFault,
)

logger = logging.getLogger(__name__)

_TOO_LONG = 1
"""The exit code of cmd.exe when the command line is too long for it."""
_TERMINATED = 1
"""The exit code of a process ended by terminate."""
_INTERRUPTED = 0xC000013A
"""STATUS_CONTROL_C_EXIT."""
_DEFECT = 0xC0000142
"""STATUS_DLL_INIT_FAILED, the exit code of a process that could not run: the simulated machine raised an exception."""

_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Session:
    """What the processes of one shell have in common."""

    owner: Account
    logon: Logon
    environment: dict[str, str] = field(default_factory=dict)
    working_directory: str = ""
    codepage: int = 0


class InputPipe:
    """Standard input between Send and the process."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._ended = False
        self._arrived = asyncio.Event()

    def feed(self, data: bytes, *, end: bool) -> None:
        """Hand over the bytes of one Send."""
        if data:
            self._pieces.append(data)
        self._ended = self._ended or end
        self._arrived.set()

    async def read(self) -> bytes:
        """What has arrived since the last call; waits for something to arrive; empty at the end."""
        while not self._pieces and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    async def read_all(self) -> bytes:
        """Everything up to the Send that was marked as the last."""
        pieces = []
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)


class Command:
    """One running or ended process of a shell."""

    def __init__(self, command_id: str, command_line: str, session: Session) -> None:
        self.id = command_id
        self._stdin = InputPipe()
        self._terminated = asyncio.Event()
        self._process = Process(
            command_line=command_line,
            user=session.owner.name,
            logon=session.logon,
            environment=session.environment,
            working_directory=session.working_directory,
            codepage=session.codepage,
            stdin=self._stdin,
            emit_stdout=lambda data: self._emit("stdout", data),
            emit_stderr=lambda data: self._emit("stderr", data),
            terminated=self._terminated,
        )
        self._output = {"stdout": bytearray(), "stderr": bytearray()}
        self._exit_code: int | None = None
        self._changed = asyncio.Event()
        self._receiving = False
        self._aborted = False
        self._task: asyncio.Task[int] | None = None

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._exit_code is None

    def start(self, machine: Machine, delay: float) -> None:
        """Run the process, `delay` seconds from now."""
        self._task = asyncio.get_running_loop().create_task(self._run(machine, delay))
        self._task.add_done_callback(self._end)

    def refuse_line(self) -> None:
        """End at once, as cmd.exe does with a line that is too long for it."""
        self._emit("stderr", b"The command line is too long.\r\n")
        self._exit_code = _TOO_LONG

    def send(self, data: bytes, *, end: bool) -> None:
        """Feed standard input.

        Raises:
            WsmanFault: the process has ended.
        """
        if not self.running:
            raise WsmanFault(BROKEN_PIPE)
        self._stdin.feed(data, end=end)

    def interrupt(self) -> None:
        """Ctrl-C: the process may clean up before it ends."""
        if self._task is not None:
            self._task.cancel()

    def terminate(self) -> None:
        """Kill the process; a Receive that waits is answered with fault 995."""
        self._aborted = True
        self._terminated.set()
        self._changed.set()
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Wait until the process is gone, though not for ever: a simulated machine may refuse to be cancelled."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_GRACE_SECONDS)

    async def receive(self, streams: tuple[str, ...], budget: int, timeout: float) -> Output:  # noqa: ASYNC109
        """Wait up to `timeout` seconds for output of these streams or the end, and take at most `budget` bytes.

        Raises:
            WsmanFault: nothing came in time, another Receive waits, or the command was terminated.
        """
        if self._receiving:
            raise WsmanFault(CONCURRENCY)
        self._receiving = True
        try:
            async with asyncio.timeout(timeout):
                while self.running and not self._aborted and not any(self._output[name] for name in streams):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise WsmanFault(OPERATION_TIMED_OUT) from None
        finally:
            self._receiving = False
        if self._aborted:
            raise WsmanFault(ABORTED)
        return self._take(streams, budget)

    def _take(self, streams: tuple[str, ...], budget: int) -> Output:
        taken = []
        for name in streams:
            buffer = self._output[name]
            data = bytes(buffer[:budget])
            del buffer[:budget]
            budget -= len(data)
            taken.append((name, data))
        drained = not any(self._output[name] for name in streams)
        return Output(tuple(taken), self._exit_code if drained else None)

    def _emit(self, stream: str, data: bytes) -> None:
        self._output[stream] += data
        self._changed.set()

    async def _run(self, machine: Machine, delay: float) -> int:
        if delay:
            await asyncio.sleep(delay)
        try:
            return await machine.run(self._process)
        except Exception as error:
            logger.exception("the simulated machine %s failed", machine.name)
            self._emit("stderr", f"the simulated machine failed: {error!r}\r\n".encode())
            return _DEFECT

    def _end(self, task: asyncio.Task[int]) -> None:
        """Note the exit code; the task may have been cancelled before it did anything."""
        if task.cancelled():
            self._exit_code = _TERMINATED if self._aborted else _INTERRUPTED
        else:
            self._exit_code = task.result()
        self._changed.set()
