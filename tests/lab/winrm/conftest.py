"""A lab of one host, and the simulated computer behind it."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient

from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.lab.winrm import Account, BackgroundServer, Endpoint, Listening, Process, decode_encoded_command

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
        line = decode_encoded_command(process.command_line) or process.command_line
        name, _, rest = line.partition(" ")
        if name == "exit":
            return int(rest)
        action = getattr(self, f"_{name}", None)
        if action is None:
            process.emit_stdout(line.encode())
        else:
            await action(process, rest)
        return 0

    async def _cat(self, process: Process, _: str) -> None:
        process.emit_stdout(await process.stdin.read_all())

    async def _chat(self, process: Process, _: str) -> None:
        while line := await process.stdin.read():
            process.emit_stdout(b"<" + line + b">")

    async def _zeros(self, process: Process, count: str) -> None:
        process.emit_stdout(b"0" * int(count))
        process.emit_stderr(b"all zeros")

    async def _whoami(self, process: Process, _: str) -> None:
        process.emit_stdout(f"{process.user} {process.logon}".encode())

    async def _set(self, process: Process, _: str) -> None:
        shown = (dict(process.environment), process.working_directory, process.codepage)
        process.emit_stdout(repr(shown).encode())

    async def _crash(self, process: Process, _: str) -> None:
        raise RuntimeError(f"the computer has a defect: {process.command_line}")

    async def _unplug(self, _process: Process, _: str) -> None:
        self.up = False

    async def _hang(self, process: Process, _: str) -> None:
        process.emit_stdout(b"hanging")
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

    @contextmanager
    def logged_in(self, account: Account = LAB, *, secure: bool = False) -> Iterator[RawClient]:
        with self.connect(secure=secure) as client:
            assert client.login(account.name, account.password).status == 200
            yield client

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


@dataclass(frozen=True)
class Pem:
    """Files for clients that take no certificates from memory: the authority, and LAB's certificate and key."""

    authority: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def pem(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Pem:
    folder = tmp_path_factory.mktemp("pem")
    path = folder / "ca.pem"
    path.write_bytes(authority.certificate_pem)
    return Pem(path, *write_pair(authority.issue_client(LAB.name), folder))


@pytest.fixture
def server() -> Iterator[BackgroundServer]:
    with BackgroundServer() as running:
        yield running


MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab(server: BackgroundServer, certificate: IssuedCertificate, pem: Pem) -> MakeLab:
    def make(**fields: Any) -> Lab:
        computer = fields.pop("computer", None) or Computer()
        values: dict[str, Any] = {"accounts": (LAB, OTHER, GUEST), "certificate": certificate}
        values |= {"http_port": 0, "https_port": 0}
        endpoint = Endpoint(computer, "127.0.0.1", **(values | fields))
        [listening] = server.add(endpoint)
        return Lab(server, endpoint, listening, computer, ssl.create_default_context(cafile=str(pem.authority)))

    return make


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    return make_lab()


@pytest.fixture
def client(lab: Lab) -> Iterator[RawClient]:
    """A connection over HTTP on which LAB is logged in."""
    with lab.logged_in() as connection:
        yield connection


def write_pair(issued: IssuedCertificate, folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "client.pem", folder / "client.key"
    certificate.write_bytes(issued.certificate_pem)
    key.write_bytes(issued.key_pem)
    return certificate, key
