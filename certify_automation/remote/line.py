"""The way to one host: its URL, TLS as an administrator expects it, and one TCP connection for one logon.

requests would read the certificate files again for every connection, and would take the CA bundle it ships with in
place of the system's; urllib3 would open a second connection where the first was lost, unnoticed.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import urllib3
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from certify_automation.errors import UsageError
from certify_automation.model.host import Auth, Connection, Scheme
from certify_automation.remote.symptoms import Noticed


def endpoint_url(connection: Connection) -> str:
    """`https://web01.example.com:5986/wsman`, IPv6 literals bracketed."""
    return f"{connection.scheme}://{_host(connection)}:{connection.port}{connection.path}"


def _host(connection: Connection) -> str:
    return f"[{connection.address}]" if ":" in connection.address else connection.address


class _Socket(ssl.SSLSocket):
    """Closed when the connection turns out to be reset before the handshake, where Python leaves it open."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ConnectionError:
            self.close()
            raise


def tls_context(connection: Connection) -> ssl.SSLContext:
    """The context of the connection's trust store; the same one for the same files.

    Raises:
        UsageError: CA2033 a certificate file cannot be read.
    """
    client = connection.auth is Auth.CERTIFICATE
    certificate = (connection.certificate_file, connection.certificate_key_file) if client else (None, None)
    return _context(connection.ca_file, connection.verify, *certificate)


@lru_cache(maxsize=64)
def _context(ca_file: str | None, verify: bool, certificate: str | None, key: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise _unreadable("ca_file", ca_file, error) from error
    context.sslsocket_class = _Socket
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            raise _unreadable("certificate_file and certificate_key_file", f"{certificate}, {key}", error) from error
    return context


def _unreadable(setting: str, path: str | None, error: OSError) -> UsageError:
    why = error.strerror or "it holds no PEM certificate"
    return UsageError("CA2033", f"{setting}: {path}: {why}", hint="relative paths start at the inventory's folder")


def speaks_tls(connection: Connection, seconds: float) -> bool:
    """Whether the port answers a TLS greeting; nothing about the server is believed because of it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((connection.address, connection.port), seconds) as plain,
            context.wrap_socket(plain, server_hostname=connection.address),
        ):
            return True
    except OSError:
        return False


class Line:
    """The one TCP connection of a pywinrm Protocol; can be cut from another thread.

    `admit` is called when the connection has come about, before anything is sent over it; it may wait, or raise.
    """

    def __init__(self, admit: Callable[[], None]) -> None:
        self._admit = admit
        self._socket: socket.socket | None = None

    def opened(self, opened: socket.socket) -> None:
        """The connection has come about.

        Raises:
            Noticed: it is the second one. Authentication and encryption belong to the first, which the host closed
                while nothing was under way, so the request that asks for this one has not been sent.
        """
        if self._socket is not None:
            opened.close()
            raise Noticed("closed_idle")
        self._socket = opened
        self._admit()

    def cut(self) -> None:
        """End the connection at once: whoever waits for the other end gets an error."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _PlainConnection(HTTPConnection):
    def __init__(self, *args: Any, opened: Callable[[socket.socket], None], **keywords: Any) -> None:  # noqa: ANN401 - urllib3's own
        super().__init__(*args, **keywords)
        self._opened = opened

    def connect(self) -> None:
        super().connect()
        self._opened(self.sock)


class _TlsConnection(HTTPSConnection):
    def __init__(self, *args: Any, opened: Callable[[socket.socket], None], **keywords: Any) -> None:  # noqa: ANN401 - urllib3's own
        super().__init__(*args, **keywords)
        self._opened = opened

    def connect(self) -> None:
        super().connect()
        self._opened(self.sock)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class LineAdapter(HTTPAdapter):
    """Sends every request of a requests session over one line to one host."""

    def __init__(self, connection: Connection, line: Line) -> None:
        super().__init__()
        pool: urllib3.HTTPConnectionPool
        if connection.scheme is Scheme.HTTPS:
            tls = tls_context(connection)
            checks = tls.verify_mode
            pool = _TlsPool(_host(connection), connection.port, ssl_context=tls, cert_reqs=checks, opened=line.opened)
        else:
            pool = _PlainPool(_host(connection), connection.port, opened=line.opened)
        self._pool = pool

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,  # noqa: ARG002 - there is but one
        verify: object,  # noqa: ARG002 - the context says it
        proxies: object = None,  # noqa: ARG002 - none is ever used
        cert: object = None,  # noqa: ARG002 - in the context
    ) -> urllib3.HTTPConnectionPool:
        """The pool of the one connection."""
        return self._pool

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leave the context as it is."""

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()
        super().close()
