"""http.sys as a visit reads it: listen list, reservations, registered URLs, listeners."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import Computer


def listen_list(computer: Computer) -> Json:
    """The `ip_listen` of Facts; a driver that cannot be used leaves netsh without an answer."""
    usable = computer.http.usable()
    return {
        "live": [str(address) for address in computer.http.effective()] if usable else None,
        "registry": list(computer.http.registry or ()),
        "exit_code": 0 if usable else 1,
    }


def reservations(computer: Computer) -> list[Json]:
    """The `url_reservations` of Facts."""
    return [
        {"url": url, "descriptor": base64.b64encode(descriptor).decode()}
        for url, descriptor in sorted(computer.http.reservations.items())
    ]


def ssl_bindings(computer: Computer, ports: Iterable[int]) -> list[Json]:
    """The `ssl_bindings` of Facts."""
    ends = tuple(f":{port}" for port in ports)
    names = sorted(name for name in computer.ssl_bindings if name.endswith(ends))
    return [certificate_of(name, computer.ssl_bindings[name]) for name in names]


def certificate_of(name: str, values: Mapping[str, bytes | str]) -> Json:
    """Which certificate a binding names."""
    cert_hash, store = values.get("SslCertHash"), values.get("SslCertStoreName")
    shown = cert_hash.hex() if isinstance(cert_hash, bytes) and cert_hash else None
    return {"name": name, "cert_hash": shown, "store": store}


def url_owners(computer: Computer) -> list[Json]:
    """The `url_owners` of Facts."""
    owners: dict[str, set[int]] = {}
    for one in computer.http.registrations:
        owners.setdefault(one.shown, set()).add(one.process_id)
    return [{"url": url, "process_ids": sorted(owners[url])} for url in sorted(owners)]


def sockets(computer: Computer, ports: Iterable[int] | None) -> list[Json]:
    """The `sockets` of Facts; ports None = of all ports."""
    wanted = None if ports is None else set(ports)
    found = {
        f"{one.port:05} {one.address} {one.process_id:010}": {
            "address": one.address,
            "port": one.port,
            "process_id": one.process_id,
            "process_name": computer.process_name(one.process_id),
        }
        for one in computer.sockets.listeners()
        if wanted is None or one.port in wanted
    }
    return [found[key] for key in sorted(found)]
