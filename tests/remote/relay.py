"""A relay between client and server that keeps what the client sent and may change what the server answers."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)

Tamper = Callable[[int, bytes, bytes], bytes | None]
"""Number of the request on all connections, from 1; the request; its answer. None closes the connection."""


@dataclass(frozen=True)
class Tls:
    """Of the relay as a server, and towards the real server."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def pass_on(number: int, request: bytes, answer: bytes) -> bytes | None:
    del number, request
    return answer


def read_message(stream: BinaryIO) -> bytes:
    """One HTTP message with its head; empty at the end of the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    length = _LENGTH.search(head)
    return head + stream.read(int(length[1]) if length else 0)


class Relay:
    """Listens on a free port of 127.0.0.1 between `__enter__` and `__exit__`."""

    def __init__(self, target: int, tamper: Tamper = pass_on, tls: Tls | None = None) -> None:
        self._target = target
        self._tamper = tamper
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.sent: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._accept, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(server)
            server.start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._target))
        try:
            if self._tls:
                client = self._tls.server.wrap_socket(client, server_side=True)
                server = self._tls.client.wrap_socket(server, server_hostname="localhost")
            self._open += [client, server]
            self._exchange(client, server)
        except (OSError, ValueError):
            pass
        finally:
            client.close()
            server.close()

    def _exchange(self, client: socket.socket, server: socket.socket) -> None:
        with client.makefile("rb") as asks, server.makefile("rb") as answers:
            while request := read_message(asks):
                with self._lock:
                    self.sent.append(request)
                    number = len(self.sent)
                server.sendall(request)
                answer = self._tamper(number, request, read_message(answers))
                if answer is None:
                    return
                client.sendall(answer)


def http_answer(status: int, body: bytes = b"", kind: str = "application/soap+xml;charset=UTF-8") -> bytes:
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body
