"""Losing power and starting up again."""

from __future__ import annotations

import contextlib

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.computer import Computer
from certify_automation.lab.windows.services import STOPPED, Service
from certify_automation.lab.windows.sockets import SYSTEM_PROCESS
from certify_automation.lab.windows.win32 import Win32Error

DELAYED_SECONDS = 120.0
"""After how long the service control manager starts delayed services; Windows guarantees no time."""


def lose_power(computer: Computer) -> None:
    """Everything stops where it is; what is on the disk and in the registry stays."""
    computer.tasks.power_off()
    computer.powered = False


def boot(computer: Computer) -> None:
    """Start Windows: no process of before is left; automatic services start, and tasks with a boot trigger.

    Delayed services start later (`start_delayed`). A service that does not start is left stopped, as Windows leaves it;
    without the HTTP driver there is no WinRM.
    """
    computer.tasks.power_off()
    manager = computer.services
    everything = [*manager.services(), *manager.services(drivers=True)]
    for service in everything:
        if service.process_id:
            manager.program(service.name).end(service, computer.clock.now())
    computer.http.registrations.clear()
    computer.http.rescope()
    computer.files.forget_handles()
    manager.processes.clear()
    manager.processes[SYSTEM_PROCESS] = "System"
    for service in everything:
        service.state, service.process_id, service.due = STOPPED, 0, None
        service.exit_code, service.service_exit_code = win32.SERVICE_NEVER_STARTED, 0
    manager.forget_failures()
    computer.booted = computer.clock.now()
    computer.pending_reboot.clear()
    computer.powered = True
    _start(computer, [one for one in everything if one.start_mode in ("Boot", "System", "Auto") and not one.delayed])
    computer.tasks.boot()


def start_delayed(computer: Computer) -> None:
    """Start the delayed automatic services that nobody has started yet."""
    delayed = [one for one in computer.services.services() if one.delayed and one.start_mode == "Auto"]
    _start(computer, [one for one in delayed if one.state == STOPPED])


def _start(computer: Computer, services: list[Service]) -> None:
    for service in services:
        with contextlib.suppress(Win32Error):
            computer.services.start(service.name)
