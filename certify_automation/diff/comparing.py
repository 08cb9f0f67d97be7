"""A desired state held against one visit's facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from certify_automation.diff.certificates import certificate_differences
from certify_automation.diff.firewall import exposure_differences
from certify_automation.diff.folder import folder_differences
from certify_automation.diff.http_sys import ip_listen_differences, reservation_differences
from certify_automation.diff.product_files import (
    DEFAULT_ENDPOINT,
    ProductFiles,
    endpoint_of,
    file_differences,
    product_files,
)
from certify_automation.diff.services import environment_differences, service_differences
from certify_automation.evidence import (
    NEGOTIATED_STEP,
    PORTS,
    effective_endpoints,
    endpoint_url,
    listens_at,
    one_address,
    reaches_api,
    url_path,
)
from certify_automation.model.facts import Facts
from certify_automation.model.host import Endpoint, HostState
from certify_automation.model.http_sys import CHALLENGE_ADDRESS, ListenRule, UrlReservation
from certify_automation.model.plan import Difference, ObserveRequest
from certify_automation.model.service import ServiceState, WindowsService

_URL_PORT = re.compile(r"https?://[^/]*:(\d{1,5})/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A desired state held against one visit's facts.

    Attributes:
        desired: what of the declaration applies to the host's generation of the product.
        files: the product's files, once they are written.
    """

    desired: HostState
    differences: tuple[Difference, ...]
    files: ProductFiles

    @property
    def endpoint(self) -> Endpoint:
        """Where the API is to listen."""
        return self.files.endpoint


def differences(desired: HostState, facts: Facts) -> tuple[Difference, ...]:
    """Every declared thing that the host does not have as declared; empty = converged."""
    return compare("", desired, facts).differences


def compare(host: str, desired: HostState, facts: Facts) -> Comparison:
    """The differences together with the files that would end them; host names the entries that are added."""
    desired = applicable(desired, facts)
    files = product_files(host, desired, facts)
    found = (
        *service_differences(desired, facts),
        *file_differences(desired, files, facts),
        *ip_listen_differences(desired.ip_listen, facts),
        *reservation_differences(desired.url_reservations, facts),
        *folder_differences(desired, facts),
        *exposure_differences(desired, files.endpoint, facts),
        *environment_differences(desired, facts),
        *_endpoint(desired, files, facts),
        *certificate_differences(desired, facts),
        *_backup(desired),
    )
    return Comparison(desired, found, files)


def observe_request(desired: HostState) -> ObserveRequest:
    """What a visit must look at to compare this state: the declared endpoint, or the product's default."""
    at = desired.endpoint or DEFAULT_ENDPOINT
    challenge = (
        dict(desired.service_config.properties).get("HttpChallengeServerPort", 80) if desired.service_config else 80
    )
    reserved = (port for r in desired.url_reservations or () if (port := _port(r)))
    ports = (at.port, at.port + NEGOTIATED_STEP, challenge, *reserved)
    wanted = dict.fromkeys(port for port in ports if isinstance(port, int) and port in PORTS)
    return ObserveRequest(at, tuple(wanted))


def listening_elsewhere(asked: ObserveRequest, facts: Facts) -> ObserveRequest | None:
    """The same question to the one endpoint at which the API listens; None: that is the one asked, or not known."""
    ends = [endpoint for url in effective_endpoints(facts) if (endpoint := endpoint_of(url)) is not None]
    if len(ends) != 1 or ends[0] == asked.endpoint or not one_address(ends[0].host) or ends[0].port not in PORTS:
        return None
    return replace(asked, endpoint=ends[0], ports=tuple(dict.fromkeys((*asked.ports, ends[0].port))))


def _port(reservation: UrlReservation) -> int | None:
    match = _URL_PORT.match(reservation.url)
    return int(match[1]) if match else None


def applicable(desired: HostState, facts: Facts) -> HostState:
    """The declaration without what does not concern this host's generation of the product.

    v7 does not use http.sys for its API: it needs no reservation there, and the driver and the reachable addresses
    matter to the helper for http-01 challenges alone, which is asked through 127.0.0.1.
    """
    if facts.product.generation != "v7":
        return desired
    listen = desired.ip_listen
    if listen is not None and listen.rule is ListenRule.REACHABLE:
        listen = replace(listen, addresses=(CHALLENGE_ADDRESS,)) if desired.http_01 else None
    driver = desired.driver if desired.http_01 else WindowsService()
    port = (desired.endpoint or DEFAULT_ENDPOINT).port
    kept = tuple(r for r in desired.url_reservations or () if r.absent or not _is_for_the_api(r, port))
    return replace(desired, ip_listen=listen, driver=driver, url_reservations=kept or None)


def _is_for_the_api(reservation: UrlReservation, port: int) -> bool:
    return _port(reservation) == port and reaches_api(url_path(reservation.url))


def _backup(desired: HostState) -> Iterator[Difference]:
    """A backup is asked for once: nothing on the host says afterwards that it has taken the database's place."""
    if desired.data_backup is not None:
        yield Difference("data_store.backup", desired.data_backup, None)


def _endpoint(desired: HostState, files: ProductFiles, facts: Facts) -> Iterator[Difference]:
    """A running service that does not listen where its files, already as declared, say."""
    service, config = facts.service, files.service_config
    if config is None or config.content is not None or (files.core is not None and files.core.content is not None):
        return
    if desired.endpoint is None or service is None or service.state is not ServiceState.RUNNING:
        return
    if files.pipe or not files.one_address:
        return
    asked = observe_request(desired).ports
    if desired.service.state is ServiceState.STOPPED or listens_at(facts, files.endpoint, asked):
        return
    found, wanted = effective_endpoints(facts), files.endpoint.url
    elsewhere = ", ".join(found) if found != (endpoint_url(wanted),) else ""
    yield Difference("endpoint", wanted, elsewhere or None, "" if elsewhere else "the service does not listen")
