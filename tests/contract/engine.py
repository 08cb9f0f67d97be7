"""A visit in a PowerShell engine: the real scripts through the real bootstrap and standard input."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from certify_automation import onhost
from contract.commands import Commands

if sys.platform != "win32":
    import fcntl

HERE = Path(__file__).parent
ONHOST = files("certify_automation.onhost")
STAND_INS = {
    "Windows.ps1": "windows.ps1",
    "WindowsChange.ps1": "windows_change.ps1",
    "WindowsCertificates.ps1": "windows_certificates.ps1",
    "WindowsExamine.ps1": "windows_examine.ps1",
}
LOCK = "C:\\ProgramData\\certify-automation\\lock"
_SECONDS = 240


class Killed(Exception):
    """Raised by `Commands.before` or `after`: the host's PowerShell process is killed here; nothing of it tidies up."""


def find_engine() -> str | None:
    """The `pwsh` that CERTIFY_AUTOMATION_PWSH names, or the one on the path."""
    return os.environ.get("CERTIFY_AUTOMATION_PWSH") or shutil.which("pwsh")


def script(name: onhost.Name) -> onhost.Script:
    """The script as it is, except that the tests' files stand for those of Windows' own functions."""
    text = onhost.script(name).text
    for file, stand_in in STAND_INS.items():
        if file in onhost.FILES[name]:
            real = onhost.sent(ONHOST.joinpath(file).read_text("ascii"))
            assert text.count(real) == 1
            text = text.replace(real, onhost.sent((HERE / stand_in).read_text("ascii")))
    return onhost.Script(name, text, hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of the engine's process."""

    exit_code: int
    stdout: str
    stderr: str

    def check_quiet(self) -> None:
        """Fails when the scripts wrote to standard error. An engine that a signal ended after them says so there.

        A reply is judged by its frame alone, here as by the controller: one that is complete counts.
        """
        assert self.stderr == "" or self.exit_code < 0, self.stderr


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to be made on one computer."""

    name: onhost.Name
    parameters: Mapping[str, Any]
    commands: Commands
    deadline: int = 60
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    def request(self) -> bytes:
        """The line on standard input."""
        sent = self.commands.paths.everywhere_inward(dict(self.parameters))
        return onhost.request(script(self.name), sent, nonce=self.nonce, deadline_seconds=self.deadline)

    def reply(self, stdout: str) -> dict[str, Any]:
        """The reply, its paths as the simulated computer has them."""
        return dict(self.commands.paths.everywhere_outward(dict(onhost.read_reply(stdout, self.nonce))))


@dataclass(frozen=True, slots=True)
class Engine:
    """A PowerShell on this machine."""

    program: str

    def visit(self, visit: Visit) -> dict[str, Any]:
        """The reply to one visit in a process of its own, its request on standard input."""
        finished = self.bootstrap(visit.request(), visit.commands)
        finished.check_quiet()
        return visit.reply(finished.stdout)

    def visits(self, visits: Sequence[Visit]) -> list[dict[str, Any]]:
        """The replies to many visits, one after the other in one process: the bootstrap gets each request as $input."""
        with ExitStack() as stack:
            lines = []
            for commands in {id(visit.commands.computer): visit.commands for visit in visits}.values():
                stack.enter_context(lock_held(commands))
            for visit in visits:
                port = stack.enter_context(serving(visit.commands))
                line = {
                    "port": port,
                    "environment": environment_of(visit.commands),
                    "request": visit.request().decode(),
                }
                lines.append(json.dumps(line))
            text = f". '{HERE / 'prelude.ps1'}'\n" + (HERE / "batch.ps1").read_text("ascii")
            finished = self.run(text, "\n".join(lines).encode("ascii"), {})
        finished.check_quiet()
        return [visit.reply(finished.stdout) for visit in visits]

    def bootstrap(self, line: bytes, commands: Commands, *, before: str = "") -> Finished:
        """Start the bootstrap with this standard input; `before` is PowerShell that runs first."""
        return self.command(f"{before}\n{ONHOST.joinpath('Bootstrap.ps1').read_text('ascii')}", line, commands)

    def command(self, text: str, stdin: bytes, commands: Commands) -> Finished:
        """Run PowerShell text whose Windows commands a simulated computer answers."""
        prelude = f". '{HERE / 'prelude.ps1'}'\nConnect-Lab -Port $env:LAB_PORT\n"
        with serving(commands) as port, lock_held(commands):
            return self.run(prelude + text, stdin, {**environment_of(commands), "LAB_PORT": str(port)}, commands)

    def run(self, text: str, stdin: bytes, variables: Mapping[str, str], killed_by: Commands | None = None) -> Finished:
        """Run PowerShell text as powershell.exe is started for a visit; `killed_by` may end its process."""
        encoded = base64.b64encode(text.encode("utf-16-le")).decode("ascii")
        process = subprocess.Popen(  # noqa: S603 - the engine the tests were told to use
            [self.program, "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LAB_BOOTSTRAP": str(ONHOST.joinpath("Bootstrap.ps1")), **variables},
        )
        with process:
            if killed_by is not None:
                killed_by.kill = process.kill
            try:
                stdout, stderr = process.communicate(stdin, timeout=_SECONDS)
            finally:
                process.kill()
        return Finished(process.returncode, stdout.decode("cp437"), stderr.decode("cp437"))


def environment_of(commands: Commands) -> dict[str, str]:
    """The environment of a process on the simulated computer."""
    drive = commands.paths.root / "C"
    return {
        "ProgramData": str(drive / "ProgramData"),
        "ProgramFiles": str(drive / "Program Files"),
        "ProgramFiles(x86)": str(drive / "Program Files (x86)"),
        "SystemRoot": str(drive / "Windows"),
        "COMPUTERNAME": commands.computer.name,
        "USERDOMAIN": commands.computer.name,
        "USERNAME": "lab",
    }


@contextmanager
def serving(commands: Commands) -> Iterator[int]:
    """Answer one engine on a loopback port, one line a command, until the engine has gone."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # An engine that is killed may have an answer on its way.
            with suppress(ConnectionResetError, BrokenPipeError):
                self._converse()

        def _converse(self) -> None:
            for line in self.rfile:
                question = json.loads(line)
                try:
                    answer = commands.answer(question["command"], question["arguments"])
                except Killed:
                    commands.kill()
                    return
                self.wfile.write(json.dumps(answer).encode("ascii") + b"\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def lock_held(commands: Commands) -> Iterator[None]:
    """Hold the real lock file while the simulated computer says that a process of its own holds it."""
    if commands.computer.files.holder(LOCK) is None:
        yield
        return
    path = commands.paths.root / "C" / "ProgramData" / "certify-automation" / "lock"
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
