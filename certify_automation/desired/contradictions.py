"""What is to be done to a host against what is declared for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from certify_automation.config_merge import config_property, connection_property
from certify_automation.desired.fleet import DesiredHost
from certify_automation.desired.origins import nearest
from certify_automation.desired.words import shown
from certify_automation.errors import Position, Problem
from certify_automation.model.config_files import JsonValue, ServerConnection
from certify_automation.model.host import HostState, KestrelRule
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation
from certify_automation.model.service import WindowsService

_NOWHERE = Position("state")


@dataclass(frozen=True, slots=True)
class _Otherwise:
    """One declared value that would not be so; paths lead to it, the first that was written counts."""

    paths: tuple[str, ...]
    wanted: JsonValue
    declared: JsonValue


def contradictions(desired: DesiredHost, state: HostState) -> tuple[Problem, ...]:
    """Where a state asks for something else than is declared (CA1282), each at the place of the declaration.

    Args:
        desired: the host with its declaration.
        state: what is to be so; what it does not manage contradicts nothing.
    """
    places = {path.casefold(): origins[0].position for path, origins in desired.origins.items() if origins}
    return tuple(
        Problem(
            "CA1282",
            f"{desired.name}: {found.paths[0]} would have to be {shown(found.wanted)}, and is declared "
            f"{shown(found.declared)}",
            nearest(places, *found.paths) or _NOWHERE,
            "declare what is to be so, and `apply` it; or declare it no more",
        )
        for found in _otherwise(desired.state, state)
    )


def _otherwise(declared: HostState, state: HostState) -> Iterator[_Otherwise]:
    yield from _service("service", declared.service, state.service)
    yield from _service("http_sys.driver", declared.driver, state.driver)
    yield from _config(declared, state)
    yield from _connections(declared.connections or (), state.connections or ())
    yield from _ip_listen(declared.ip_listen, state.ip_listen)
    yield from _reservations(declared.url_reservations or (), state.url_reservations or ())
    if state.kestrel_urls and declared.kestrel_endpoint is not KestrelRule.ALIGN:
        yield _Otherwise(("service.kestrel_endpoint",), KestrelRule.ALIGN, declared.kestrel_endpoint)


def _service(path: str, declared: WindowsService, wanted: WindowsService) -> Iterator[_Otherwise]:
    for name, one, other in (
        ("state", declared.state, wanted.state),
        ("start_mode", declared.start_mode, wanted.start_mode),
    ):
        if one is not None and other is not None and one is not other:
            yield _Otherwise((f"{path}.{name}",), other.value, one.value)


def _config(declared: HostState, state: HostState) -> Iterator[_Otherwise]:
    known = declared.service_config.properties if declared.service_config else {}
    values = {name.casefold(): value for name, value in known.items()}
    for name, value in state.service_config.properties.items() if state.service_config else ():
        if values.get(name.casefold(), value) != value:
            path = f"service.config.{config_property(name).declared}"
            yield _Otherwise((path,), value, values[name.casefold()])


def _connections(declared: tuple[ServerConnection, ...], wanted: tuple[ServerConnection, ...]) -> Iterator[_Otherwise]:
    known = {entry.name.casefold(): entry for entry in declared}
    for entry in wanted:
        found, path = known.get(entry.name.casefold()), f"connections[{entry.name}]"
        if found is not None and found.absent is not entry.absent:
            words = ("absent", "present") if entry.absent else ("present", "absent")
            yield _Otherwise((f"{path}.state", path), *words)
        values = {name.casefold(): value for name, value in found.properties.items()} if found else {}
        for name, value in entry.properties.items():
            if values.get(name.casefold(), value) != value:
                field = f"{path}.{connection_property(name).declared}"
                yield _Otherwise((field, f"{path}.endpoint", path), value, values[name.casefold()])


def _ip_listen(declared: IpListen | None, wanted: IpListen | None) -> Iterator[_Otherwise]:
    if declared is None or wanted is None or declared.rule is ListenRule.REACHABLE:
        return
    if wanted.rule is ListenRule.EXACTLY:
        differs = declared.effective() != wanted.effective() and bool(declared.addresses)
    else:
        differs = declared.rule is ListenRule.EXACTLY and not all(map(declared.covers, wanted.addresses))
    if differs:
        path = "http_sys.ip_listen"
        yield _Otherwise((f"{path}.{declared.rule}", path), list(wanted.addresses), list(declared.addresses))


def _reservations(declared: tuple[UrlReservation, ...], wanted: tuple[UrlReservation, ...]) -> Iterator[_Otherwise]:
    known = {one.url.casefold(): one for one in declared}
    for one in wanted:
        found, path = known.get(one.url.casefold()), f"http_sys.url_reservations[{one.url}]"
        if found is None or (found.absent, found.sddl) == (one.absent, one.sddl):
            continue
        yield _Otherwise((f"{path}.sddl", f"{path}.state", path), one.sddl or "absent", found.sddl or "absent")
