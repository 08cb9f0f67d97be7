"""Desired against observed: everything that is declared and not so. Pure; verifying a host is this once more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from certify_automation.config_merge import Merged, effective_config, merge_servers, merge_service_config
from certify_automation.evidence import NEGOTIATED_STEP, effective_endpoints, endpoint_url, listens_at
from certify_automation.model.config_files import FileName
from certify_automation.model.facts import Facts, ReservationFacts
from certify_automation.model.host import Endpoint, HostState
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation, listen_address
from certify_automation.model.plan import Difference, ObserveRequest
from certify_automation.model.sddl import parse_descriptor, parse_sddl, sddl_of
from certify_automation.model.service import ServiceState, WindowsService

DEFAULT_ENDPOINT = Endpoint("127.0.0.2", 9696)
"""Where the product listens unless its file says otherwise."""

_CHALLENGE_ADDRESS = "127.0.0.1"
_URL_PORT = re.compile(r"https?://[^/]*:(\d{1,5})/", re.IGNORECASE)
_PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A desired state held against one visit's facts.

    Attributes:
        desired: what of the declaration applies to the host's generation of the product.
        endpoint: where the API is to listen: as the file says, once it is written.
        transport: `http` or `namedpipe`, from the same file.
        service_config, servers: the merged files; None = not declared, or the file cannot be read.
    """

    desired: HostState
    differences: tuple[Difference, ...]
    endpoint: Endpoint
    transport: str = "http"
    service_config: Merged | None = None
    servers: Merged | None = None


def differences(desired: HostState, facts: Facts) -> tuple[Difference, ...]:
    """Every declared thing that the host does not have as declared; empty = converged."""
    return compare("", desired, facts).differences


def compare(host: str, desired: HostState, facts: Facts) -> Comparison:
    """The differences together with the files that would end them; host names the entries that are added."""
    desired = applicable(desired, facts)
    config = servers = None
    config_content = _content(facts, FileName.SERVICE_CONFIG)
    if desired.service_config is not None and readable(facts, FileName.SERVICE_CONFIG):
        config = merge_service_config(desired.service_config, config_content)
        config_content = config.content or config_content
    if desired.connections is not None and readable(facts, FileName.SERVERS):
        servers = merge_servers(desired.connections, _content(facts, FileName.SERVERS), host)
    endpoint = configured_endpoint(config_content)
    found = (
        *_windows_service("service", desired.service, _observed_service(facts)),
        *_windows_service("http_sys.driver", desired.driver, _observed_driver(facts)),
        *_file("service.config", config, declared=desired.service_config is not None),
        *_file("connections", servers, declared=desired.connections is not None),
        *_ip_listen(desired.ip_listen, facts),
        *_reservations(desired.url_reservations, facts),
        *(_endpoint(desired, endpoint, facts) if config is not None and config.content is None else ()),
    )
    transport = str(effective_config(config_content)["Transport"])
    return Comparison(desired, found, endpoint, transport, config, servers)


def observe_request(desired: HostState) -> ObserveRequest:
    """What a visit must look at to compare this state: the declared endpoint, or the product's default."""
    at = desired.endpoint or DEFAULT_ENDPOINT
    challenge = (
        dict(desired.service_config.properties).get("HttpChallengeServerPort", 80) if desired.service_config else 80
    )
    reserved = (int(m[1]) for r in desired.url_reservations or () if (m := _URL_PORT.match(r.url)))
    ports = (at.port, at.port + NEGOTIATED_STEP, challenge, *reserved)
    wanted = dict.fromkeys(port for port in ports if isinstance(port, int) and port in _PORTS)
    return ObserveRequest(at, tuple(wanted))


def applicable(desired: HostState, facts: Facts) -> HostState:
    """The declaration without what does not concern this host's generation of the product.

    v7 does not use http.sys for its API: there the driver and the reachable addresses matter to the helper for http-01
    challenges alone, which is asked through 127.0.0.1.
    """
    if facts.product.generation != "v7":
        return desired
    listen = desired.ip_listen
    if listen is not None and listen.rule is ListenRule.REACHABLE:
        listen = replace(listen, addresses=(_CHALLENGE_ADDRESS,)) if desired.http_01 else None
    driver = desired.driver if desired.http_01 else WindowsService()
    return replace(desired, ip_listen=listen, driver=driver)


def readable(facts: Facts, name: FileName) -> bool:
    """Whether the place of a file is known and the file, if there, could be read."""
    file = facts.files.get(name.value)
    return file is not None and not file.error


def _content(facts: Facts, name: FileName) -> bytes | None:
    file = facts.files.get(name.value)
    return file.content if file else None


def configured_endpoint(content: bytes | None) -> Endpoint:
    """Where the product listens with this serviceconfig.json (None = absent)."""
    config = effective_config(content)
    host, port = config["Host"], config["Port"]
    return Endpoint(str(host), port if isinstance(port, int) else DEFAULT_ENDPOINT.port, bool(config["UseHTTPS"]))


def _observed_service(facts: Facts) -> WindowsService:
    service = facts.service
    return WindowsService(service.state, service.start_mode) if service else WindowsService()


def _observed_driver(facts: Facts) -> WindowsService:
    driver = facts.driver
    return WindowsService(driver.state, driver.start_mode) if driver else WindowsService()


def _windows_service(path: str, declared: WindowsService, observed: WindowsService) -> Iterator[Difference]:
    for name, wanted, found in (
        ("state", declared.state, observed.state),
        ("start_mode", declared.start_mode, observed.start_mode),
    ):
        if wanted is not None and wanted is not found:
            yield Difference(f"{path}.{name}", wanted.value, None if found is None else found.value)


def _file(path: str, merged: Merged | None, *, declared: bool) -> tuple[Difference, ...]:
    if merged is not None:
        return merged.differences
    return (Difference(path, "in effect", None, "the file cannot be read"),) if declared else ()


def ip_listen_entries(facts: Facts) -> tuple[str, ...] | None:
    """The listen list in force, or the one a stopped driver will start with; None = not readable."""
    live, driver = facts.ip_listen.live, facts.driver
    if live is None and driver is not None and driver.state is ServiceState.STOPPED:
        return facts.ip_listen.registry
    return live


def ip_listen_missing(declared: IpListen, facts: Facts) -> tuple[str, ...]:
    """Addresses to be added to the list that is in force, in canonical form."""
    live = IpListen(ListenRule.EXACTLY, ip_listen_entries(facts) or ())
    wanted = ["127.0.0.1" if text.lower() == "localhost" else text for text in declared.addresses]
    if declared.rule is ListenRule.REACHABLE:
        missing = [text for text in wanted if not live.covers(text)]
    else:
        missing = [text for text in wanted if listen_address(text) not in live.effective()]
    return tuple(dict.fromkeys(str(listen_address(text) or text) for text in missing))


def ip_listen_surplus(declared: IpListen, facts: Facts) -> tuple[str, ...]:
    """Entries to be taken off: those that `exactly` does not name."""
    if declared.rule is not ListenRule.EXACTLY:
        return ()
    return tuple(text for text in ip_listen_entries(facts) or () if listen_address(text) not in declared.effective())


def _ip_listen(declared: IpListen | None, facts: Facts) -> Iterator[Difference]:
    if declared is None:
        return
    if ip_listen_entries(facts) is None:
        yield Difference("http_sys.ip_listen", list(declared.addresses), None, "the list cannot be read")
        return
    for address in ip_listen_missing(declared, facts):
        yield Difference(f"http_sys.ip_listen[{address}]", "listed", None)
    for address in ip_listen_surplus(declared, facts):
        yield Difference(f"http_sys.ip_listen[{address}]", None, "listed")


def reservation_of(facts: Facts, url: str) -> ReservationFacts | None:
    """The reservation of this URL; URLs of http.sys compare ignoring case."""
    return next((r for r in facts.url_reservations if r.url.lower() == url.lower()), None)


def _reservations(declared: tuple[UrlReservation, ...] | None, facts: Facts) -> Iterator[Difference]:
    for wanted in declared or ():
        found = reservation_of(facts, wanted.url)
        path = f"http_sys.url_reservations[{wanted.url}]"
        if wanted.absent:
            if found is not None:
                yield Difference(path, None, reservation_sddl(found))
        elif wanted.sddl is None:
            continue
        elif found is None:
            yield Difference(path, wanted.sddl, None)
        elif not _grants(wanted.sddl, found):
            yield Difference(path, wanted.sddl, reservation_sddl(found))


def _grants(sddl: str, found: ReservationFacts) -> bool:
    try:
        return parse_sddl(sddl) == parse_descriptor(found.descriptor)
    except ValueError:
        return False


def reservation_sddl(found: ReservationFacts) -> str:
    """The SDDL that gives the reservation its descriptor again; `unreadable: …` when none is known to."""
    try:
        return sddl_of(found.descriptor)
    except ValueError as error:
        return f"unreadable: {error}"


def _endpoint(desired: HostState, endpoint: Endpoint, facts: Facts) -> Iterator[Difference]:
    """A running service that does not listen where its file, already as declared, says."""
    service = facts.service
    if desired.endpoint is None or service is None or service.state is not ServiceState.RUNNING:
        return
    asked = observe_request(desired).ports
    if desired.service.state is ServiceState.STOPPED or listens_at(facts, endpoint, asked):
        return
    found = effective_endpoints(facts)
    elsewhere = ", ".join(found) if found != (endpoint_url(endpoint.url),) else ""
    yield Difference("endpoint", endpoint.url, elsewhere or None, "" if elsewhere else "the service does not listen")
