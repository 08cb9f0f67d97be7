"""TLS handshakes from this computer: what an endpoint shows to anybody, before anybody judges it."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from certify_automation.model.endpoint import NotReached, Obstacle, Presented, Target

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a name is tried as well (RFC 8305)."""

_CLOSING = 0.01
"""Connections that were given up close in a later turn of the loop, which must not end before."""

_PLAIN_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", re.IGNORECASE | re.ASCII)
_ENCODING_DER = 2
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
_ERRNO = re.compile(r"\[Errno (\d+)\]")


@dataclass(frozen=True, slots=True)
class Patience:
    """How endpoints are looked at: how many at the same time, and for how long each, in seconds."""

    concurrency: int = 200
    seconds: float = 10.0


def look_at_endpoints(targets: Sequence[Target], patience: Patience) -> tuple[Presented | NotReached, ...]:
    """A handshake with each endpoint, in their order; nothing is sent over the connection after it.

    Every certificate is taken, also one that is expired, of another name or of nobody: it is what has to be judged.
    """
    return asyncio.run(_look(targets, patience))


async def _look(targets: Sequence[Target], patience: Patience) -> tuple[Presented | NotReached, ...]:
    # Names are resolved in threads, of which the loop has but a few by itself.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(patience.concurrency))
    context = _accepting_context()
    waiting = iter(enumerate(targets))
    found: list[Presented | NotReached | None] = [None] * len(targets)

    async def work() -> None:
        for index, target in waiting:
            found[index] = await _handshake(target, context, patience.seconds)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(patience.concurrency, len(targets))):
            group.create_task(work())
    await asyncio.sleep(_CLOSING)
    return tuple(one for one in found if one is not None)


def _accepting_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _handshake(target: Target, context: ssl.SSLContext, seconds: float) -> Presented | NotReached:
    try:
        if not _PLAIN_NAME.fullmatch(target.sni):
            # A name that TLS cannot ask for would leave the event loop with a socket that nobody closes.
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=target.sni or None)
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(
                target.host, target.port, ssl=context, server_hostname=target.sni, happy_eyeballs_delay=_delay(target)
            )
    except TimeoutError:
        return NotReached(Obstacle.TIMED_OUT, f"no handshake within {seconds:g} s")
    except (OSError, UnicodeError, ValueError) as error:
        single = _single(error)
        return NotReached(_obstacle(single), _said(single))
    try:
        secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return Presented(_sent_chain(secured), secured.version() or "")
    finally:
        writer.transport.abort()


def _delay(target: Target) -> float | None:
    """None for an address: a race of one would only cost."""
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        return _NEXT_ADDRESS
    return None


def _sent_chain(secured: ssl.SSLObject) -> tuple[bytes, ...]:
    """The certificates as they were sent; before Python 3.13 only the object behind has them."""
    if hasattr(secured, "get_unverified_chain"):
        return tuple(secured.get_unverified_chain())
    behind = secured._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    return tuple(one.public_bytes(_ENCODING_DER) for one in behind.get_unverified_chain() or ())


def _single(error: Exception) -> Exception:
    """What the system said of one address: asyncio adds the address, and makes one error of all that a name has."""
    numbers = [int(number) for number in _ERRNO.findall(str(error))]
    if not numbers or isinstance(error, socket.gaierror):  # whose numbers are others
        return error
    number = errno.ECONNREFUSED if errno.ECONNREFUSED in numbers else numbers[-1]
    return OSError(number, os.strerror(number))


def _obstacle(error: Exception) -> Obstacle:
    if isinstance(error, socket.gaierror | ValueError):
        return Obstacle.NAME
    if isinstance(error, ssl.SSLError):
        return Obstacle.NOT_TLS if error.reason in _NOT_TLS else Obstacle.HANDSHAKE
    if isinstance(error, ConnectionRefusedError):
        return Obstacle.REFUSED
    return Obstacle.CLOSED if isinstance(error, ConnectionError) else Obstacle.UNREACHABLE


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "the handshake failed").replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
