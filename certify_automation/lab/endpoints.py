"""The TLS servers of a lab: what a simulated computer's bindings and stores say now, on a real loopback socket.

One listener a host stands for port 443 of its computer, whatever its number; the name the client asks for chooses the
certificate. There is no DNS: clients connect to the address and say the name.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_address

from certify_automation.errors import UsageError
from certify_automation.lab.certify import settle
from certify_automation.lab.windows import Computer, Stored
from certify_automation.lab.windows.bindings import served
from certify_automation.lab.winrm.connection import orderly_socket, reset_socket
from certify_automation.lab.winrm.tls import pem_file

PORT = 443
"""The port of the simulated computer that is served."""

_BACKLOG = 512
_CONTEXTS = 4096
_HANDSHAKE_SECONDS = 10.0
_ACCEPT_AGAIN_SECONDS = 0.1
_TURNS = 3
_LONGEST_REQUEST = 65_536
_VERSION_3 = b"\xa0\x03\x02\x01\x02"
_VERSION_NONE = b"\xa0\x03\x02\x01\x09"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class EndpointFaults:
    """What is wrong with the TLS server of a host.

    Attributes:
        closed: nobody listens.
        hangs: connections are accepted, and nothing is ever said.
        unreadable: globs of names whose certificate is sent with a version that X.509 does not have.
    """

    closed: bool = False
    hangs: bool = False
    unreadable: tuple[str, ...] = ()

    def spoils(self, name: str | None) -> bool:
        """Whether the certificate for this name is one that cannot be read."""
        return any(fnmatchcase((name or "").lower(), glob.lower()) for glob in self.unreadable)


class TlsEndpoints:
    """The TLS servers of a lab. Use it inside one running event loop; `close` leaves nothing behind."""

    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []
        self._acceptors: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.Task[None]] = set()
        self._contexts = _Contexts()

    async def add(self, computer: Computer, address: str, faults: EndpointFaults = EndpointFaults()) -> int:
        """Serve a computer at a loopback address; the port.

        Raises:
            UsageError: the address is not a loopback address (CA5060), or cannot be listened on (CA5061).
        """
        listener = _bound(address)
        self._listeners.append(listener)
        # One where nobody is to listen stays taken, so that nobody else comes to listen there.
        if not faults.closed:
            # A connection without its handshake is reset when it closes, as http.sys does; sockets take that from here.
            reset_socket(listener)
            listener.listen(_BACKLOG)
            context = None if faults.hangs else self._choosing(computer, faults)
            _start(self._acceptors, self._accept(listener, context))
        return int(listener.getsockname()[1])

    async def close(self) -> None:
        """Close every listener and every connection."""
        await _cancel(self._acceptors)
        for _ in range(_TURNS):
            # A connection that was taken a moment ago is not asyncio's to close before it has begun its handshake.
            await asyncio.sleep(0)
        await _cancel(self._clients)
        await asyncio.sleep(0)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:
                # Out of descriptors, or the client was gone before it was accepted: neither ends the listener.
                await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)
                continue
            _start(self._clients, _hang(client) if context is None else _answer(client, context))

    def _choosing(self, computer: Computer, faults: EndpointFaults) -> ssl.SSLContext:
        """A context that gives every connection the certificate its name is bound to at that moment."""

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
            settle(computer)
            chain = served(computer, name, PORT) if _answers(computer) else ()
            if not chain:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = self._contexts.of(chain, unreadable=faults.spoils(name))
            return None

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = choose
        return context


class _Contexts:
    """OpenSSL's contexts, one a chain of certificates; those not used for long are given up."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[tuple[str, ...], bool], ssl.SSLContext] = OrderedDict()

    def of(self, chain: tuple[Stored, ...], *, unreadable: bool) -> ssl.SSLContext:
        """The context that sends this chain, its first certificate with the private key."""
        key = (tuple(one.thumbprint for one in chain), unreadable)
        if key not in self._known:
            self._known[key] = _context(chain, unreadable=unreadable)
            while len(self._known) > _CONTEXTS:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def _context(chain: tuple[Stored, ...], *, unreadable: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0
    ders = [one.der for one in chain]
    if unreadable:
        ders[0] = ders[0].replace(_VERSION_3, _VERSION_NONE, 1)
    pems = "".join(ssl.DER_cert_to_PEM_cert(der) for der in ders)
    with pem_file(pems.encode() + (chain[0].key_pem or b"")) as path:
        context.load_cert_chain(path)
    return context


def _start(tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def _answer(client: socket.socket, context: ssl.SSLContext) -> None:
    """Do the handshake, and answer one request with nothing."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_REQUEST)
    protocol = asyncio.StreamReaderProtocol(reader)
    try:
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, client, ssl=context, ssl_handshake_timeout=_HANDSHAKE_SECONDS
        )
    except (OSError, asyncio.CancelledError):
        client.close()
        return
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        await reader.readuntil(b"\r\n\r\n")
        orderly_socket(client)
        writer.write(_ANSWER)
        writer.close()
        await writer.wait_closed()
    except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
        transport.abort()


async def _hang(client: socket.socket) -> None:
    with client:
        while await asyncio.get_running_loop().sock_recv(client, _LONGEST_REQUEST):
            pass


def _answers(computer: Computer) -> bool:
    """Whether http.sys takes connections at the computer's own address."""
    return computer.powered and computer.http.running() and computer.http.listens_on(computer.installation.address)


def _bound(address: str) -> socket.socket:
    if not ip_address(address).is_loopback:
        raise UsageError("CA5060", f"the lab listens on loopback addresses only, not on {address!r}")
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    try:
        listener.bind((address, 0))
    except OSError as error:
        listener.close()
        hint = "the system may have no port left, or not have this address"
        raise UsageError("CA5061", f"cannot listen on {address}: {error.strerror or error}", hint=hint) from error
    return listener
