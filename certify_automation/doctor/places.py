"""Addresses at which the product is to listen, held against those at which it does. Pure."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address

from certify_automation.config_merge import KESTREL_FILE, KestrelEndpoint
from certify_automation.diff import endpoint_of
from certify_automation.doctor.diagnosis import Case
from certify_automation.evidence import NEGOTIATED_STEP, PORTS, endpoint_url, loopback
from certify_automation.model.config_files import FileName
from certify_automation.model.facts import SocketFacts
from certify_automation.model.finding import Evidence
from certify_automation.model.host import Endpoint

EVERYWHERE = frozenset({"*", "+", "0.0.0.0", "::"})  # noqa: S104 - compared, never bound
_NAME = re.compile(r"(?!.*[0-9]$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|[A-Za-z0-9_-]*[A-Za-z][A-Za-z0-9_-]*")


def wanted_ends(case: Case) -> tuple[Endpoint, ...]:
    """Where the product's one service listens after a start that succeeds; what is no endpoint is left out."""
    if case.service is None:
        return ()
    ends = (endpoint_of(url) for url in case.wanted)
    return tuple(end for end in ends if end is not None and end.host and end.port in PORTS)


def listens(case: Case, end: Endpoint) -> bool:
    """Whether the running service listens at this endpoint, perhaps among others."""
    return any(same_place(case, endpoint_url(end.url), found) for found in case.effective)


def same_place(case: Case, wanted: str, found: str) -> bool:
    """Whether a listener that was found is the one wanted, both as URLs.

    Version 7 listens everywhere for what is no address, and for localhost at 127.0.0.1 and ::1.
    """
    one, other = endpoint_of(wanted), endpoint_of(found)
    if wanted == found or one is None or other is None:
        return wanted == found
    if case.generation != "v7" or (one.port, one.https) != (other.port, other.https):
        return False
    if one.host.casefold() == "localhost":
        return other.host in {"127.0.0.1", "::1"}
    if not loopback(wanted, "v7"):
        return other.host in EVERYWHERE
    return loopback(found, "v7") and _address(one.host) is None


def negotiated(case: Case) -> Endpoint | None:
    """Where version 6 listens after it has moved to the port after next; None = it has not."""
    if case.generation != "v6" or case.configured is None or listens(case, case.configured):
        return None
    moved = Endpoint(case.configured.host, case.configured.port + NEGOTIATED_STEP)
    return moved if listens(case, moved) else None


def usable_host(host: str, generation: str | None) -> bool:
    """Whether a listener can be had for this Host, be it one that others can reach."""
    if generation == "v7":
        return host in EVERYWHERE or host.casefold() == "localhost" or _address(host) is not None or _short(host)
    if host in {"*", "+"}:
        return True
    address = _address(host)
    if address is not None:
        return ":" not in host and host not in EVERYWHERE
    return bool(_NAME.fullmatch(host))


def _short(host: str) -> bool:
    return loopback(endpoint_url(Endpoint(host, 1).url), "v7")


def _address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def configured_evidence(case: Case, *names: str) -> tuple[Evidence, ...]:
    """What serviceconfig.json says of these properties, a line each."""
    path = case.path(FileName.SERVICE_CONFIG)
    found = []
    for name in names:
        line = case.line(FileName.SERVICE_CONFIG, name)
        shown = json.dumps(case.config.get(name), ensure_ascii=False)
        default = "" if line else " (not in the file: the product's default)"
        found.append(Evidence(path, f"{name}: {shown}{default}", line))
    return tuple(found)


def pin_evidence(case: Case, pin: KestrelEndpoint) -> Evidence:
    """Where an endpoint of version 7 is declared, and what it says."""
    if pin.source != KESTREL_FILE:
        return Evidence(pin.source, pin.url or "(empty)")
    line = case.line(FileName.APPSETTINGS_CORE, "Kestrel", "Endpoints", pin.name, "Url")
    said = f"Kestrel:Endpoints:{pin.name}:Url = {pin.url}"
    return Evidence(case.path(FileName.APPSETTINGS_CORE), said, line)


def socket_text(socket: SocketFacts) -> str:
    """`127.0.0.2:9696 is held by nginx.exe (process 4711)`."""
    host = f"[{socket.address}]" if ":" in socket.address else socket.address
    return f"{host}:{socket.port} is held by {socket_owner(socket)}"


def socket_owner(socket: SocketFacts) -> str:
    """`nginx.exe (process 4711)`."""
    return f"{socket.process_name or 'an unnamed process'} (process {socket.process_id})"
