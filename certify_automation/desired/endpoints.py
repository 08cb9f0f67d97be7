"""Endpoints that serve certificates, as the files write them: `www.example.com:443`, `[2001:db8::5]`."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

_HTTPS = 443
_HIGHEST_PORT = 65535
_BRACKETED = re.compile(r"\[(?P<host>[^\[\]]*)\](?::(?P<port>.*))?", re.DOTALL)
_PLAIN = re.compile(r"(?P<host>[^:\[\]]*)(?::(?P<port>[^:]*))?", re.DOTALL)
_LABEL = re.compile(r"(?!-)(?:[A-Za-z0-9_-]|[^\x00-\x7f]){1,63}(?<!-)")
_LONGEST_NAME = 253
_FORM = "write NAME:PORT or ADDRESS:PORT, for example www.example.com:443; the port is 443 if none is written"


class EndpointUnreadable(ValueError):
    """The text is no endpoint; the message says why.

    Attributes:
        hint: what to write.
    """

    def __init__(self, message: str, hint: str = _FORM) -> None:
        super().__init__(message)
        self.hint = hint


def read_endpoint(text: str) -> tuple[str, int]:
    """Host and port of an endpoint; names in lower case, addresses without brackets as Python writes them.

    Raises:
        EndpointUnreadable: it has another form, its name cannot be one, or there is no such port.
    """
    if "://" in text:
        host = text.partition("://")[2].partition("/")[0]
        raise EndpointUnreadable("it is a URL", f"write {host}" if host else _FORM)
    match = (_BRACKETED if text.startswith("[") else _PLAIN).fullmatch(text)
    if match is None:
        address = _address(text)
        raise EndpointUnreadable("it has more than one colon", f"write [{address}]:443" if address else _FORM)
    host = match["host"]
    if text.startswith("[") and not isinstance(_address(host), IPv6Address):
        raise EndpointUnreadable("what stands in the brackets is no IPv6 address")
    return read_host(host), _port(match["port"])


def read_host(text: str) -> str:
    """A name that can be looked up, in lower case, or an address literal as Python writes it.

    Raises:
        EndpointUnreadable: it is neither.
    """
    address = _address(text)
    if address is not None:
        return str(address)
    if not text:
        raise EndpointUnreadable("it has no name")
    if text.endswith("."):
        raise EndpointUnreadable("its name ends in a dot", f"write {text.rstrip('.')}")
    labels = text.split(".")
    if "*" in text:
        raise EndpointUnreadable("a pattern cannot be connected to", "write the name of one server or site")
    sound = all(map(_LABEL.fullmatch, labels)) and text.isprintable() and len(text) <= _LONGEST_NAME
    if not sound or any(character.isspace() for character in text):
        raise EndpointUnreadable("its name is not one of DNS")
    if labels[-1].isdecimal():
        raise EndpointUnreadable("its address is not one", "an IPv4 address has four numbers from 0 to 255")
    return text.lower()


def is_address(host: str) -> bool:
    """Whether a host that was read is an address, not a name."""
    return _address(host) is not None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def _port(text: str | None) -> int:
    if text is None:
        return _HTTPS
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= _HIGHEST_PORT:
        raise EndpointUnreadable("its port is not a number from 1 to 65535")
    return int(text)
