"""Sections of a resolved document and the rendered files -> HostState."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify_automation.desired import durations, reference, renewals
from certify_automation.desired.rules import Declared
from certify_automation.model.config_files import ServerConnection, ServiceConfig
from certify_automation.model.host import USUAL_KESTREL_RULE, Endpoint, HostState, KestrelRule
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation
from certify_automation.model.recovery import FailureAction, Recovery, RecoveryAction
from certify_automation.model.security import DeclaredVariable
from certify_automation.model.service import ServiceState, StartMode, WindowsService


def host_state(declared: Declared, removed: tuple[str, ...]) -> HostState:
    """What is managed on a host.

    Args:
        declared: what fits the schemas and the rules.
        removed: names of connections with `state: absent`.
    """
    service, http_sys = declared.service, declared.http_sys
    return HostState(
        service=_windows_service(service),
        driver=_windows_service(http_sys.get("driver", {})),
        service_config=None if declared.config is None else ServiceConfig(declared.config),
        connections=_connections(declared, removed),
        ip_listen=_ip_listen(declared),
        url_reservations=_reservations(http_sys),
        endpoint=_endpoint(declared),
        http_01=declared.http_01,
        allow_https=bool(service.get("force_https", False)),
        kestrel_endpoint=KestrelRule(service.get("kestrel_endpoint", USUAL_KESTREL_RULE)),
        recovery=_recovery(service),
        account=service.get("account"),
        data_directory_restricted=declared.security.get("data_directory_acl") == "restricted",
        api_exposure=declared.api_exposure,
        environment=_environment(declared),
        preferences=renewals.preferences(declared.preferences) or None,
        renewals=None if declared.renewals is None else renewals.policy(declared.renewals),
    )


def _windows_service(section: Mapping[str, Any]) -> WindowsService:
    state, mode = section.get("state"), section.get("start_mode")
    return WindowsService(
        None if state is None else ServiceState(state),
        None if mode is None else StartMode(mode),
    )


def _recovery(service: Mapping[str, Any]) -> Recovery | None:
    if "recovery" not in service:
        return None
    recovery = service["recovery"]
    reset = recovery.get("reset_after", reference.declared_default("recovery", "reset_after"))
    return Recovery(
        None if reset == "never" else durations.seconds(reset),
        tuple(_failure_action(one) for one in recovery["actions"]),
        recovery.get("on_stop_with_error", reference.declared_default("recovery", "on_stop_with_error")),
    )


def _failure_action(written: Mapping[str, Any]) -> FailureAction:
    action = RecoveryAction[written["action"].upper()]
    if action is RecoveryAction.NONE:
        return FailureAction(action, 0)
    delay = durations.seconds(written.get("delay"))
    if delay is None:
        delay = durations.seconds(reference.declared_default("failure_action", "delay")) or 0
    return FailureAction(action, 1000 * delay)


def _environment(declared: Declared) -> tuple[DeclaredVariable, ...]:
    return tuple(
        DeclaredVariable(name, value if isinstance(value, str) else None)
        for name, value in sorted(declared.environment.items(), key=lambda item: item[0].casefold())
    )


def _connections(declared: Declared, removed: tuple[str, ...]) -> tuple[ServerConnection, ...] | None:
    if declared.connections is None:
        return None
    present = [
        ServerConnection(entry["DisplayName"], {name: value for name, value in entry.items() if name != "DisplayName"})
        for entry in declared.connections
    ]
    return (*present, *(ServerConnection(name, absent=True) for name in removed))


def _ip_listen(declared: Declared) -> IpListen | None:
    declaration = declared.http_sys.get("ip_listen")
    if declaration is None:
        return None
    if declaration == ListenRule.REACHABLE:
        addresses = [declared.listening_address(), *(["127.0.0.1"] if declared.http_01 else [])]
        return IpListen(ListenRule.REACHABLE, tuple(dict.fromkeys(addresses)))
    rule, addresses = next(iter(declaration.items()))
    return IpListen(ListenRule(rule), tuple(addresses))


def _reservations(http_sys: Mapping[str, Any]) -> tuple[UrlReservation, ...] | None:
    if "url_reservations" not in http_sys:
        return None
    return tuple(
        UrlReservation(entry["url"], absent=True)
        if entry.get("state") == "absent"
        else UrlReservation(entry["url"], entry["sddl"])
        for entry in http_sys["url_reservations"]
    )


def _endpoint(declared: Declared) -> Endpoint | None:
    """None where nothing is declared, and for a named pipe, which has no address."""
    if declared.config is None or declared.setting("Transport") == "namedpipe":
        return None
    return Endpoint(str(declared.setting("Host")), int(declared.setting("Port")), bool(declared.setting("UseHTTPS")))
