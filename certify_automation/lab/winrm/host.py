"""The seam between the WinRM server and the computers behind it.

A `Machine` is a simulated computer: it says whether its network answers, and it runs processes. The server does
everything a WinRM service does around that: HTTP, authentication, sealing, SOAP, shells, quotas.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from certify_automation.lab.winrm.faults import Faults
from certify_automation.lab.winrm.limits import Limits

if TYPE_CHECKING:
    from certify_automation.lab.authority import IssuedCertificate


class Logon(StrEnum):
    """The kind of logon session a process runs in.

    A network logon (NTLM, Basic, client certificate) holds no credential it could pass on to another service; a
    CredSSP logon does.
    """

    NETWORK = "network"
    CREDSSP = "credssp"


class ChannelBinding(StrEnum):
    """CbtHardeningLevel of the service: what HTTPS logins under Negotiate must prove about the TLS channel."""

    NONE = "none"
    RELAXED = "relaxed"
    """A wrong binding is refused, a missing one is let through: the default of Windows."""
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Account:
    r"""A local account of a host.

    Attributes:
        name: without a domain; clients may write `NAME`, `.\NAME`, `COMPUTER\NAME` or `NAME@COMPUTER`. A name that
            itself has a domain (`CORP\svc`, `svc@corp.example`) is taken in that form and bare.
        password: any text; it never shows in a repr.
        administrator: others may log in but not create a shell: the WinRS endpoint is open to Administrators only.
    """

    name: str
    password: str = field(repr=False)
    administrator: bool = True


class Stdin(Protocol):
    """Standard input of a process, filled by Send messages."""

    async def read(self) -> bytes:
        """What has arrived since the last call; waits for something to arrive; empty at the end."""

    async def read_all(self) -> bytes:
        """Everything up to the Send that was marked as the last."""


@dataclass(slots=True, eq=False)
class Process:
    """One command that a client started.

    Attributes:
        command_line: the line as cmd.exe gets it, at most 8,191 characters.
        user: the account's name, as the host spells it.
        logon: the kind of logon session.
        environment: the variables the client set for the shell.
        working_directory: as the client set it; empty is the profile's.
        codepage: of the console (65001 is UTF-8); 0 if the client named none.
        stdin: standard input.
        emit_stdout: hand over bytes of standard output; may be called at any time until `run` returns.
        emit_stderr: the same for standard error.
        terminated: set when the process is killed (terminate, or the end of its shell): nothing may be cleaned up then.
            Ctrl-C leaves it unset. Either cancels the task that runs the machine.
    """

    command_line: str
    user: str
    logon: Logon
    environment: Mapping[str, str]
    working_directory: str
    codepage: int
    stdin: Stdin
    emit_stdout: Callable[[bytes], None]
    emit_stderr: Callable[[bytes], None]
    terminated: asyncio.Event


class Machine(Protocol):
    """The simulated computer behind an endpoint."""

    @property
    def name(self) -> str:
        """The computer's name."""

    def reachable(self) -> bool:
        """Whether the network answers at the WinRM address; while False, connections are reset.

        Asked at every connection, request and answer, and about once a second while a connection is open, so it must
        be cheap.
        """

    async def run(self, process: Process) -> int:
        """Run one process and return its exit code; called in the server's event loop, several at a time."""


@dataclass(slots=True)
class Traffic:
    """What an endpoint has been asked so far.

    Attributes:
        connections: TCP connections over which a request came.
        requests: HTTP requests, those of a login included.
    """

    connections: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """Where one machine is to be served and under which terms.

    Attributes:
        machine: the computer.
        address: a loopback address literal.
        http_port: of the HTTP listener; 0 takes any free port, None opens none.
        https_port: the same for HTTPS, which needs `certificate`.
        accounts: who may log in.
        certificate: the TLS server certificate with its key; client certificates are trusted if its authority issued
            them.
        limits: the host's quotas.
        faults: the rules in force; usually one object shared by all endpoints of a fleet.
        channel_binding: CbtHardeningLevel.
        traffic: counted while it is served.
    """

    machine: Machine
    address: str
    http_port: int | None = 5985
    https_port: int | None = 5986
    accounts: tuple[Account, ...] = ()
    certificate: IssuedCertificate | None = None
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    channel_binding: ChannelBinding = ChannelBinding.RELAXED
    traffic: Traffic = field(default_factory=Traffic)
