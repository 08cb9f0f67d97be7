"""The service control manager: services and kernel drivers, their states over time, what Windows says to a request."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certify_automation.lab.windows import failures, service_events, win32
from certify_automation.lab.windows.clock import Clock
from certify_automation.lab.windows.service import (
    RUNNING,
    START_PENDING,
    STOP_PENDING,
    STOPPED,
    Ending,
    Idle,
    Program,
    Service,
)
from certify_automation.lab.windows.system_log import SystemLog
from certify_automation.lab.windows.win32 import Win32Error

__all__ = [
    "RUNNING",
    "STOPPED",
    "Ending",
    "Idle",
    "Program",
    "Service",
    "ServiceControlManager",
]

_FIRST_PROCESS = 1200


@dataclass(slots=True)
class ServiceControlManager:
    """Services by name, ignoring case; every call first lets pending states end that are due.

    Attributes:
        processes: process id -> image name, for everything that runs.
        begun: process id -> when the process started, for those `new_process` made, also when they are over.
        log: the event log System, in which it says what went wrong.
    """

    clock: Clock
    processes: dict[int, str] = field(default_factory=dict)
    begun: dict[int, datetime] = field(default_factory=dict)
    _services: dict[str, Service] = field(default_factory=dict)
    _programs: dict[str, Program] = field(default_factory=dict)
    _failures: dict[str, failures.Failures] = field(default_factory=dict)
    _next_process: int = _FIRST_PROCESS
    log: SystemLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = SystemLog(self.clock)

    def install(self, service: Service, program: Program) -> Service:
        """Create a service; raises Win32Error 1073 never: an existing one of that name is replaced."""
        self._services[service.name.casefold()] = service
        self._programs[service.name.casefold()] = program
        self._failures[service.name.casefold()] = failures.Failures(service.failure_flag)
        return service

    def remove(self, name: str) -> None:
        """Delete a stopped service."""
        self._find(name)
        del self._services[name.casefold()]
        del self._programs[name.casefold()]
        del self._failures[name.casefold()]

    def get(self, name: str) -> Service | None:
        """The service of this name, ignoring case."""
        self.settle()
        return self._services.get(name.casefold())

    def services(self, *, drivers: bool = False) -> tuple[Service, ...]:
        """All services, or all drivers, in ordinal order of name ignoring case."""
        self.settle()
        return tuple(one for _, one in sorted(self._services.items()) if one.driver is drivers)

    def program(self, name: str) -> Program:
        """What runs as this service."""
        self._find(name)
        return self._programs[name.casefold()]

    def start(self, name: str) -> None:
        """Ask for a start; returns when the process runs, not when it is ready.

        Raises:
            Win32Error: 1060 no such service, 1056 running or pending, 1058 disabled, 1068 a dependency does not
                start, 1053 the process ended before it reported.
        """
        service = self._find(name)
        if service.state != STOPPED:
            raise Win32Error(win32.SERVICE_ALREADY_RUNNING, service.name)
        if service.start_mode == "Disabled":
            raise Win32Error(win32.SERVICE_DISABLED, service.name)
        self._start_dependencies(service)
        now = self.clock.now()
        program = self._programs[service.name.casefold()]
        service.process_id = 0 if service.driver else self.new_process(program.image)
        service.state = START_PENDING
        service.exit_code = service.service_exit_code = 0
        try:
            seconds = program.begin(service, now)
        except Win32Error as error:
            self._stopped(service, Ending(running=False, exit_code=error.code), now, begun=False)
            raise
        service.due = self.clock.elapsed() + seconds
        self.settle()

    def stop(self, name: str) -> None:
        """Ask for a stop; returns when the service has taken the control.

        Raises:
            Win32Error: 1060, 1062 not running, 1061 pending, 1051 running services depend on it.
        """
        service = self._find(name)
        if service.state == STOPPED:
            raise Win32Error(win32.SERVICE_NOT_ACTIVE, service.name)
        if service.state != RUNNING:
            raise Win32Error(win32.SERVICE_CANNOT_ACCEPT_CTRL, service.name)
        if self.dependents(service.name):
            raise Win32Error(win32.DEPENDENT_SERVICES_RUNNING, service.name)
        service.state = STOP_PENDING
        service.due = None if service.stuck else self.clock.elapsed() + service.stop_seconds
        self.settle()

    def configure(self, name: str, start_mode: str, *, delayed: bool = False) -> None:
        """Set start type and delay together, as ChangeServiceConfig2 does; raises Win32Error 1060, 87.

        A driver cannot be delayed, and only a driver starts at boot or with the system.
        """
        service = self._find(name)
        legal = ("Boot", "System", "Auto", "Manual", "Disabled") if service.driver else ("Auto", "Manual", "Disabled")
        if start_mode not in legal or (delayed and (service.driver or start_mode != "Auto")):
            raise Win32Error(win32.INVALID_PARAMETER, service.name)
        service.start_mode, service.delayed = start_mode, delayed

    def set_failure_actions(self, name: str, reset_seconds: int, actions: Sequence[tuple[int, int]]) -> None:
        """Set what follows a failure, as ChangeServiceConfig2 does; a message or command that is set stays set.

        Args:
            name: of the service; raises Win32Error 1060.
            reset_seconds: 0xFFFFFFFF = the count of failures is never reset.
            actions: SC_ACTION type and delay in milliseconds, in the order of the failures.
        """
        service = self._find(name)
        message, command = struct.unpack_from("<2I", service.failure_actions or bytes(20), 4)
        service.failure_actions = failures.pack(reset_seconds, actions, message=message, command=command)

    def set_failure_flag(self, name: str, *, on: bool) -> None:
        """Set whether a stop with an error counts as a failure too; raises Win32Error 1060."""
        self._find(name).failure_flag = on

    def dependents(self, name: str) -> tuple[Service, ...]:
        """The services that are not stopped and depend on this one."""
        wanted = name.casefold()
        alive = (one for one in self._services.values() if one.state != STOPPED)
        return tuple(one for one in alive if wanted in (needed.casefold() for needed in one.depends_on))

    def crash(self, name: str) -> None:
        """The process ends without reporting; raises Win32Error 1060."""
        self._stopped(self._find(name), Ending(running=False, exit_code=win32.PROCESS_ABORTED), self.clock.now())

    def forget_failures(self) -> None:
        """What a start of the system does: counts begin anew, and a changed flag counts from now on."""
        for name, service in self._services.items():
            self._failures[name] = failures.Failures(service.failure_flag)

    def new_process(self, image: str) -> int:
        """A process that was not there before."""
        self._next_process += 4
        self.processes[self._next_process] = image
        self.begun[self._next_process] = self.clock.now()
        return self._next_process

    def settle(self) -> None:
        """Let every pending state end that is due by now, and restart what has failed."""
        for name, service in list(self._services.items()):
            self._end_pending(service)
            if self._failures[name].restart_due(self.clock.elapsed()) and service.state == STOPPED:
                with contextlib.suppress(Win32Error):
                    self.start(service.name)

    def _end_pending(self, service: Service) -> None:
        elapsed = self.clock.elapsed()
        if service.due is None or service.due > elapsed:
            return
        then = self.clock.now() - timedelta(seconds=elapsed - service.due)
        service.due = None
        if service.state == START_PENDING:
            self._started(service, then)
        elif service.state == STOP_PENDING:
            self._stopped(service, Ending(running=False), then)

    def _started(self, service: Service, now: datetime) -> None:
        ending = self._programs[service.name.casefold()].ready(service, now)
        if ending.running:
            service.state = RUNNING
        else:
            self._stopped(service, ending, now)

    def _stopped(self, service: Service, ending: Ending, now: datetime, *, begun: bool = True) -> None:
        self._programs[service.name.casefold()].end(service, now)
        if not service.lingers:
            self.processes.pop(service.process_id, None)
        service.state, service.due, service.process_id = STOPPED, None, 0
        service.exit_code, service.service_exit_code = ending.exit_code, ending.service_exit_code
        failed = self._failures[service.name.casefold()]
        failed.ended(ending.exit_code, service.failure_actions, self.clock.elapsed())
        if begun:
            service_events.ended(self.log, service, failed, now)
        else:
            service_events.not_started(self.log, service, now)

    def _start_dependencies(self, service: Service) -> None:
        for needed in service.depends_on:
            other = self._services.get(needed.casefold())
            if other is not None and other.state == STOPPED:
                try:
                    self.start(other.name)
                except Win32Error as error:
                    service_events.dependency_failed(self.log, service, other, error.code)
                    raise Win32Error(win32.SERVICE_DEPENDENCY_FAIL, service.name) from error

    def _find(self, name: str) -> Service:
        self.settle()
        service = self._services.get(name.casefold())
        if service is None:
            raise Win32Error(win32.SERVICE_DOES_NOT_EXIST, name)
        return service
