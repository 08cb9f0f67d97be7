"""What keeps the API from the place where it is to listen: others on the port, Windows, an address not there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.doctor.places import (
    configured_evidence,
    listens,
    negotiated,
    socket_owner,
    socket_text,
    wanted_ends,
)
from certify_automation.doctor.starts import start_evidence, start_said, success_evidence
from certify_automation.evidence import KERNEL, NEGOTIATED_STEP, endpoint_url, foreign_listener, foreign_urls
from certify_automation.model.facts import SocketFacts
from certify_automation.model.finding import Evidence, Finding
from certify_automation.model.host import Endpoint

_EXCLUDED = "netsh int ipv4 show excludedportrange protocol=tcp"
IN_USE = ("being used by another process", "already in use")
"""What the exception of a start says when a process has the port."""


def taken(case: Case) -> bool:
    """Whether anything is known to be in the way of listening now: others, Windows, or an address not there."""
    known = case.examination.addresses
    return any(
        _owner(case, end) is not None
        or (case.generation == "v6" and bool(foreign_urls(case.facts, end)))
        or bool(_excluding(case, end.port))
        or (known is not None and not _present(end.host, known))
        for end in wanted_ends(case)
    )


def _port_owned(case: Case) -> Iterator[Finding]:
    for end in wanted_ends(case):
        owner = None if listens(case, end) else _owner(case, end)
        if owner is None:
            continue
        who, text = socket_owner(owner), socket_text(owner)
        if owner.process_id == KERNEL:
            who = f"a program behind http.sys{_behind(case, end.port)}"
        yield finding(
            "CA6102",
            f"{end.url} is where the API is to listen, and {text}",
            (Evidence("socket table", text), *start_evidence(case)),
            Remedy(
                f"stop {who}, then restart the product's service; or give the API another free port in "
                "serviceconfig.json and servers.json"
                + (", and in appsettings-core.json" if case.generation == "v7" else ""),
                person="stop one of the two, or `run change-port -e port=N` gives the API another port",
            ),
            subject=end.url,
        )


def _owner(case: Case, end: Endpoint) -> SocketFacts | None:
    """Who keeps the product from listening there: on the address itself, or, for http.sys, on any address."""
    found = foreign_listener(case.facts, end)
    if found is not None or case.generation != "v6" or not start_said(case, *IN_USE):
        return found
    own = {KERNEL, case.service.process_id if case.service else KERNEL}
    # Without a listen list http.sys opens the port on every address, whatever the URL says.
    return next((s for s in case.facts.sockets if s.port == end.port and s.process_id not in own), None)


def _behind(case: Case, port: int) -> str:
    """Who has URLs of this port, as far as http.sys says."""
    owned = [o for o in case.facts.url_owners if endpoint_url(o.url).rpartition(":")[2] == str(port)]
    pids = dict.fromkeys(str(pid) for owner in owned for pid in owner.process_ids)
    return f" (process {', '.join(pids)})" if pids else ", which `netsh http show servicestate` names"


def _excluding(case: Case, port: int) -> list[tuple[int, int]]:
    """The ranges that keep this port from the product.

    Windows lists a port that http.sys has open as a range of its own, and version 6 can share it with whoever has URLs
    there.
    """
    shared = (
        {endpoint_url(o.url).rpartition(":")[2] for o in case.facts.url_owners} if case.generation == "v6" else set()
    )
    ranges = case.examination.excluded_ports or ()
    return [
        (first, last) for first, last in ranges if first <= port <= last and not (first == last and str(port) in shared)
    ]


def _excluded_port(case: Case) -> Iterator[Finding]:
    for end in wanted_ends(case):
        ranges = _excluding(case, end.port)
        if not ranges or listens(case, end):
            continue
        first, last = ranges[0]
        yield finding(
            "CA6114",
            f"Windows keeps the ports {first} to {last} for something else, and {end.port}, the API's, is one of them",
            (Evidence(_EXCLUDED, f"{first} - {last}"), *start_evidence(case)),
            Remedy(
                "give the API a port outside of these ranges in serviceconfig.json and servers.json, then restart the "
                f"service; or see what keeps them (Hyper-V, WinNAT, `{_EXCLUDED}`)",
                person="whether the port or what keeps it is to go, only a person can say",
            ),
            subject=end.url,
        )


def _address_absent(case: Case) -> Iterator[Finding]:
    known = case.examination.addresses
    for end in wanted_ends(case):
        if known is None or listens(case, end) or _present(end.host, known):
            continue
        yield finding(
            "CA6118",
            f"the API is to listen at {end.url}, and this server has no address {end.host}",
            (Evidence("network adapters", ", ".join(known) or "no addresses"), *start_evidence(case)),
            Remedy(
                "give Host an address of the machine itself, 127.0.0.2 as a rule, in serviceconfig.json and "
                "servers.json, then restart the service; or give the server this address again",
                person=f"whether {end.host} is to come back or the API is to listen elsewhere, only a person can say",
            ),
            subject=end.url,
        )


def _present(host: str, known: tuple[str, ...]) -> bool:
    """Whether a listener at this host can be had: a loopback address always is there, and a name is no address."""
    try:
        address = ip_address(host)
        own = {ip_address(text.partition("%")[0]) for text in known}
    except ValueError:
        return True
    return address.is_loopback or address.is_unspecified or address in own


def _negotiated_port(case: Case) -> Iterator[Finding]:
    moved = negotiated(case)
    if moved is None or case.configured is None:
        return
    person = f"port {case.configured.port} has to be free first, or the API be given another" if taken(case) else ""
    yield finding(
        "CA6104",
        f"the API listens at {moved.url}, while serviceconfig.json, the command line and the user interface say "
        f"{case.configured.url}: at its start port {case.configured.port} was not to be had",
        (*success_evidence(case), *configured_evidence(case, "Port", "EnableAutoPortNegotiation")),
        Remedy(
            f"free port {case.configured.port} or set Port to one that is free in serviceconfig.json and servers.json, "
            "set EnableAutoPortNegotiation to false there, then restart the service",
            person=person,
        ),
    )


def _negotiation_on(case: Case) -> Iterator[Finding]:
    if case.generation != "v6" or case.config["EnableAutoPortNegotiation"] is not True or negotiated(case):
        return
    yield finding(
        "CA6115",
        f"when port {case.target.port} is taken at a start, the API moves to {case.target.port + NEGOTIATED_STEP}, and "
        "no file says so",
        configured_evidence(case, "EnableAutoPortNegotiation"),
    )


PORTS_OF_THE_API: tuple[Rule, ...] = (
    _port_owned,
    _excluded_port,
    _address_absent,
    _negotiated_port,
    _negotiation_on,
)
