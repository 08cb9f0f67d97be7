"""The changes that end the differences, in the order in which they are safe to make."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.config_merge import config_property
from certify_automation.diff import (
    block_port,
    block_rules,
    blocked,
    content_of,
    file_of,
    folder_goal,
    ip_listen_entries,
    ip_listen_missing,
    ip_listen_surplus,
    observed_recovery,
    reservation_of,
    reservation_sddl,
)
from certify_automation.evidence import effective_endpoints, exposed_at
from certify_automation.model.change import (
    Change,
    DataDirectoryAcl,
    DataStoreRestore,
    DriverStart,
    DriverStartMode,
    FileWrite,
    FirewallRuleAdd,
    FirewallRuleRemove,
    IpListenAdd,
    IpListenRemove,
    ServiceAct,
    ServiceRecovery,
    ServiceRestart,
    ServiceStart,
    ServiceStartMode,
    ServiceStop,
    UrlReservationAdd,
    UrlReservationRemove,
    UrlReservationReplace,
)
from certify_automation.model.config_files import DATABASE, FileName
from certify_automation.model.http_sys import CHALLENGE_ADDRESS, IpListen, ListenRule, listen_address
from certify_automation.model.impact import Impact
from certify_automation.model.security import BLOCK_RULE
from certify_automation.model.service import ServiceState
from certify_automation.plan.situation import Situation

# Windows passes the data folder's list on to every file below, which may take long: that comes first, while no address
# is gone that waits to be confirmed. What the service needs comes before the service; an address is added before
# another is taken away; netsh deletes rules by name, so that the old one goes before the new one comes, and both before
# the API can listen elsewhere; a start mode is set before a start that it could forbid; the database is replaced after
# the file that may name another one; the one act on the service comes last.
ORDER = (
    "data_directory.acl",
    "driver.start_mode",
    "driver.start",
    "url_reservation.add",
    "url_reservation.remove",
    "url_reservation.replace",
    "ip_listen.add",
    "ip_listen.remove",
    "firewall_rule.remove",
    "firewall_rule.add",
    "service.start_mode",
    "service.recovery",
    "file.write",
    "data_store.restore",
    "service.restart",
    "service.start",
    "service.stop",
)
_READ_AT_START = {FileName.SERVICE_CONFIG, FileName.APPSETTINGS_CORE, FileName.APPSETTINGS}
_SLASHES = "\\/"
_FOR_CLIENTS = {f"service.config.{config_property('ServiceFaultMsg').declared}"}


def changes(at: Situation) -> tuple[Change, ...]:
    """All changes of a host in order, to be made only where nothing refuses them."""
    needed: list[Change] = [
        *_driver(at),
        *_reservations(at),
        *_ip_listen(at),
        *_block_rule(at),
        *_data_folder(at),
        *_start_mode(at),
        *_recovery(at),
        *_files(at),
        *_database(at),
    ]
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
    declared = at.desired.ip_listen
    if declared is None:
        return
    visited = listen_address(at.options.visited_address or "")
    first = not IpListen(ListenRule.EXACTLY, ip_listen_entries(at.facts) or ()).effective()
    # The address this host is managed through comes first: no other one may be alone on the list even for a moment.
    for address in sorted(ip_listen_missing(declared, at.facts), key=lambda text: listen_address(text) != visited):
        yield IpListenAdd(address, first=first)
        first = first and listen_address(address) is None
    # It goes last too, the one of challenges before it: what is left of the list would do without it until then.
    for address in sorted(ip_listen_surplus(declared, at.facts), key=lambda text: _kept_longest(text, at)):
        yield IpListenRemove(address)


def _kept_longest(text: str, at: Situation) -> int:
    """Of the entries to be removed, those with the highest number are removed last."""
    visited = at.options.visited_address
    if listen_address(text) is None:
        return 0
    if visited is not None and IpListen(ListenRule.EXACTLY, (text,)).covers(visited):
        return 2
    return int(listen_address(text) == listen_address(CHALLENGE_ADDRESS))


def _block_rule(at: Situation) -> Iterator[Change]:
    declared, found = at.desired.api_exposure, block_rules(at.facts)
    if declared is None or declared.block is None or at.facts.firewall_rules is None:
        return
    port = block_port(at.desired, at.endpoint)
    if declared.block and blocked(at.facts, port):
        return
    if found:
        yield FirewallRuleRemove(BLOCK_RULE, found[0].port or port)
    if declared.block:
        yield FirewallRuleAdd(BLOCK_RULE, port)


def _data_folder(at: Situation) -> Iterator[Change]:
    folder, access = at.facts.product.data_dir, at.facts.data_access
    try:
        goal = folder_goal(at.desired, at.facts)
    except ValueError:  # refused
        return
    if goal is not None and folder is not None and access is not None:
        yield DataDirectoryAcl(folder, access.sddl, goal)


def _start_mode(at: Situation) -> Iterator[Change]:
    service, wanted = at.facts.service, at.desired.service.start_mode
    if service and wanted is not None and service.start_mode is not None and wanted is not service.start_mode:
        yield ServiceStartMode(service.name, service.start_mode, wanted)


def _recovery(at: Situation) -> Iterator[Change]:
    service, wanted = at.facts.service, at.desired.recovery
    if service is None or wanted is None:
        return
    try:
        found = observed_recovery(at.facts)
    except ValueError:  # refused
        return
    if found is not None and not wanted.same_as(found):
        yield ServiceRecovery(service.name, found, wanted)


def _files(at: Situation) -> Iterator[Change]:
    files = at.comparison.files
    merged = (
        (FileName.SERVICE_CONFIG, files.service_config),
        (FileName.SERVERS, files.servers),
        (FileName.APPSETTINGS_CORE, files.core),
        (FileName.APPSETTINGS, files.settings),
    )
    for name, one in merged:
        if one is not None and one.content is not None:
            yield from _write(at, name, one.content)
    for name, content in at.desired.whole_files.items():
        if content_of(at.facts, name) != content:
            yield from _write(at, name, content)


def _write(at: Situation, name: FileName, content: bytes | None) -> Iterator[Change]:
    found = file_of(at.facts, name)
    if found is not None:
        yield FileWrite(name, found.path, found.content, content)


def _database(at: Situation) -> Iterator[Change]:
    service, backup, folder = at.facts.service, at.backup, at.facts.product.data_dir
    if service is None or backup is None or folder is None:
        return
    path = f"{folder.rstrip(_SLASHES)}\\{DATABASE}"
    yield DataStoreRestore(service.name, path, backup.name, backup.size, backup.written_utc_ms)


def _service_act(at: Situation, others: list[Change]) -> ServiceAct | None:
    service, wanted = at.facts.service, at.desired.service.state
    if service is None:
        return None
    if wanted is ServiceState.STOPPED:
        return None if service.state is ServiceState.STOPPED else ServiceStop(service.name)
    if any(isinstance(change, DataStoreRestore) for change in others):
        return ServiceStart(service.name) if service.state is ServiceState.STOPPED else ServiceRestart(service.name)
    if wanted is ServiceState.RUNNING and not at.running:
        paused = service.state is ServiceState.PAUSED
        return ServiceRestart(service.name) if paused else ServiceStart(service.name)
    return ServiceRestart(service.name) if at.running and _must_restart(at, others) else None


def _must_restart(at: Situation, others: list[Change]) -> bool:
    """The service reads its files at start only, and v6 tries to register its URL at start only."""
    if at.options.restart or any(isinstance(change, FileWrite) and _read_at_start(at, change) for change in others):
        return True
    exposed = at.judges_exposure and bool(exposed_at(at.facts))
    if _differs(at, "endpoint") or (exposed and not at.exposed_after):
        return True
    listeners = any(change.impact in {Impact.LISTENER, Impact.LOCKOUT} for change in others)
    return at.generation == "v6" and listeners and not effective_endpoints(at.facts)


def _read_at_start(at: Situation, change: FileWrite) -> bool:
    """The text of the last fault is for the user interface, which reads it whenever it cannot connect."""
    config = at.comparison.files.service_config
    if change.file is not FileName.SERVICE_CONFIG or config is None:
        return change.file in _READ_AT_START
    return any(difference.path not in _FOR_CLIENTS for difference in config.differences)
