"""Where the v7 service listens: Kestrel's reading of addresses, and the endpoints configuration declares.

Sources: ASP.NET Core's BindingAddress and AddressBinder. Endpoints declared under Kestrel:Endpoints (in
appsettings-core.json, or in environment variables with other names) take the place of what serviceconfig.json says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from certify_automation.lab.certify.json_reader import CONFIGURATION, MalformedJson, Members, decode_text, read_object

_ENVIRONMENT = re.compile(r"Kestrel__Endpoints__(?P<name>[^_].*?)__Url", re.IGNORECASE)
_ADDRESS_PART = re.compile(r"0[xX][0-9a-fA-F]+|\d+")
_ENDPOINTS = ("kestrel", "endpoints")
_PORTS = range(65536)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_PARTS = 4


class StartFailure(Exception):
    """An exception that ends the process; `text` is type and message as .NET prints them."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.text = f"{kind}: {message}"


@dataclass(frozen=True, slots=True)
class Binding:
    """One URL the server is told to listen on.

    Attributes:
        addresses: literals to open: one, `127.0.0.1` and `::1` for localhost, `::` (dual-mode) for everything.
        shown: host as the start-up log shows it.
    """

    addresses: tuple[str, ...]
    port: int
    shown: str
    scheme: str = "http"

    def url(self, port: int) -> str:
        """The bound address as the start-up log shows it."""
        return f"{self.scheme}://{self.shown}:{port}"


def from_service_config(host: str | None, port: int) -> str:
    """The URL the service gives to UseUrls; a missing host or port 0 falls back to localhost:9696, both at once."""
    if host is None or port == 0:
        return "http://localhost:9696"
    return f"http://{host}:{port}"


def declared_endpoints(core_file: bytes | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Endpoint name -> URL as configuration declares them, in the order Kestrel binds them; the file beats variables.

    Raises:
        StartFailure: the file is malformed; the process ends before anything is logged.
    """
    found: dict[str, str] = {}
    for variable, url in environment.items():
        match = _ENVIRONMENT.fullmatch(variable)
        if match is not None:
            found[match["name"].casefold()] = url
    names: dict[str, str] = {key: key for key in found}
    for name, url in _file_endpoints(core_file):
        found[name.casefold()] = url
        names[name.casefold()] = name
    return {names[key]: found[key] for key in sorted(found)}


def parse_url(url: str) -> Binding:
    """What one URL makes Kestrel listen on: any host that is no IP literal means every interface.

    Raises:
        StartFailure: as the server would throw while it binds.
    """
    scheme, delimiter, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, colon, digits = authority.rpartition(":")
    if colon and re.fullmatch(r"\s*[+-]?\d+\s*", digits):
        port = int(digits)
    else:
        host, port = authority, _DEFAULT_PORTS.get(scheme.lower(), 0)
    if not delimiter or not host:
        raise StartFailure("System.FormatException", f"Invalid url: '{url}'")
    if slash and path.strip("/"):
        raise StartFailure(
            "System.InvalidOperationException",
            "A path base can only be configured using IApplicationBuilder.UsePathBase().",
        )
    if port not in _PORTS:
        raise StartFailure(
            "System.ArgumentOutOfRangeException",
            "Specified argument was out of the range of valid values. (Parameter 'port')",
        )
    return _binding(scheme.lower(), host, port)


def parse_address(text: str) -> str | None:
    """What IPAddress.TryParse makes of a text: also `127` (0.0.0.127), `127.1`, hexadecimal and octal parts."""
    bare = text.removeprefix("[").removesuffix("]")
    try:
        if ":" in bare:
            return str(IPv6Address(bare))
        parts = [_part(part) for part in bare.split(".")]
        if len(parts) > _MOST_PARTS or any(part > 255 for part in parts[:-1]):  # noqa: PLR2004 - one byte each
            return None
        value = sum(part << (24 - 8 * place) for place, part in enumerate(parts[:-1]))
        if parts[-1] >= 1 << (8 * (5 - len(parts))):
            return None
        return str(IPv4Address(value + parts[-1]))
    except ValueError:
        return None


def _part(text: str) -> int:
    if not _ADDRESS_PART.fullmatch(text):
        raise ValueError(text)
    if text[:2].lower() == "0x":
        return int(text, 16)
    return int(text, 8 if text.startswith("0") and len(text) > 1 else 10)


def _binding(scheme: str, host: str, port: int) -> Binding:
    if scheme == "https":
        raise StartFailure(
            "System.InvalidOperationException",
            "Unable to configure HTTPS endpoint. No server certificate was specified, and the default developer "
            "certificate could not be found or is out of date.",
        )
    if host.lower() == "localhost":
        if port == 0:
            raise StartFailure(
                "System.InvalidOperationException",
                "Dynamic port binding is not supported when binding to localhost. You must either bind to "
                "127.0.0.1:0 or [::1]:0, or both.",
            )
        return Binding(("127.0.0.1", "::1"), port, "localhost", scheme)
    literal = parse_address(host)
    if literal is None:
        return Binding(("::",), port, "[::]", scheme)
    return Binding((literal,), port, f"[{literal}]" if ":" in literal else literal, scheme)


def _file_endpoints(core_file: bytes | None) -> list[tuple[str, str]]:
    """Name and URL of each endpoint the file has any setting of; the URL is empty when it has none."""
    if core_file is None:
        return []
    try:
        settings = _unrepeated(_settings(read_object(decode_text(core_file), CONFIGURATION), ()))
    except MalformedJson as error:
        raise StartFailure(
            "System.IO.InvalidDataException", "Failed to load configuration from file 'appsettings-core.json'."
        ) from error
    found: dict[str, tuple[str, str]] = {}
    for path, value in settings:
        folded = tuple(part.casefold() for part in path)
        if folded[:2] != _ENDPOINTS or len(path) == len(_ENDPOINTS):
            continue
        name = path[len(_ENDPOINTS)]
        is_url = folded[3:] == ("url",)
        found.setdefault(name.casefold(), (name, ""))
        if is_url and isinstance(value, str):
            found[name.casefold()] = (name, value)
    return list(found.values())


def _settings(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - any JSON
    """Settings by path, as configuration sees them: a name with colons is a path of its own."""
    inner = [(one.name, one.value) for one in value] if isinstance(value, Members) else []
    if isinstance(value, list) and not isinstance(value, Members):
        inner = [(str(number), item) for number, item in enumerate(value)]
    for name, item in inner:
        yield from _settings(item, (*path, *name.split(":")))
    if not inner:
        yield path, value


def _unrepeated(settings: Iterable[tuple[tuple[str, ...], Any]]) -> list[tuple[tuple[str, ...], Any]]:
    found = list(settings)
    keys = [":".join(path).casefold() for path, _ in found]
    if len(set(keys)) != len(keys):
        raise MalformedJson("A duplicate key was found.")
    return found
