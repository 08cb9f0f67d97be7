"""The listeners: any number of hosts, each with its own address or ports, in one event loop."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from certify_automation.errors import UsageError
from certify_automation.lab.authority import IssuedCertificate
from certify_automation.lab.winrm.accounts import CredentialFolder
from certify_automation.lab.winrm.connection import ClientProtocol, Connection, reset_socket
from certify_automation.lab.winrm.faults import WireFaultKind
from certify_automation.lab.winrm.host import Endpoint
from certify_automation.lab.winrm.service import Service
from certify_automation.lab.winrm.tls import server_context

_BACKLOG = 128
_STREAM_LIMIT = 65536
_SWEEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where an endpoint really listens; None for a listener it does not have."""

    address: str
    http_port: int | None
    https_port: int | None


@dataclass(slots=True, eq=False)
class _Served:
    """An endpoint in service."""

    service: Service
    sockets: list[socket.socket] = field(default_factory=list)
    acceptors: list[asyncio.Task[None]] = field(default_factory=list)
    clients: dict[asyncio.Task[None], Connection | None] = field(default_factory=dict)


class Server:
    """Serves the WinRM endpoints of a lab. Use it inside one running event loop, as an async context manager."""

    def __init__(self) -> None:
        self._served: dict[Endpoint, _Served] = {}
        self._contexts: dict[IssuedCertificate, ssl.SSLContext] = {}
        self._folder: CredentialFolder | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def add(self, endpoint: Endpoint) -> Listening:
        """Put an endpoint in service.

        Raises:
            UsageError: the address is not a loopback address (CA5060), cannot be listened on (CA5061), or HTTPS lacks a
                certificate (CA5062).
        """
        _check(endpoint)
        if self._folder is None:
            self._folder = CredentialFolder()
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        served = _Served(Service(endpoint, self._folder))
        ports: list[int | None] = []
        try:
            for port, tls in ((endpoint.http_port, None), (endpoint.https_port, self._context(endpoint))):
                ports.append(None if port is None else self._listen(served, port, tls))
        except UsageError:
            await _stop(served)
            raise
        self._served[endpoint] = served
        return Listening(endpoint.address, ports[0], ports[1])

    async def remove(self, endpoint: Endpoint) -> None:
        """Take an endpoint out of service: its listeners close, its connections are reset, its shells end."""
        served = self._served.pop(endpoint, None)
        if served is not None:
            await _stop(served)

    def reset_connections(self, endpoint: Endpoint) -> None:
        """Reset every open connection of an endpoint now; what runs in its shells goes on."""
        for connection in self._served[endpoint].clients.values():
            if connection is not None:
                connection.reset()

    async def close(self) -> None:
        """Take every endpoint out of service and leave nothing behind."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None
        for endpoint in list(self._served):
            await self.remove(endpoint)
        self._contexts.clear()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _context(self, endpoint: Endpoint) -> ssl.SSLContext | None:
        certificate = endpoint.certificate
        if certificate is None or endpoint.https_port is None:
            return None
        if certificate not in self._contexts:
            self._contexts[certificate] = server_context(certificate)
        return self._contexts[certificate]

    def _listen(self, served: _Served, port: int, tls: ssl.SSLContext | None) -> int:
        endpoint = served.service.endpoint
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        served.sockets.append(listener)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((endpoint.address, port))
            if not endpoint.faults.refused(endpoint.machine.name, endpoint.address):
                listener.listen(_BACKLOG)
        except OSError as error:
            raise UsageError(
                "CA5061",
                f"cannot listen on {endpoint.address} port {port}: {error.strerror or error}",
                hint="another program, or another lab, may hold the address; choose other ports",
            ) from error
        if not endpoint.faults.refused(endpoint.machine.name, endpoint.address):
            served.acceptors.append(asyncio.get_running_loop().create_task(self._accept(served, listener, tls)))
        return int(listener.getsockname()[1])

    async def _accept(self, served: _Served, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        endpoint = served.service.endpoint
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:
                # Out of descriptors, or the client was gone before it was accepted: neither ends the listener.
                await asyncio.sleep(_SWEEP_SECONDS / 10)
                continue
            strike = endpoint.faults.strike(WireFaultKind.CONNECTION_RESET, served.service.occasions)
            if strike or not endpoint.machine.reachable():
                reset_socket(client)
                client.close()
                continue
            task = loop.create_task(_serve(served, client, tls))
            served.clients[task] = None
            task.add_done_callback(served.clients.pop)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for endpoint, served in list(self._served.items()):
                served.service.shells.expire()
                if served.clients and not endpoint.machine.reachable():
                    self.reset_connections(endpoint)


async def _serve(served: _Served, client: socket.socket, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = asyncio.StreamReader(limit=_STREAM_LIMIT)
    protocol = ClientProtocol(reader)
    try:
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=tls)
    except (OSError, asyncio.CancelledError):
        # A client that does not trust the certificate, or speaks HTTP to the HTTPS port, ends here.
        client.close()
        return
    connection = Connection(served.service, client, reader, transport)
    task = asyncio.current_task()
    if task is not None:
        served.clients[task] = connection
    await connection.serve()


async def _stop(served: _Served) -> None:
    for acceptor in served.acceptors:
        acceptor.cancel()
    if served.acceptors:
        await asyncio.wait(served.acceptors)
    for listener in served.sockets:
        listener.close()
    await served.service.close()
    for client, connection in list(served.clients.items()):
        if connection is not None:
            connection.reset()
        client.cancel()
    if served.clients:
        await asyncio.wait(list(served.clients))


def _check(endpoint: Endpoint) -> None:
    try:
        loopback = ipaddress.ip_address(endpoint.address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(
            "CA5060",
            f"the lab listens on loopback addresses only, not on {endpoint.address!r}",
            hint="use an address of 127.0.0.0/8",
        )
    if endpoint.https_port is not None and endpoint.certificate is None:
        raise UsageError("CA5062", f"HTTPS on {endpoint.address} needs a certificate", hint="or set https_port to None")
