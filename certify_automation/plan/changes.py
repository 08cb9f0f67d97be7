"""The changes that end the differences, in the order in which they are safe to make."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.diff import ip_listen_missing, ip_listen_surplus, reservation_of, reservation_sddl
from certify_automation.evidence import effective_endpoints
from certify_automation.model.change import Change, DriverStart, DriverStartMode, FileWrite, IpListenAdd, IpListenRemove, ServiceAct, ServiceRestart, ServiceStart, ServiceStartMode, ServiceStop, UrlReservationAdd, UrlReservationRemove, UrlReservationReplace
from certify_automation.model.impact import Impact
from certify_automation.model.config_files import FileName
from certify_automation.model.service import ServiceState
from certify_automation.plan.situation import Situation

# What the service needs comes before the service; an address is added before another is taken away; a start mode is set
# before a start that it could forbid; the one act on the service comes last.
ORDER = (
    "driver.start_mode",
    "driver.start",
    "url_reservation.add",
    "url_reservation.remove",
    "url_reservation.replace",
    "ip_listen.add",
    "ip_listen.remove",
    "service.start_mode",
    "file.write",
    "service.restart",
    "service.start",
    "service.stop",
)


def changes(at: Situation) -> tuple[Change, ...]:
    """All changes of a host in order, to be made only where nothing refuses them."""
    needed: list[Change] = [*_driver(at), *_reservations(at), *_ip_listen(at), *_start_mode(at), *_files(at)]
    act = _service_act(at, needed)
    return tuple(sorted([*needed, *([act] if act else [])], key=lambda change: ORDER.index(change.kind)))


def _differs(at: Situation, path: str) -> bool:
    return any(difference.path == path for difference in at.comparison.differences)


def _driver(at: Situation) -> Iterator[Change]:
    driver, wanted = at.facts.driver, at.desired.driver
    if driver is None:
        return
    if wanted.start_mode is not None and driver.start_mode is not None and wanted.start_mode is not driver.start_mode:
        yield DriverStartMode(driver.start_mode, wanted.start_mode)
    if wanted.state is ServiceState.RUNNING and driver.state is not ServiceState.RUNNING:
        yield DriverStart()


def _reservations(at: Situation) -> Iterator[Change]:
    for wanted in at.desired.url_reservations or ():
        if not _differs(at, f"http_sys.url_reservations[{wanted.url}]"):
            continue
        found = reservation_of(at.facts, wanted.url)
        if found is None:
            yield UrlReservationAdd(wanted.url, wanted.sddl or "")
        elif wanted.absent:
            yield UrlReservationRemove(found.url, reservation_sddl(found))
        else:
            yield UrlReservationReplace(found.url, reservation_sddl(found), wanted.sddl or "")


def _ip_listen(at: Situation) -> Iterator[Change]:
    if at.desired.ip_listen is None:
        return
    for address in ip_listen_missing(at.desired.ip_listen, at.facts):
        yield IpListenAdd(address)
    for address in ip_listen_surplus(at.desired.ip_listen, at.facts):
        yield IpListenRemove(address)


def _start_mode(at: Situation) -> Iterator[Change]:
    service, wanted = at.facts.service, at.desired.service.start_mode
    if service and wanted is not None and service.start_mode is not None and wanted is not service.start_mode:
        yield ServiceStartMode(service.name, service.start_mode, wanted)


def _files(at: Situation) -> Iterator[Change]:
    merged = ((FileName.SERVICE_CONFIG, at.comparison.service_config), (FileName.SERVERS, at.comparison.servers))
    for name, file in merged:
        found = at.facts.files.get(name.value)
        if file is not None and file.content is not None and found is not None:
            yield FileWrite(name, found.path, found.content, file.content)


def _service_act(at: Situation, others: list[Change]) -> ServiceAct | None:
    service, wanted = at.facts.service, at.desired.service.state
    if service is None:
        return None
    if wanted is ServiceState.STOPPED:
        return None if service.state is ServiceState.STOPPED else ServiceStop(service.name)
    if wanted is ServiceState.RUNNING and not at.running:
        paused = service.state is ServiceState.PAUSED
        return ServiceRestart(service.name) if paused else ServiceStart(service.name)
    return ServiceRestart(service.name) if at.running and _must_restart(at, others) else None


def _must_restart(at: Situation, others: list[Change]) -> bool:
    """The service reads its file at start only, and v6 tries to register its URL at start only."""
    if any(isinstance(change, FileWrite) and change.file is FileName.SERVICE_CONFIG for change in others):
        return True
    if _differs(at, "endpoint"):
        return True
    listeners = any(change.impact in {Impact.LISTENER, Impact.LOCKOUT} for change in others)
    return at.generation == "v6" and listeners and not effective_endpoints(at.facts)
