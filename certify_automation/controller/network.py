"""What this computer sees of servers before any login: their names, their certificates, their clocks."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from statistics import median
from typing import TypeVar

from certify_automation.controller.result import Result
from certify_automation.doctor.diagnosis import finding
from certify_automation.due import span_text
from certify_automation.errors import UsageError
from certify_automation.model.finding import Evidence
from certify_automation.model.host import Connection, Scheme, Transport
from certify_automation.naming import some_of
from certify_automation.remote.line import tls_context

T = TypeVar("T")
R = TypeVar("R")

_CLOCK_LIMIT_SECONDS = 300
_FEWEST_CLOCKS = 2
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class NetworkLimits:
    """How many hosts are asked, how many at the same time, and how many seconds each of them may take."""

    hosts: int = 20
    concurrency: int = 10
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered to a question without a login.

    Attributes:
        ahead_seconds: its clock against this one's; None = it did not say what time it is.
        error: why TLS to it failed; silence: why nothing answered at all; both empty when it did.
    """

    address: str
    ahead_seconds: float | None = None
    error: str = ""
    silence: str = ""


def names(connections: Sequence[Connection], limits: NetworkLimits) -> tuple[frozenset[str], Result]:
    """The addresses that cannot be resolved, among those that connections go to."""
    visited = list(dict.fromkeys(one.address for one in connections if one.transport is Transport.WINRM))
    asked = visited[: limits.hosts]
    replies = _together(asked, _resolved, limits)
    unknown = {name: reply for name, reply in zip(asked, replies, strict=True) if reply != ""}
    found = [
        finding("CA6904", f"{name} cannot be resolved: {why}", [Evidence("DNS", f"{name}: {why}")], subject=name)
        for name, why in ((name, why or "no answer in time") for name, why in unknown.items())
    ]
    seen = f"{len(asked) - len(unknown)} of {len(asked)} resolved{_sampled(asked, visited)}"
    return frozenset(unknown), Result("names", (seen,), tuple(found))


def _resolved(name: str) -> str:
    try:
        socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return getattr(error, "strerror", None) or "it is no name"
    return ""


def reached(connections: Sequence[Connection], limits: NetworkLimits) -> tuple[tuple[Answer, ...], Result]:
    """What servers answer without a login: a TLS handshake where the connection is over https, and the time."""
    visited = {(one.address, one.port): one for one in connections if one.transport is Transport.WINRM}
    asked = list(visited.values())[: limits.hosts]
    replies = _together(asked, lambda one: _asked(one, limits.seconds), limits)
    answers = [
        reply or Answer(_place(one), silence="no answer in time") for one, reply in zip(asked, replies, strict=True)
    ]
    found = [
        finding(
            "CA6905",
            f"TLS to {one.address} fails: {one.error}",
            [Evidence(one.address, one.error)],
            subject=one.address,
        )
        for one in answers
        if one.error
    ]
    well = sum(not (one.error or one.silence) for one in answers)
    silent = [f"{one.address} ({one.silence})" for one in answers if one.silence]
    seen = [f"{well} of {len(asked)} answer{_sampled(asked, list(visited))}"]
    if silent:
        seen.append(f"not reached: {some_of(silent, _NAMES_SHOWN)}")
    return tuple(answers), Result("servers", tuple(seen), tuple(found))


def _asked(connection: Connection, seconds: float) -> Answer:
    place = _place(connection)
    try:
        line = _line(connection, seconds)
    except UsageError as error:  # a file of the connection, of which its own check tells
        return Answer(place, silence=error.message)
    try:
        line.request("GET", "/")
        date = line.getresponse().getheader("Date")
    except ssl.SSLCertVerificationError as error:
        return Answer(place, error=error.verify_message)
    except ssl.SSLError as error:
        return Answer(place, error=error.reason or str(error))
    except (OSError, http.client.HTTPException) as error:
        return Answer(place, silence=getattr(error, "strerror", None) or str(error) or type(error).__name__)
    finally:
        line.close()
    return Answer(place, _ahead(date))


def _line(connection: Connection, seconds: float) -> http.client.HTTPConnection:
    if connection.scheme is Scheme.HTTP:
        return http.client.HTTPConnection(connection.address, connection.port, timeout=seconds)
    context = tls_context(connection)
    return http.client.HTTPSConnection(connection.address, connection.port, timeout=seconds, context=context)


def _ahead(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time() if date else None
    except (ValueError, OverflowError):
        return None


def clock(answers: Sequence[Answer]) -> Result:
    """Whether this computer's clock is the odd one: several servers agree with each other and not with it."""
    ahead = [one.ahead_seconds for one in answers if one.ahead_seconds is not None]
    if not ahead:
        return Result("clock", ("no server said what time it is",))
    middle = median(ahead)
    servers = f"{len(ahead)} server{'' if len(ahead) == 1 else 's'}"
    off = f"{span_text(abs(middle))} {'behind' if middle > 0 else 'ahead of'} {servers}"
    agree = [one for one in ahead if abs(one - middle) <= _CLOCK_LIMIT_SECONDS]
    if abs(middle) <= _CLOCK_LIMIT_SECONDS or len(agree) < _FEWEST_CLOCKS or len(agree) * 2 <= len(ahead):
        return Result("clock", (off,))
    evidence = [
        Evidence(one.address, f"its clock is {span_text(abs(one.ahead_seconds))} off from this one's")
        for one in answers
        if one.ahead_seconds is not None
    ]
    cause = f"this computer's clock is {off}, which agree with each other"
    return Result("clock", (off,), (finding("CA6906", cause, evidence[:_NAMES_SHOWN]),))


def _place(connection: Connection) -> str:
    return f"{connection.address}:{connection.port}"


def _sampled(asked: Sequence[object], every: Sequence[object]) -> str:
    return f", of {len(every)} in all" if len(asked) < len(every) else ""


def _together(items: Sequence[T], ask: Callable[[T], R], limits: NetworkLimits) -> list[R | None]:
    """What each of them gave, in order; None where there was nothing in time."""
    pool = ThreadPoolExecutor(limits.concurrency)
    futures: list[Future[R]] = [pool.submit(ask, item) for item in items]
    rounds = -(-len(items) // limits.concurrency)
    wait(futures, timeout=2 * limits.seconds * rounds)
    pool.shutdown(wait=False, cancel_futures=True)
    return [one.result() if one.done() and not one.cancelled() else None for one in futures]
