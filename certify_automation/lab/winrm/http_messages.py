"""Requests and responses of HTTP/1.1, as far as HTTP.sys in front of WinRM speaks it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.utils import formatdate

from certify_automation.lab.winrm.limits import Limits

_REASONS = {
    200: "",
    400: "Bad Request",
    401: "",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Request Entity Too Large",
    500: "",
    503: "Service Unavailable",
}
_DISCARDED_BODY = 64 * 1024 * 1024
_PIECE = 65536


class HttpError(Exception):
    """The request is answered with this status and an empty body; `close` says that the connection ends then."""

    def __init__(self, status: int, *, close: bool) -> None:
        super().__init__(status)
        self.status = status
        self.close = close


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, the first of several equal ones counts."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    too_large: bool = False
    """The body was longer than the host's limit and has been thrown away unread."""

    @property
    def closes(self) -> bool:
        """Whether the connection ends after the answer: the client wants it, or its next bytes are an unread body."""
        return self.chunked or self.headers.get("connection", "").lower() == "close"

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks; it has then not been read."""
        return "chunked" in self.headers.get("transfer-encoding", "").lower()


async def read_request(reader: asyncio.StreamReader, limits: Limits) -> Request | None:
    """The next request of a connection; None when the client closed it or asked nothing for too long.

    Raises:
        HttpError: the bytes are no HTTP request, or did not arrive whole in time.
    """
    try:
        async with asyncio.timeout(limits.connection_idle):
            first = await reader.read(1)
    except TimeoutError:
        return None
    if not first:
        return None
    if not first.isalpha():
        raise HttpError(400, close=True)
    try:
        async with asyncio.timeout(limits.packet_retrieval_time):
            return await _read_started(first, reader, limits)
    except TimeoutError:
        raise HttpError(408, close=True) from None
    except asyncio.IncompleteReadError:
        return None


async def _read_started(first: bytes, reader: asyncio.StreamReader, limits: Limits) -> Request:
    try:
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise HttpError(400, close=True) from None
    if len(head) > limits.max_header_bytes:
        raise HttpError(400, close=True)
    method, path, headers = _parse_head(head)
    if "transfer-encoding" in headers:
        return Request(method, path, headers, b"")
    length = _content_length(method, headers)
    if length > limits.max_envelope_kb * 1024:
        await _discard(reader, length)
        return Request(method, path, headers, b"", too_large=True)
    body = await reader.readexactly(length) if length else b""
    return Request(method, path, headers, body)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
        raise HttpError(400, close=True)
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise HttpError(400, close=True)
        headers.setdefault(name.lower(), value.strip())
    return words[0], words[1], headers


def _content_length(method: str, headers: dict[str, str]) -> int:
    text = headers.get("content-length")
    if text is None:
        if method == "POST":
            raise HttpError(411, close=True)
        return 0
    if not (text.isascii() and text.isdigit()):
        raise HttpError(400, close=True)
    return int(text)


async def _discard(reader: asyncio.StreamReader, length: int) -> None:
    if length > _DISCARDED_BODY:
        raise HttpError(413, close=True)
    left = length
    while left:
        left -= len(await reader.readexactly(min(left, _PIECE)))


def render_response(status: int, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """The bytes of a response; length, server and date are added."""
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [
        "Server: Microsoft-HTTPAPI/2.0",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + body
