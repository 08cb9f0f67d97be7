"""A lab of one host, and the simulated computer behind it."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient

from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.lab.winrm import Account, BackgroundServer, Endpoint, Listening, Process

LAB = Account("lab", "Pass:word 1")
OTHER = Account("other", "0ther")
GUEST = Account("guest", "gu3st", administrator=False)


@dataclass
class Computer:
    """Runs a handful of commands whose names say what they do."""

    name: str = "WEB01"
    up: bool = True
    started: list[str] = field(default_factory=list)
    cleaned_up: list[bool] = field(default_factory=list)

    def reachable(self) -> bool:
        return self.up

    async def run(self, process: Process) -> int:
        self.started.append(process.command_line)
        name, _, rest = process.command_line.partition(" ")
        match name:
            case "cat":
                process.emit_stdout(await process.stdin.read_all())
            case "chat":
                while line := await process.stdin.read():
                    process.emit_stdout(b"<" + line + b">")
            case "zeros":
                process.emit_stdout(b"0" * int(rest))
                process.emit_stderr(b"all zeros")
            case "whoami":
                process.emit_stdout(f"{process.user} {process.logon}".encode())
            case "set":
                shown = (dict(process.environment), process.working_directory, process.codepage)
                process.emit_stdout(repr(shown).encode())
            case "exit":
                return int(rest)
            case "crash":
                raise RuntimeError("the computer has a defect")
            case "hang":
                process.emit_stdout(b"hanging")
                await self._hang(process)
            case "unplug":
                self.up = False
            case _:
                process.emit_stdout(process.command_line.encode())
        return 0

    async def _hang(self, process: Process) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cleaned_up.append(not process.terminated.is_set())


@dataclass
class Lab:
    """One endpoint in service, and clients for it."""

    server: BackgroundServer
    endpoint: Endpoint
    listening: Listening
    computer: Computer
    tls: ssl.SSLContext

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.listening.http_port}/wsman"

    @property
    def https(self) -> str:
        return f"https://127.0.0.1:{self.listening.https_port}/wsman"

    def connect(self, *, secure: bool = False, tls: ssl.SSLContext | None = None) -> RawClient:
        port = self.listening.https_port if secure else self.listening.http_port
        assert port is not None
        return RawClient("127.0.0.1", port, (tls or self.tls) if secure else None)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(dt.datetime.now(dt.UTC))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> IssuedCertificate:
    return authority.issue_server(["localhost"], ["127.0.0.1"])


@pytest.fixture(scope="session")
def ca_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(authority.certificate_pem)
    return path


@pytest.fixture(scope="session")
def client_files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_pair(authority.issue_client("lab"), tmp_path_factory.mktemp("client"))


@pytest.fixture
def server() -> Iterator[BackgroundServer]:
    with BackgroundServer() as running:
        yield running


MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab(server: BackgroundServer, certificate: IssuedCertificate, ca_file: Path) -> MakeLab:
    def make(**fields: Any) -> Lab:
        computer = fields.pop("computer", None) or Computer()
        values: dict[str, Any] = {"accounts": (LAB, OTHER, GUEST), "certificate": certificate}
        endpoint = Endpoint(computer, "127.0.0.1", http_port=0, https_port=0, **(values | fields))
        [listening] = server.add(endpoint)
        return Lab(server, endpoint, listening, computer, ssl.create_default_context(cafile=str(ca_file)))

    return make


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    return make_lab()


@pytest.fixture
def client(lab: Lab) -> Iterator[RawClient]:
    """A connection over HTTP on which LAB is logged in."""
    with lab.connect() as connection:
        assert connection.login(LAB.name, LAB.password).status == 200
        yield connection


def write_pair(issued: IssuedCertificate, folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "client.pem", folder / "client.key"
    certificate.write_bytes(issued.certificate_pem)
    key.write_bytes(issued.key_pem)
    return certificate, key
