"""Desired states as tables write them: product names for properties, the rest as in state files."""

from __future__ import annotations

from typing import Any

from certify_automation.config_merge import effective_config
from certify_automation.model.change_codec import recovery_from_json
from certify_automation.model.config_files import FileName, ServerConnection, ServiceConfig
from certify_automation.model.host import Endpoint, HostState, KestrelRule
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation
from certify_automation.model.renewal import RenewalPolicy, Window
from certify_automation.model.security import ApiExposure, DeclaredVariable
from certify_automation.model.service import ServiceState, StartMode, WindowsService
from planning.tables import content

BASELINE: dict[str, Any] = {
    "service": {"state": "running", "start_mode": "automatic-delayed"},
    "driver": {"state": "running", "start_mode": "manual"},
    "config": {"Host": "127.0.0.2", "Port": 9696, "LogLevel": "information"},
    "connections": [{"name": "(local)", "IsDefault": True, "Host": "127.0.0.2", "Port": 9696, "UseHTTPS": False}],
    "ip_listen": {"reachable": ["127.0.0.2", "127.0.0.1"]},
    "url_reservations": [{"url": "http://127.0.0.2:9696/", "sddl": "D:(A;;GX;;;SY)"}],
}


def windows_service(part: dict[str, str]) -> WindowsService:
    """A service or driver of a table."""
    state, mode = part.get("state"), part.get("start_mode")
    return WindowsService(ServiceState(state) if state else None, StartMode(mode) if mode else None)


def connection(part: dict[str, Any]) -> ServerConnection:
    """A connection of a table."""
    rest = {name: value for name, value in part.items() if name not in {"name", "absent", "removed"}}
    return ServerConnection(part["name"], rest, part.get("absent", False), tuple(part.get("removed", ())))


def host_state(part: dict[str, Any]) -> HostState:
    """The desired state of a table's case."""
    removed = tuple(part.get("config_removed", ()))
    config = ServiceConfig(part.get("config", {}), removed) if "config" in part or removed else None
    listen = part.get("ip_listen")
    rule, addresses = next(iter(listen.items())) if listen else ("", [])
    return HostState(
        service=windows_service(part.get("service", {})),
        driver=windows_service(part.get("driver", {})),
        service_config=config,
        connections=tuple(connection(c) for c in part["connections"]) if "connections" in part else None,
        ip_listen=IpListen(ListenRule(rule), tuple(addresses)) if listen else None,
        url_reservations=tuple(
            UrlReservation(r["url"], r.get("sddl"), r.get("absent", False)) for r in part["url_reservations"]
        )
        if "url_reservations" in part
        else None,
        endpoint=endpoint(part["config"]) if "config" in part and not pipes(part["config"]) else None,
        http_01=part.get("http_01", True),
        kestrel_endpoint=KestrelRule(part.get("kestrel_endpoint", "align")),
        recovery=recovery_from_json(part["recovery"]) if "recovery" in part else None,
        account=part.get("account"),
        data_directory_restricted=part.get("data_directory_restricted", False),
        api_exposure=ApiExposure(**part["api_exposure"]) if "api_exposure" in part else None,
        environment=tuple(DeclaredVariable(*one) for one in part.get("environment", {}).items()),
        preferences=part.get("preferences"),
        renewals=renewal_policy(part["renewals"]) if "renewals" in part else None,
        data_directory_acl=part.get("data_directory_acl"),
        kestrel_urls=part.get("kestrel_urls", {}),
        whole_files={FileName(name): content(text) for name, text in part.get("whole_files", {}).items()},
    )


def renewal_policy(part: dict[str, Any]) -> RenewalPolicy:
    """A policy of a table, by the names of its fields."""
    window = part.get("window")
    made = Window(**{**window, "days": frozenset(window["days"])}) if window else None
    lists = {name: tuple(part[name]) for name in ("include", "exclude") if name in part}
    return RenewalPolicy(**{**part, **lists, "window": made})


def pipes(config: dict[str, Any]) -> bool:
    """Whether a declared file makes the product listen on a pipe."""
    return config.get("Transport") == "namedpipe"


def endpoint(config: dict[str, Any]) -> Endpoint:
    """What desired makes of the declared file: the product's defaults where it does not say."""
    default = effective_config(None)
    values = {**default, **config}
    return Endpoint(str(values["Host"]), int(str(values["Port"])), bool(values["UseHTTPS"]))
