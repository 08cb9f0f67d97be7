"""URL prefixes of http.sys (HTTP Server API, "UrlPrefix Strings")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.win32 import Win32Error

_PREFIX = re.compile(r"(?P<scheme>https?)://(?P<host>\[[^\]]+\]|[^/:\[\]\s]+):(?P<port>\d{1,5})(?P<path>/(?:.*/)?)\Z")
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Prefix:
    """A parsed URL prefix; host without brackets, path begins and ends with a slash, both as given."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The prefix as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The host as an address, when it is a literal."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def bucket(self) -> str:
        """`+`, `*`, `address` or `name`."""
        if self.host in ("+", "*"):
            return self.host
        return "name" if self.address is None else "address"

    def conflicts(self, other: Prefix) -> bool:
        """Whether both cannot be registered: the same URL, or one port for http and https."""
        if self.port == other.port and self.scheme != other.scheme:
            return True
        return self.url.lower() == other.url.lower()

    def contains(self, other: Prefix) -> bool:
        """Whether `other` lies in the namespace of this one."""
        same_root = (self.scheme, self.host.lower(), self.port) == (other.scheme, other.host.lower(), other.port)
        return same_root and other.path.lower().startswith(self.path.lower())

    def matches(self, address: str, port: int, host: str, path: str) -> bool:
        """Whether a request that arrived at this address with this Host header (no port) and path falls under it."""
        if port != self.port or not f"{path.rstrip('/')}/".lower().startswith(self.path.lower()):
            return False
        literal = self.address
        if literal is not None:
            return literal == ip_address(address)
        return self.host in ("+", "*") or self.host.lower() == host.lower()


def parse_prefix(url: str) -> Prefix:
    """The parts of a URL prefix; port and final slash are mandatory. Raises Win32Error 87."""
    match = _PREFIX.match(url)
    if match is None or not 0 < int(match["port"]) <= _LAST_PORT:
        raise Win32Error(win32.INVALID_PARAMETER, url)
    host = match["host"].removeprefix("[").removesuffix("]")
    return Prefix(match["scheme"], host, int(match["port"]), match["path"])
