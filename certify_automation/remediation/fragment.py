"""The part of a host's state that ends one finding, and several of them as one state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

from certify_automation.model.config_files import ServerConnection, ServiceConfig
from certify_automation.model.finding import Finding
from certify_automation.model.host import HostState
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation
from certify_automation.model.service import ServiceState, WindowsService


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the caller lets a remedy do.

    Attributes:
        data: a backup may take the database's place, or another data store the present one's.
        lockout: the IP listen list may lose an entry, under the host's dead-man timer.
    """

    data: bool = False
    lockout: bool = False


@dataclass(frozen=True, slots=True)
class Remedied:
    """What is to become of a host's findings.

    Attributes:
        state: what is to be so afterwards; everything else is not managed.
        restart: the running service is restarted whatever differs.
        mended: the findings that end with it, in their order, consequences among them.
        left: those that do not, each with the reason why.
    """

    state: HostState
    restart: bool = False
    mended: tuple[Finding, ...] = ()
    left: tuple[tuple[Finding, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Fragment:
    """What ends one finding."""

    state: HostState = field(default_factory=HostState)
    restart: bool = False

    @property
    def starts(self) -> bool:
        """Whether the service has to be started, or started anew, for it."""
        state = self.state
        return bool(
            self.restart
            or state.service.state is ServiceState.RUNNING
            or (state.service_config is not None and state.service_config.properties)
            or state.kestrel_urls
            or state.data_backup
            or state.data_store_id
        )

    @property
    def listens(self) -> bool:
        """Whether it changes what http.sys listens for."""
        state = self.state
        return state.driver.state is not None or state.ip_listen is not None or bool(state.url_reservations)


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """Why a finding cannot be ended from here on this host."""

    reason: str


Remedy: TypeAlias = Fragment | NeedsPerson


def together(*remedies: Remedy) -> Remedy:
    """All of them as one; the first that needs a person decides."""
    state, restart = HostState(), False
    for remedy in remedies:
        if isinstance(remedy, NeedsPerson):
            return remedy
        state, restart = merged(state, remedy.state), restart or remedy.restart
    return Fragment(state, restart)


def merged(one: HostState, other: HostState) -> HostState:
    """Everything that either of them asks for; where both say something about one value, the other's counts."""
    return HostState(**_merged(one, other, HostState()))


def _merged(one: Any, other: Any, nothing: Any) -> dict[str, Any]:  # noqa: ANN401 - any frozen noun of one type
    values = {}
    for member in fields(nothing):
        first, second, unmanaged = (getattr(noun, member.name) for noun in (one, other, nothing))
        if unmanaged in (first, second):
            values[member.name] = first if second == unmanaged else second
        else:
            values[member.name] = _BOTH.get(member.name, _later)(first, second)
    return values


def _later(_: object, second: object) -> object:
    return second


def _service(one: WindowsService, other: WindowsService) -> WindowsService:
    return WindowsService(**_merged(one, other, WindowsService()))


def _config(one: ServiceConfig, other: ServiceConfig) -> ServiceConfig:
    removed = tuple(dict.fromkeys((*one.removed, *other.removed)))
    return ServiceConfig({**one.properties, **other.properties}, removed)


def _connections(
    one: tuple[ServerConnection, ...], other: tuple[ServerConnection, ...]
) -> tuple[ServerConnection, ...]:
    named: dict[str, ServerConnection] = {}
    for entry in (*one, *other):
        known = named.get(entry.name.casefold())
        properties = {**known.properties, **entry.properties} if known else entry.properties
        named[entry.name.casefold()] = replace(entry, properties=properties)
    return tuple(named.values())


def _ip_listen(one: IpListen, other: IpListen) -> IpListen:
    """An emptied list reaches every address."""
    if ListenRule.EXACTLY in {one.rule, other.rule}:
        return one if one.rule is ListenRule.EXACTLY else other
    return IpListen(ListenRule.REACHABLE, tuple(dict.fromkeys((*one.addresses, *other.addresses))))


def _reservations(one: tuple[UrlReservation, ...], other: tuple[UrlReservation, ...]) -> tuple[UrlReservation, ...]:
    """One that is to be there takes the place of the same one that is not to be there for somebody else."""
    last_wins = sorted((*one, *other), key=lambda wanted: not wanted.absent)
    return tuple({wanted.url.casefold(): wanted for wanted in last_wins}.values())


_BOTH: Mapping[str, Callable[[Any, Any], Any]] = {
    "service": _service,
    "driver": _service,
    "service_config": _config,
    "connections": _connections,
    "ip_listen": _ip_listen,
    "url_reservations": _reservations,
    "kestrel_urls": lambda one, other: {**one, **other},
}
