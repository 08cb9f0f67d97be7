"""One TCP connection: requests in, one after the other, and their answers out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Iterator

from certify_automation.lab.winrm import answers
from certify_automation.lab.winrm.authentication import Authentication, Channel, Login
from certify_automation.lab.winrm.envelope import Envelope, parse_envelope
from certify_automation.lab.winrm.faults import Occasions, WireFaultKind, WsmanOperation
from certify_automation.lab.winrm.http_messages import HttpError, Request, read_request, render_response
from certify_automation.lab.winrm.sealing import SOAP, UnsealError, seal, sealing_protocol, unseal
from certify_automation.lab.winrm.service import Service
from certify_automation.lab.winrm.wsman_faults import NOT_SUPPORTED, WsmanFault

logger = logging.getLogger(__name__)

_PATH = "/wsman"
_LINGER_FORMAT = "hh" if os.name == "nt" else "ii"
_BY_REQUEST = (WireFaultKind.DROP, WireFaultKind.SERVICE_UNAVAILABLE, WireFaultKind.TOO_LARGE)
_BY_ANSWER = (WireFaultKind.DROP_ANSWER, WireFaultKind.CLOSE_IDLE)


class _Dropped(Exception):
    """The connection is reset in place of an answer."""


class ClientProtocol(asyncio.StreamReaderProtocol):
    """A stream that tells when its client has gone, which a StreamReader tells only to who reads from it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.gone = False
        self.waiting: asyncio.Task[object] | None = None

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        self._leave()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        self.gone = True
        if self.waiting is not None:
            self.waiting.cancel()


class Connection:
    """Serves one client; ends when the client goes, is idle for too long, or the host is cut off."""

    def __init__(
        self, service: Service, sock: socket.socket, reader: asyncio.StreamReader, transport: asyncio.Transport
    ) -> None:
        """Serve over a transport whose protocol is a `ClientProtocol` that feeds `reader`; `sock` is its socket."""
        protocol = transport.get_protocol()
        if not isinstance(protocol, ClientProtocol):
            raise TypeError("the transport's protocol is not a ClientProtocol")
        self._service = service
        self._socket = sock
        self._reader = reader
        self._protocol = protocol
        self._writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
        channel = _channel(service, self._writer)
        self._secure = channel.secure
        self._authentication = Authentication(service.accounts, channel, service.endpoint.channel_binding)
        self._occasions = Occasions(service.endpoint.machine.name, service.endpoint.address)
        self._after: set[WireFaultKind] = set()
        self._asked = False
        peer = self._writer.get_extra_info("peername")
        self._client = str(peer[0]) if peer else ""

    async def serve(self) -> None:
        """Answer requests until the connection ends."""
        try:
            while await self._exchange():
                pass
        except (_Dropped, OSError):
            self.reset()
        except Exception:
            logger.exception("the WinRM service of %s failed", self._service.endpoint.machine.name)
            self.reset()
        finally:
            self._writer.close()
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await self._writer.wait_closed()

    def reset(self) -> None:
        """Reset the connection as a firewall or a closed listener does: RST, unsent bytes are lost."""
        reset_socket(self._socket)
        self._writer.transport.abort()

    async def _exchange(self) -> bool:
        """One request and its answer; False when the connection has ended."""
        try:
            request = await read_request(self._reader, self._service.limits)
        except HttpError as error:
            await self._write(render_response(error.status, [("Connection", "close")]))
            return False
        if request is None:
            return False
        self._count()
        self._after.clear()
        self._check_reachable()
        try:
            response = await self._answer(request)
        except HttpError as error:
            response = render_response(error.status, [("Connection", "close")] if error.close else [])
            request = None if error.close else request
        self._check_reachable()
        if WireFaultKind.DROP_ANSWER in self._after:
            raise _Dropped
        await self._write(response)
        return request is not None and not request.closes and WireFaultKind.CLOSE_IDLE not in self._after

    def _count(self) -> None:
        traffic = self._service.endpoint.traffic
        traffic.requests += 1
        traffic.connections += not self._asked
        self._asked = True

    async def _write(self, response: bytes) -> None:
        self._writer.write(response)
        await self._writer.drain()

    def _check_reachable(self) -> None:
        if not self._service.endpoint.machine.reachable():
            raise _Dropped

    async def _answer(self, request: Request) -> bytes:
        self._strike(None)
        if request.method != "POST":
            raise HttpError(405, close=False)
        if request.path.partition("?")[0].rstrip("/").lower() != _PATH:
            raise HttpError(404, close=False)
        if "wsmanidentify" in request.headers and "authorization" not in request.headers:
            return self._identify(request)
        verdict = self._authentication.judge(request.headers.get("authorization"))
        if verdict.login and "authorization" in request.headers and self._login_refused():
            verdict = self._authentication.refuse()
        headers = [("WWW-Authenticate", challenge) for challenge in verdict.challenges]
        if verdict.login is None:
            return render_response(401, headers)
        return await self._admitted(request, verdict.login, headers)

    def _login_refused(self) -> bool:
        rule = self._service.endpoint.faults.strike(WireFaultKind.REFUSE_AUTHENTICATION, self._service.occasions)
        return rule is not None

    def _identify(self, request: Request) -> bytes:
        try:
            if parse_envelope(request.body).operation is WsmanOperation.IDENTIFY:
                return render_response(200, [("Content-Type", SOAP)], answers.identified())
        except WsmanFault:
            pass
        raise HttpError(400, close=False)

    async def _admitted(self, request: Request, login: Login, headers: list[tuple[str, str]]) -> bytes:
        """The response to a request of somebody who is logged in."""
        if request.too_large:
            raise HttpError(413, close=False)
        protocol = sealing_protocol(request.headers.get("content-type", ""))
        if request.chunked:
            fault = answers.respond_fault(WsmanFault(NOT_SUPPORTED), "", self._service.endpoint.machine.name)
            return self._render(500, [*headers, ("Connection", "close")], fault, protocol)
        if not request.body:
            return render_response(200, headers)
        message = request.body
        if protocol:
            message = self._unseal(message)
        elif not self._secure:
            refusal = self._authentication.refuse()
            return render_response(401, [("WWW-Authenticate", challenge) for challenge in refusal.challenges])
        status, answer = await self._perform(message, login)
        return self._render(status, headers, answer, protocol)

    def _unseal(self, body: bytes) -> bytes:
        context = self._authentication.context
        if context is None or self._strikes(WireFaultKind.UNDECRYPTABLE, None):
            self._authentication.refuse()
            raise HttpError(400, close=False)
        try:
            return unseal(body, context)
        except UnsealError:
            self._authentication.refuse()
            raise HttpError(400, close=False) from None

    async def _perform(self, message: bytes, login: Login) -> tuple[int, bytes]:
        envelope: Envelope | None = None
        try:
            envelope = parse_envelope(message)
            if envelope.operation:
                self._strike(envelope.operation)
            with self._waiting_for_client(envelope.operation):
                return 200, await self._service.perform(envelope, login, self._client)
        except WsmanFault as fault:
            relates_to = envelope.message_id if envelope else ""
            return 500, answers.respond_fault(fault, relates_to, self._service.endpoint.machine.name)

    @contextlib.contextmanager
    def _waiting_for_client(self, operation: WsmanOperation | None) -> Iterator[None]:
        """Give up a Receive whose client has gone: what it waits for is for the client's next one."""
        if operation is not WsmanOperation.RECEIVE:
            yield
            return
        if self._protocol.gone:
            raise _Dropped
        self._protocol.waiting = asyncio.current_task()
        try:
            yield
        finally:
            self._protocol.waiting = None

    def _render(self, status: int, headers: list[tuple[str, str]], answer: bytes, protocol: str | None) -> bytes:
        content_type = SOAP
        if protocol and self._authentication.context:
            content_type, answer = seal(answer, self._authentication.context, protocol)
        return render_response(status, [("Content-Type", content_type), *headers], answer)

    def _strike(self, operation: WsmanOperation | None) -> None:
        """Let the rules that count requests strike: before anything is done, or remembered for the answer."""
        self._after.update(kind for kind in _BY_ANSWER if self._strikes(kind, operation))
        for kind in _BY_REQUEST:
            if self._strikes(kind, operation):
                match kind:
                    case WireFaultKind.SERVICE_UNAVAILABLE:
                        raise HttpError(503, close=False)
                    case WireFaultKind.TOO_LARGE:
                        raise HttpError(413, close=False)
                    case _:
                        raise _Dropped
        if operation and self._strikes(WireFaultKind.UNDECRYPTABLE, operation):
            self._authentication.refuse()
            raise HttpError(400, close=False)

    def _strikes(self, kind: WireFaultKind, operation: WsmanOperation | None) -> bool:
        return self._service.endpoint.faults.strike(kind, self._occasions, operation) is not None


def reset_socket(sock: socket.socket) -> None:
    """Make the close of this socket a reset, and of those that a listener accepts from now on."""
    _set_linger(sock, on=True)


def orderly_socket(sock: socket.socket) -> None:
    """Make the close of this socket an orderly one again."""
    _set_linger(sock, on=False)


def _set_linger(sock: socket.socket, *, on: bool) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER_FORMAT, on, 0))


def _channel(service: Service, writer: asyncio.StreamWriter) -> Channel:
    tls = writer.get_extra_info("ssl_object")
    if tls is None:
        return Channel()
    return Channel(service.certificate, tls.getpeercert(binary_form=True))
