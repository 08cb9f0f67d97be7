"""Remedies of findings about where the API listens, and where its clients look for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import TypeAlias

from certify_automation.config_merge import KESTREL_FILE, default_connection, merge_servers
from certify_automation.diff import content_of, pinned_url
from certify_automation.evidence import endpoint_url, one_address
from certify_automation.model.config_files import FileName, JsonValue, ServerConnection, ServiceConfig
from certify_automation.model.finding import Finding
from certify_automation.model.host import HostState
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.security import ApiExposure
from certify_automation.model.service import ServiceState, StartMode, WindowsService
from certify_automation.remediation.fragment import Fragment, NeedsPerson, Remedy, together
from certify_automation.remediation.goal import Goal

Remedial: TypeAlias = Callable[[Goal, Finding], Remedy]
"""How one kind of finding ends on a host."""

_STARTS_WITH_WINDOWS = {StartMode.AUTOMATIC, StartMode.AUTOMATIC_DELAYED}
_NO_ADDRESS = NeedsPerson("the address it is to listen at is none, or all of them: that has to be settled first")


def files_at_target(goal: Goal) -> Remedy:
    """Every file says the target: what the service reads, what overrides that, and what the user interface opens."""
    if not one_address(goal.target.host):
        return _NO_ADDRESS
    properties = goal.properties
    config = ServiceConfig(properties) if properties else None
    return together(
        Fragment(HostState(service_config=config, endpoint=goal.target)),
        _pinned(goal),
        connection_at_target(goal, content_of(goal.case.facts, FileName.SERVERS)),
        _listed(goal) if properties else Fragment(),
    )


def connection_at_target(goal: Goal, servers: bytes | None) -> Remedy:
    """The connection that the user interface opens says the target; nothing where it goes by serviceconfig.json.

    Args:
        goal: for the host.
        servers: servers.json, or as much of it as can be read.
    """
    found, end = default_connection(servers), goal.target
    if found is None or found.endpoint == end:
        return Fragment()
    if _elsewhere(goal, found.endpoint.host):
        return NeedsPerson(
            f"the default connection '{found.name}' opens {found.endpoint.host}, another server: somebody has chosen it"
        )
    was = found.endpoint
    values: dict[str, tuple[JsonValue, JsonValue]] = {
        "Host": (was.host, end.host),
        "Port": (was.port, end.port),
        "UseHTTPS": (was.https, end.https),
    }
    differing = {name: wanted for name, (old, wanted) in values.items() if old != wanted}
    entry = ServerConnection(found.name, differing)
    after = default_connection(merge_servers((entry,), servers, goal.case.facts.host.name).content)
    if after is None or (after.index, after.endpoint) != (found.index, end):
        return NeedsPerson(f"several connections are named '{found.name}': give the default one a name of its own")
    return Fragment(HostState(connections=(entry,)))


def _elsewhere(goal: Goal, host: str) -> bool:
    """Whether a connection goes to another machine, as far as its host says."""
    if host.casefold() in {"", "localhost", goal.case.facts.host.name.casefold()}:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return True
    own = goal.case.examination.addresses or ()
    return not (address.is_loopback or address.is_unspecified or host in own)


def _pinned(goal: Goal) -> Remedy:
    """The endpoint that appsettings-core.json of version 7 puts over serviceconfig.json says the target as well."""
    pinned, url = goal.case.pinned, goal.target.url
    if all(pinned_url(one.url) == endpoint_url(url) for one in pinned):
        return Fragment()
    variables = [one.source for one in pinned if one.source != KESTREL_FILE]
    if variables:
        return NeedsPerson(f"remove {' and '.join(variables)}; services see that after a restart of Windows")
    if len(pinned) > 1 or not pinned[0].url:
        return NeedsPerson("leave one endpoint with an Url in appsettings-core.json; which one, only a person knows")
    return Fragment(HostState(kestrel_urls={pinned[0].name: url}))


def _listed(goal: Goal) -> Fragment:
    """Version 6 can listen at an address only that the IP listen list covers; an empty list covers all of them."""
    if goal.case.generation != "v6" or goal.listed().covers(_literal(goal)):
        return Fragment()
    return Fragment(HostState(ip_listen=IpListen(ListenRule.REACHABLE, (_literal(goal),))))


def _literal(goal: Goal) -> str:
    host = goal.target.host
    return "127.0.0.1" if host.casefold() == "localhost" else host


def _at_target(goal: Goal, _: Finding) -> Remedy:
    return files_at_target(goal)


def _files_agree(goal: Goal, _: Finding) -> Remedy:
    """The file that the service reads counts, unless another endpoint is declared."""
    if goal.properties:
        return files_at_target(goal)
    return connection_at_target(goal, content_of(goal.case.facts, FileName.SERVERS))


def _unpinned(goal: Goal, _: Finding) -> Remedy:
    if goal.properties:
        return files_at_target(goal)
    return together(Fragment(HostState(endpoint=goal.target)), _pinned(goal))


def _moved_back(goal: Goal, _: Finding) -> Remedy:
    return together(files_at_target(goal), _negotiating(), Fragment(restart=True))


def _negotiation(_: Goal, __: Finding) -> Remedy:
    return _negotiating()


def _negotiating() -> Fragment:
    return Fragment(HostState(service_config=ServiceConfig({"EnableAutoPortNegotiation": False})))


def _started_anew(goal: Goal, _: Finding) -> Remedy:
    return Fragment(HostState(endpoint=goal.target), restart=True)


def _listens_as_configured(goal: Goal, found: Finding) -> Remedy:
    return together(_unpinned(goal, found), Fragment(restart=True))


def _started(goal: Goal, _: Finding) -> Remedy:
    return Fragment(HostState(WindowsService(ServiceState.RUNNING), endpoint=goal.target))


def _starts_with_windows(goal: Goal, _: Finding) -> Remedy:
    declared = goal.case.declared.service.start_mode
    mode = declared if declared in _STARTS_WITH_WINDOWS else StartMode.AUTOMATIC_DELAYED
    return Fragment(HostState(WindowsService(start_mode=mode)))


def _for_this_machine(goal: Goal, _: Finding) -> Remedy:
    return together(files_at_target(goal), Fragment(HostState(api_exposure=ApiExposure())))


LISTENING: Mapping[str, Remedial] = {
    "CA6101": _files_agree,
    "CA6104": _moved_back,
    "CA6105": _started_anew,
    "CA6106": _started,
    "CA6107": _starts_with_windows,
    "CA6109": _at_target,
    "CA6110": _unpinned,
    "CA6111": _at_target,
    "CA6112": _listens_as_configured,
    "CA6115": _negotiation,
    "CA6117": _at_target,
    "CA6119": _started_anew,
    "CA6123": _starts_with_windows,
    "CA6601": _for_this_machine,
    "CA6701": _started_anew,
}
"""Finding id -> its remedy."""
