"""Rules of who can get at the API."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from certify_automation.desired.rules.declared import Declared, address
from certify_automation.desired.words import shown
from certify_automation.errors import Position, Problem

_WINRM_PORTS = (5985, 5986, 47001)


def check_security(declared: Declared) -> Iterator[Problem]:
    """Problems of `security.api_exposure`, which may contradict other sections."""
    exposure = declared.api_exposure
    if exposure is None:
        return
    where = declared.where("security.api_exposure.scope", "security.api_exposure")
    for name, host, place in _declared_hosts(declared):
        if not _is_local(host):
            message = f"api_exposure is loopback, but {name} is {shown(host)} at {place}"
            yield Problem("CA1242", message, where, "declare an address in 127.0.0.0/8 there, or remove one of the two")
    port = declared.setting("Port")
    if exposure.block and declared.config is not None and port in _WINRM_PORTS:
        yield blocks_winrm(port, declared.where("security.api_exposure.block"))


def blocks_winrm(port: int, position: Position) -> Problem:
    """A firewall rule that would end the connection by which the host is managed."""
    message = f"block: true would close port {port}, by which WinRM is reached"
    return Problem("CA1243", message, position, "give service.config.port another value, or remove block")


def _declared_hosts(declared: Declared) -> Iterator[tuple[str, str, Position]]:
    """What names an address for the API: dotted path, host, place; no host that is wrong in any case."""
    host = (declared.config or {}).get("Host")
    if address(host) is not None:
        yield "service.config.host", str(host), declared.where("service.config.host")
    for name, url in declared.endpoint_variables():
        yield f"environment.{name}", _host_of(url), declared.where(f"environment.{name}")


def _host_of(url: str) -> str:
    """The host of a URL as Kestrel reads it, also one that is no address; the whole text when it is no URL."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def _is_local(host: str) -> bool:
    found = address(host)
    return host.casefold() == "localhost" or (found is not None and found.is_loopback)
