"""Services and the HTTP driver as CIM shows them."""

from __future__ import annotations

import base64

from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import Computer, Service, Win32Error, win32

DRIVER = "HTTP"
_WORDS = {"Manual": "manual", "Disabled": "disabled", "Boot": "boot", "System": "system"}


def service_facts(service: Service) -> Json:
    """One service of Facts."""
    return {
        "name": service.name,
        "display_name": service.display_name,
        "state": service.state,
        "start_mode": service.start_mode,
        "delayed": service.delayed,
        "account": service.account,
        "path_name": service.path_name,
        "exit_code": service.exit_code,
        "service_exit_code": service.service_exit_code,
        "process_id": service.process_id,
    }


def recovery_facts(service: Service) -> Json:
    """What the registry says of what follows a failure of a service."""
    actions = service.failure_actions
    return {
        "failure_actions": base64.b64encode(actions).decode() if actions else None,
        "failure_flag": service.failure_flag,
    }


def driver_facts(computer: Computer) -> Json | None:
    """The HTTP driver of Facts."""
    driver = computer.services.get(DRIVER)
    if driver is None:
        return None
    return {"state": driver.state, "start_mode": driver.start_mode, "exit_code": driver.exit_code}


def named_service(computer: Computer, name: str) -> Service:
    """The service or driver; raises Win32Error 1060."""
    service = computer.services.get(name)
    if service is None:
        raise Win32Error(win32.SERVICE_DOES_NOT_EXIST, name)
    return service


def process_of(computer: Computer, name: str) -> int:
    """The process id of a service; 0 when it does not run, or is not there."""
    service = computer.services.get(name)
    return service.process_id if service else 0


def start_mode(computer: Computer, name: str) -> str:
    """Type and delay in the words of the wire; empty when there is no such service."""
    service = computer.services.get(name)
    if service is None:
        return ""
    if service.start_mode == "Auto":
        return "automatic-delayed" if service.delayed and not service.driver else "automatic"
    return _WORDS[service.start_mode]
