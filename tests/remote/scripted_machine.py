"""A computer behind the lab's WinRM server that does what a test wants it to do with a request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from certify_automation import onhost
from certify_automation.lab.winrm import Process

Behaviour = Callable[[dict[str, Any], Process], Awaitable[int]]


def frame(nonce: str, reply: dict[str, Any]) -> bytes:
    line = json.dumps(reply)
    return f"<<<certify-automation {nonce} {len(line)}>>>\r\n{line}\r\n<<<end {nonce}>>>\r\n".encode("ascii")


def reply_of(request: dict[str, Any], value: object) -> bytes:
    return frame(request["nonce"], {"contract": 1, "ok": True, "value": value})


async def echo(request: dict[str, Any], process: Process) -> int:
    """Answer with what was asked."""
    asked = {"script": request["script"]["name"], "parameters": request["parameters"]}
    process.emit_stdout(
        reply_of(request, asked | {"deadline_seconds": request["deadline_seconds"], "codepage": process.codepage})
    )
    return 0


class ScriptedMachine:
    """Runs one program: the bootstrap. What it does with a request is the test's.

    Attributes:
        requests: every request that reached the bootstrap whole, in order.
        started: how often a process was started.
        ended: how often one came to its end, by itself or not.
    """

    def __init__(self, behave: Behaviour = echo, name: str = "SCRIPTED") -> None:
        self.name = name
        self.behave = behave
        self.online = True
        self.requests: list[dict[str, Any]] = []
        self.started = 0
        self.ended = 0

    def reachable(self) -> bool:
        return self.online

    async def run(self, process: Process) -> int:
        self.started += 1
        try:
            if process.command_line != onhost.command_line():
                process.emit_stderr(b"'x' is not recognized as an internal or external command\r\n")
                return 1
            line = await process.stdin.read_all()
            request = json.loads(line.decode("ascii"))
            self.requests.append(request)
            return await self.behave(request, process)
        finally:
            self.ended += 1
