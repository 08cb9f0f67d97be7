"""What http.sys keeps for every application on the machine: listen list, URL reservations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

CHALLENGE_ADDRESS = "127.0.0.1"
"""The product's helper for http-01 challenges is asked through this address."""


class ListenRule(StrEnum):
    """How a declared IP listen list is to be read; what is observed is always EXACTLY."""

    REACHABLE = "reachable"
    INCLUDE = "include"
    EXACTLY = "exactly"


def listen_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address of one entry of the IP listen list, brackets tolerated; None if http.sys could not convert it."""
    try:
        return ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class IpListen:
    """The IP listen list.

    Attributes:
        rule: REACHABLE and INCLUDE name addresses that must be covered or present, EXACTLY the whole list.
        addresses: texts as declared, or as netsh lists them.
    """

    rule: ListenRule
    addresses: tuple[str, ...] = ()

    def effective(self) -> frozenset[IPv4Address | IPv6Address]:
        """The entries http.sys can convert; none of them = it listens on every address (event 15015)."""
        return frozenset(a for a in map(listen_address, self.addresses) if a is not None)

    def covers(self, text: str) -> bool:
        """Whether a request to this address would be listened for; `0.0.0.0` and `::` cover their own family only."""
        entries = self.effective()
        wanted = listen_address(text)
        if not entries:
            return True
        if wanted is None:
            return False
        anything = ip_address("0.0.0.0" if wanted.version == 4 else "::")  # noqa: S104, PLR2004 - compared, never bound
        return wanted in entries or anything in entries


@dataclass(frozen=True, slots=True)
class UrlReservation:
    """A URL namespace reservation.

    Attributes:
        url: as reserved, for example `http://127.0.0.2:9696/`.
        sddl: the security descriptor as SDDL text; None with absent.
        absent: declared to be removed.
    """

    url: str
    sddl: str | None = None
    absent: bool = False
