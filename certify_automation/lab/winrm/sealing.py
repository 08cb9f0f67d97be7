"""Message encryption: SOAP inside `multipart/encrypted`, sealed with the connection's security context.

The form is that of MS-WSMV 2.2.9.1: CRLF line ends, a tab before each header, no blank line before the data, and before
the sealed bytes the length of their header as four little-endian bytes.
"""

from __future__ import annotations

import re
import struct

from spnego import ContextProxy
from spnego.exceptions import SpnegoError

SOAP = "application/soap+xml;charset=UTF-8"

_BOUNDARY = b"--Encrypted Boundary"
_DATA = b"\tContent-Type: application/octet-stream\r\n"
_TRAILER = _BOUNDARY + b"--\r\n"
_PROTOCOL = re.compile(
    r'multipart/(?:encrypted|x-multi-encrypted)\s*;.*protocol="(application/HTTP-\w+-session-encrypted)"', re.IGNORECASE
)
_LENGTH = re.compile(rb"Length=(\d+)\r\n")
_PART = re.compile(re.escape(_BOUNDARY) + rb"\r\n\tContent-Type: application/HTTP-\w+-session-encrypted\r\n")
_CREDSSP_PIECE = 16384


class UnsealError(Exception):
    """The body was not sealed in this connection's security context, or was damaged."""


def sealing_protocol(content_type: str) -> str | None:
    """The protocol named by the content type of a sealed body, None if the body is not sealed."""
    match = _PROTOCOL.match(content_type)
    return match[1] if match else None


def unseal(body: bytes, context: ContextProxy) -> bytes:
    """The SOAP message of a sealed body. The context's sequence moves on: call once per message, in order of arrival.

    Raises:
        UnsealError: not sealed for this context; the context is of no use any more.
    """
    if not body.endswith(_TRAILER):
        raise UnsealError("the closing boundary is missing")
    starts = [match.end() for match in _PART.finditer(body)]
    ends = [*(match.start() for match in _PART.finditer(body)), len(body) - len(_TRAILER)][1:]
    if not starts:
        raise UnsealError("no encrypted part")
    return b"".join(_unseal_part(body[start:end], context) for start, end in zip(starts, ends, strict=True))


def _unseal_part(part: bytes, context: ContextProxy) -> bytes:
    length = _LENGTH.search(part)
    at = part.find(_DATA)
    if not length or at < 0:
        raise UnsealError("a header of the encrypted part is missing")
    sealed = part[at + len(_DATA) :]
    try:
        (header_length,) = struct.unpack_from("<I", sealed)
        plain = context.unwrap_winrm(sealed[4 : 4 + header_length], sealed[4 + header_length :])
    except (SpnegoError, struct.error, ValueError, OSError) as error:
        raise UnsealError("sealed in another security context") from error
    if len(plain) != int(length[1]):
        raise UnsealError("the length does not fit")
    return plain


def seal(message: bytes, context: ContextProxy, protocol: str) -> tuple[str, bytes]:
    """Content type and body of a message sealed for the client."""
    pieces = [message]
    multipart = "multipart/encrypted"
    if "CredSSP" in protocol and len(message) > _CREDSSP_PIECE:
        pieces = [message[at : at + _CREDSSP_PIECE] for at in range(0, len(message), _CREDSSP_PIECE)]
        multipart = "multipart/x-multi-encrypted"
    body = b"".join(_seal_part(piece, context, protocol) for piece in pieces) + _TRAILER
    return f'{multipart};protocol="{protocol}";boundary="Encrypted Boundary"', body


def _seal_part(message: bytes, context: ContextProxy, protocol: str) -> bytes:
    wrapped = context.wrap_winrm(message)
    length = len(message) + wrapped.padding_length
    head = f"\r\n\tContent-Type: {protocol}\r\n\tOriginalContent: type={SOAP};Length={length}\r\n".encode()
    size = struct.pack("<I", len(wrapped.header))
    return b"".join((_BOUNDARY, head, _BOUNDARY, b"\r\n", _DATA, size, wrapped.header, wrapped.data))
