"""Rules of the service and of serviceconfig.json."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address

from certify_automation.desired import reference
from certify_automation.desired.rules.declared import Declared, address, repeated_names, warning
from certify_automation.desired.rules.operation import check_operation
from certify_automation.desired.words import near, shown
from certify_automation.errors import Problem

_PRIVILEGED = 1024
_HIGHEST_PORT = 65535
_HTTP = 80


def check_service(declared: Declared) -> Iterator[Problem]:
    """Problems of the service section; none about serviceconfig.json where it is not declared."""
    yield from check_operation(declared)
    if declared.config is None:
        return
    yield from _host(declared)
    yield from _port(declared)
    yield from _https(declared)
    yield from _texts(declared)
    for name, hint in repeated_names(declared.service.get("config", {}).get("additional", {}), "config"):
        where = declared.where(f"service.config.additional.{name.casefold()}")
        yield Problem("CA1213", f"additional repeats the known property {name}", where, hint)


def _host(declared: Declared) -> Iterator[Problem]:
    if "Host" not in (declared.config or {}):
        return
    host, where = declared.setting("Host"), declared.where("service.config.host")
    found = address(host)
    if str(host).casefold() == "localhost":
        message = "localhost is compared as text and means 127.0.0.1 or ::1, never 127.0.0.2"
        yield warning("CA1202", message, where, "write the address, for example 127.0.0.2")
    elif found is None:
        message = f"the host {shown(host)} is not a strict IP address: product version 7 would listen on all interfaces"
        bare = address(str(host).strip().strip("[]"))
        yield Problem("CA1201", message, where, f"write {bare}" if bare else "write an address such as 127.0.0.2")
    elif str(found) != host or (isinstance(found, IPv6Address) and found.ipv4_mapped):
        plain = (isinstance(found, IPv6Address) and found.ipv4_mapped) or found
        message = f"the host {host} is another text than {plain}, by which Windows and the product know that address"
        yield Problem("CA1201", message, where, f"write {plain}")
    elif found.is_unspecified:
        yield Problem("CA1203", f"the host {host} means every address of the machine", where, "name one address")
    elif not found.is_loopback and not declared.service.get("allow_remote", False):
        message = f"the host {host} can be reached from other machines; the API hands out rights over every certificate"
        yield Problem("CA1203", message, where, "use an address in 127.0.0.0/8, or say service.allow_remote: true")


def _port(declared: Declared) -> Iterator[Problem]:
    port, challenge = declared.setting("Port"), declared.setting("HttpChallengeServerPort")
    where = declared.where("service.config.port", "service.config.http_challenge_port")
    retry = port + 2
    used = reference.used_ports()
    if port == challenge:
        yield Problem("CA1204", f"the port {port} is that of the http-01 responder too", where, "give them two ports")
    elif port in used:
        yield warning("CA1206", f"Windows uses port {port} for {used[port]}", where, "choose another port")
    elif port < _PRIVILEGED:
        yield warning("CA1205", f"ports below {_PRIVILEGED} belong to well-known services; {port} is one", where)
    if retry == challenge or retry in used or retry > _HIGHEST_PORT:
        owner = "the http-01 responder" if retry == challenge else used.get(retry, "nothing: there is no such port")
        message = f"product version 6 tries {retry} when {port} is taken, which belongs to {owner}"
        yield warning("CA1206", message, where, "choose a port whose second next is free too")
    if challenge != _HTTP:
        where = declared.where("service.config.http_challenge_port")
        message = f"certificate authorities call port {_HTTP}, not {challenge}; something must forward it"
        yield warning("CA1212", message, where)


def _https(declared: Declared) -> Iterator[Problem]:
    if declared.setting("UseHTTPS") is not True:
        return
    where = declared.where("service.config.https")
    if not declared.service.get("force_https", False):
        message = "https: true breaks http-01 challenges, and with product version 7 every client"
        yield Problem("CA1207", message, where, "remove it, or say service.force_https: true (version 6 only)")
    elif declared.http_01:
        message = "the http-01 helper calls the service with plain http, so its challenges fail with https: true"
        yield warning("CA1208", message, where, "say service.http_01: false if no certificate uses http-01")


def _texts(declared: Declared) -> Iterator[Problem]:
    level, known = declared.setting("LogLevel"), reference.known_values("config", "log_level")
    if level is not None and str(level).casefold() not in known:
        hint = near(str(level), known) or f"known are {', '.join(known)}"
        message = f"the product does not know the log level {shown(level)} and takes it for information"
        yield warning("CA1209", message, declared.where("service.config.log_level"), hint)
    if declared.setting("AuthenticationModes") != reference.product_defaults("config")["AuthenticationModes"]:
        message = "the product does not read authentication_modes: Windows authentication stays on"
        yield warning("CA1210", message, declared.where("service.config.authentication_modes"), "remove it")
    if declared.setting("EnableAutoPortNegotiation") is True:
        message = "with auto_port_negotiation the service may listen on another port, and no client learns of it"
        yield warning("CA1211", message, declared.where("service.config.auto_port_negotiation"), "set it to false")
    if declared.setting("Transport") == "namedpipe":
        message = "with transport: namedpipe product version 7 has no http endpoint, so its health cannot be asked"
        yield warning("CA1216", message, declared.where("service.config.transport"))
