"""Rules of the HTTP driver: IP listen list and URL reservations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from certify_automation.desired.rules.declared import Declared, address, warning
from certify_automation.desired.words import shown
from certify_automation.errors import Problem
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.sddl import parse_sddl

_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<host>\[[^\]]*\]|[^/:\[\]]*)(?::(?P<port>[0-9]+))?(?P<path>/.*)?")
_NAME = re.compile(r"(?!-)[^\s/:?#\[\]@+*]+")
_HIGHEST_PORT = 65535
_SCHEMES = {"http": 80, "https": 443}
_FORM = "write scheme://host:port/, for example http://127.0.0.2:9696/"


def check_http_sys(declared: Declared) -> Iterator[Problem]:
    """Problems of the http_sys section."""
    driver = declared.http_sys.get("driver", {})
    wanted = declared.service.get("state") != "stopped"
    if wanted and (driver.get("start_mode") == "disabled" or driver.get("state") == "stopped"):
        where = declared.where("http_sys.driver.start_mode", "http_sys.driver.state")
        message = "without the HTTP driver product version 6 does not listen, and no version answers http-01 challenges"
        yield warning("CA1238", message, where, "use state: running and start_mode: manual")
    yield from _ip_listen(declared)
    for reservation in declared.http_sys.get("url_reservations", ()):
        yield from _reservation(declared, reservation)


def _ip_listen(declared: Declared) -> Iterator[Problem]:
    declaration = declared.http_sys.get("ip_listen")
    if not isinstance(declaration, Mapping):
        return
    where = declared.where("http_sys.ip_listen")
    rule, entries = next(iter(declaration.items()))
    bad = [entry for entry in entries if address(entry) is None]
    for entry in bad:
        bare = _bare(entry)
        hint = f"write {bare}; the list has no ports and no brackets" if bare else "write a bare IP address"
        yield Problem("CA1230", f"the entry {shown(entry)} of ip_listen.{rule} is not an IP address", where, hint)
    good = [address(entry) for entry in entries if entry not in bad]
    for entry in (found for found, times in Counter(good).items() if times > 1):
        yield Problem("CA1231", f"ip_listen.{rule} lists {entry} twice", where, "remove one")
    if rule != ListenRule.EXACTLY or bad or not entries:
        return
    listen = IpListen(ListenRule.EXACTLY, tuple(entries))
    host = declared.listening_address()
    if declared.config is not None and address(host) is not None and not listen.covers(host):
        message = f"ip_listen.exactly leaves out {host}, where the service listens"
        yield Problem("CA1232", message, where, f"add {host}")
    if declared.http_01 and not listen.covers("127.0.0.1"):
        message = "ip_listen.exactly leaves out 127.0.0.1, which http-01 challenges need"
        yield warning("CA1233", message, where, "add 127.0.0.1, or say service.http_01: false")


def _bare(entry: str) -> str:
    """The address inside `[::1]:80`, `127.0.0.1:80` or with blanks around it."""
    text = entry.strip()
    match = re.fullmatch(r"\[(.*)\](?::[0-9]+)?", text) or re.fullmatch(r"([0-9.]+):[0-9]+", text)
    text = match[1] if match else text
    return text if address(text) is not None else ""


def _reservation(declared: Declared, reservation: Mapping[str, Any]) -> Iterator[Problem]:
    url, absent = reservation["url"], reservation.get("state") == "absent"
    where = declared.where(f"http_sys.url_reservations[{url}].url")
    wrong, hint = _url_fault(url)
    if wrong:
        yield Problem("CA1234", f"{shown(url)} is not a URL to reserve: {wrong}", where, hint)
    match = _URL.fullmatch(url)
    config_port = str(declared.setting("Port"))
    if match and not absent and declared.config is not None and match["port"] == config_port and match["host"] == "+":
        message = f"{url} takes every request to port {config_port}, also those meant for the service's own address"
        yield warning("CA1237", message, where, "reserve the service's address instead")
    if absent:
        return
    sddl = reservation.get("sddl")
    if sddl is None:
        yield Problem("CA1235", f"the reservation of {url} lacks sddl", where, 'for example sddl: "D:(A;;GX;;;SY)"')
        return
    try:
        parse_sddl(sddl)
    except ValueError as error:
        where = declared.where(f"http_sys.url_reservations[{url}].sddl")
        yield Problem("CA1236", f"the sddl {shown(sddl)} cannot be read: {error}", where, "for example D:(A;;GX;;;SY)")


def _url_fault(url: str) -> tuple[str, str]:
    """What http.sys would refuse with error 87, and what to do; both empty if nothing."""
    match = _URL.fullmatch(url)
    if match is None:
        return "it has another form", _FORM
    scheme, host, port, path = match["scheme"], match["host"], match["port"], match["path"]
    fault = "", ""
    if scheme not in _SCHEMES:
        fault = "the scheme must be http or https, in lower case", _FORM
    elif _host_fault(host):
        fault = _host_fault(host), _FORM
    elif port is None:
        fault = "the port is missing", f"write {scheme}://{host}:{_SCHEMES[scheme]}/"
    elif not 0 < int(port[:6]) <= _HIGHEST_PORT:
        fault = f"the port must be between 1 and {_HIGHEST_PORT}", ""
    elif path is None or not path.endswith("/"):
        fault = "it must end with /", f"write {url}/"
    return fault


def _host_fault(host: str) -> str:
    literal = host.removeprefix("[").removesuffix("]")
    if host in {"0.0.0.0", "[::]"}:  # noqa: S104 - compared, never bound
        return f"http.sys does not take {host} for a host; + stands for every host"
    if host.startswith("["):
        return "" if ":" in literal and address(literal) is not None else f"{host} is not an IPv6 address"
    if host in {"+", "*"} or _NAME.fullmatch(host):
        return ""
    return "the host must be +, *, a name, an IPv4 address or an IPv6 address in brackets"
