"""A Session on this computer: the same scripts, started by the same command line, without a network."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from certify_automation import onhost
from certify_automation.errors import OutcomeUnknown, ProtocolError, TimedOut, UsageError
from certify_automation.remote.process import run_process
from certify_automation.remote.reply import Output, value_of
from certify_automation.remote.session import Deadline, Deadlines


@dataclass(frozen=True, slots=True)
class LocalSession:
    """The computer this program runs on; `engine` is the path of a PowerShell."""

    engine: str
    deadlines: Deadlines

    @classmethod
    def of_this_computer(cls, deadlines: Deadlines) -> LocalSession:
        """The session with the Windows PowerShell of this computer.

        Raises:
            UsageError: CA2040 this is not Windows.
        """
        if sys.platform != "win32":
            raise UsageError(
                "CA2040",
                "`transport: local` works on Windows only, and this computer runs something else",
                hint="run certify-automation on the server itself, or reach it with `transport: winrm`",
            )
        return cls(_windows_powershell(Path(os.environ["SYSTEMROOT"])), deadlines)

    def run(self, script: onhost.Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        """As `Session.run`."""
        deadline = Deadline(self.deadlines.visit(acts=acts))
        seconds = self.deadlines.on_host(deadline.remaining(), acts=acts)
        if seconds < 1:
            raise TimedOut("CA2005", "the deadline leaves the script no time")
        nonce = token_hex(16)
        request = onhost.request(script, parameters, nonce=nonce, deadline_seconds=seconds)
        output = self._output(request, deadline, acts=acts)
        try:
            return value_of(output, nonce)
        except ProtocolError as error:
            if acts:
                raise OutcomeUnknown("CA2032", error.message, hint=_NEXT_RUN) from error
            raise

    def _output(self, request: bytes, deadline: Deadline, *, acts: bool) -> Output:
        command = [self.engine, *onhost.command_line().split()[1:]]
        try:
            return run_process(command, request, deadline)
        except TimedOut as error:
            if acts:
                raise OutcomeUnknown("CA2031", error.message, hint=_NEXT_RUN) from error
            raise


_NEXT_RUN = "run `status` to see what is there, then `apply`: it first brings what was cut off to its end"


def _windows_powershell(root: Path) -> str:
    """The native one: to a 32-bit Python, System32 is another folder with another registry behind it."""
    tail = Path("WindowsPowerShell", "v1.0", "powershell.exe")
    native = root / "Sysnative" / tail
    return str(native if native.exists() else root / "System32" / tail)
