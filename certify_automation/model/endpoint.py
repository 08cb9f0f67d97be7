"""What a TLS endpoint showed to somebody outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and the name to ask for.

    Attributes:
        host: DNS name or IP literal without brackets.
        sni: sent as server name indication; empty = none is sent.
    """

    host: str
    port: int
    sni: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Presented:
    """A handshake that came about: the certificates the server sent as DER, its own first, and the version of TLS."""

    chain: tuple[bytes, ...]
    protocol: str


class Obstacle(StrEnum):
    """Why there was no handshake."""

    NAME = "name"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CLOSED = "closed"
    NOT_TLS = "not_tls"
    HANDSHAKE = "handshake"


@dataclass(frozen=True, slots=True)
class NotReached:
    """A handshake that did not come about; text is what the system or the TLS library said."""

    obstacle: Obstacle
    text: str
