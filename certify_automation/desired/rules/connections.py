"""Rules of servers.json, the connections of the desktop user interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from certify_automation.desired.rules.declared import Declared, address, repeated_names, warning
from certify_automation.desired.words import shown
from certify_automation.errors import Problem

_ENDPOINT = {"host": "Host", "port": "Port", "https": "UseHTTPS"}


def check_connections(declared: Declared) -> Iterator[Problem]:
    """Problems of the connections; none where they are not declared."""
    for written in declared.written_connections:
        yield from _written(declared, written)
    entries = declared.connections or ()
    defaults = [entry for entry in entries if entry.get("IsDefault") is True]
    if entries and len(defaults) != 1:
        names = [str(entry["DisplayName"]) for entry in defaults or entries]
        where = declared.where(
            *(f"connections[{name}].default" for name in reversed(names)), f"connections[{names[-1]}].name"
        )
        found = (
            f"{len(defaults)} connections are the default: {', '.join(names)}"
            if defaults
            else "no connection is the default"
        )
        yield Problem("CA1220", found, where, "say default: true for exactly one")
    for entry in entries:
        yield from _untrusted(declared, entry)
    if len(defaults) == 1:
        yield from _default(declared, defaults[0])


def _written(declared: Declared, entry: Mapping[str, Any]) -> Iterator[Problem]:
    name = entry["name"]
    if entry.get("endpoint") == "service":
        double = [field for field in _ENDPOINT if field in entry]
        if double:
            where = declared.where(*(f"connections[{name}].{field}" for field in double))
            message = f"the connection {name} has both endpoint: service and {', '.join(double)}"
            yield Problem("CA1223", message, where, "keep one; endpoint: null takes the other back")
        if declared.config is None:
            message = (
                f"the connection {name} follows service.config, which is not declared: the product's defaults are used"
            )
            yield warning("CA1222", message, declared.where(f"connections[{name}].endpoint"), "declare service.config")
    for property_, hint in repeated_names(entry.get("additional", {}), "connection"):
        where = declared.where(f"connections[{name}].additional.{property_.casefold()}")
        yield Problem("CA1213", f"additional repeats the known property {property_}", where, hint)


def _untrusted(declared: Declared, entry: Mapping[str, Any]) -> Iterator[Problem]:
    if entry.get("AllowUntrusted") is not True:
        return
    name, where = entry["DisplayName"], declared.where(f"connections[{entry['DisplayName']}].allow_untrusted")
    found = address(entry.get("Host", declared.setting("Host")))
    if entry.get("UseHTTPS") is not True:
        message = f"allow_untrusted has no effect for {name}: it is looked at with https only"
        yield warning("CA1224", message, where, "remove it")
    elif found is None or not found.is_loopback:
        message = f"allow_untrusted for {name} lets whoever is in between read and change everything"
        yield warning("CA1224", message, where, "trust the certificate on the machine instead")


def _default(declared: Declared, entry: Mapping[str, Any]) -> Iterator[Problem]:
    if declared.config is None:
        return
    name = entry["DisplayName"]
    if declared.setting("Transport") == "namedpipe" and entry.get("Mode", "direct") != "namedpipe":
        where = declared.where(f"connections[{name}].mode", "service.config.transport")
        message = f"the service has a named pipe only, the default connection {name} does not use it"
        yield Problem("CA1215", message, where, "say mode: namedpipe")
    for field, product_name in _ENDPOINT.items():
        if product_name in entry and entry[product_name] != declared.setting(product_name):
            where = declared.where(f"connections[{name}].{field}", f"connections[{name}].endpoint")
            service = shown(declared.setting(product_name))
            message = (
                f"the default connection {name} has the {field} {shown(entry[product_name])}, the service {service}"
            )
            yield Problem(
                "CA1221", message, where, "say endpoint: service, then it always follows; texts must be equal"
            )
    if declared.setting("UseHTTPS") is True and entry.get("AllowUntrusted") is not True:
        where = declared.where(f"connections[{name}].allow_untrusted", f"connections[{name}].name")
        message = f"the service's https certificate is self-signed for another name, {name} would refuse it"
        yield Problem("CA1225", message, where, "say allow_untrusted: true")
