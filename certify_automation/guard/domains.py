"""Identifiers as certification authorities compare them, and the registered domain they are counted under."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import idna
from publicsuffixlist import PublicSuffixList

_IPV6_PREFIX = 64


def name_and_domain(identifier: str) -> tuple[str, str]:
    """An identifier in the one form in which equal ones are equal, and what it is counted under.

    The form: lower case, without the root's dot, international names as they are in DNS (`xn--`), addresses in their
    short form; what is no name stays as it is, in lower case.
    Counted under: the name that was registered below a public suffix, the private ones of the list included, as Let's
    Encrypt does. A name without one, such as a single label or a public suffix itself, stands for itself; so does an
    IPv4 address; an IPv6 address stands for its /64.
    """
    text = identifier.strip().lower().rstrip(".")
    address = _address(text)
    if isinstance(address, IPv6Address):
        return address.compressed, IPv6Network((address, _IPV6_PREFIX), strict=False).compressed
    if address is not None:
        return address.compressed, address.compressed
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if not name.isascii():
        name = _ascii(name)
    return star + name, _suffixes().privatesuffix(name) or name


def _ascii(name: str) -> str:
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        return name


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if ":" not in text and not text[-1:].isdigit():
        return None
    try:
        return ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
