"""Services and kernel drivers as rows, and what runs as one.

States and start modes are the words of Win32_Service (`Running`, `Stop Pending`; `Auto`, `Manual`, `Disabled`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from certify_automation.lab.windows import win32

STOPPED = "Stopped"
START_PENDING = "Start Pending"
STOP_PENDING = "Stop Pending"
RUNNING = "Running"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a start ended: exit codes as the service reported them; both 0 and `running` for success."""

    running: bool
    exit_code: int = 0
    service_exit_code: int = 0


class Program(Protocol):
    """What runs as a service."""

    image: str
    """The name of the process: Win32_Process.Name."""

    def begin(self, service: Service, now: datetime) -> float:
        """The process starts: seconds until `ready`; raises Win32Error 1053 when it never reports to the manager."""

    def ready(self, service: Service, now: datetime) -> Ending:
        """Initialisation ends."""

    def end(self, service: Service, now: datetime) -> None:
        """The process ends, whichever way; its handles go."""


class Idle:
    """A service or driver that does nothing of interest."""

    def __init__(self, image: str = "svchost.exe", seconds: float = 0.0) -> None:
        self.image = image
        self._seconds = seconds

    def begin(self, service: Service, now: datetime) -> float:  # noqa: ARG002 - the protocol's shape
        """Ready at once, or after the seconds given."""
        return self._seconds

    def ready(self, service: Service, now: datetime) -> Ending:  # noqa: ARG002 - the protocol's shape
        """Always succeeds."""
        return Ending(running=True)

    def end(self, service: Service, now: datetime) -> None:
        """Nothing to give back."""


@dataclass(slots=True)
class Service:
    """A row of Win32_Service (or Win32_SystemDriver).

    Attributes:
        delayed: DelayedAutoStart.
        exit_code: 1077 until the first start since boot.
        process_id: 0 unless it runs; drivers have none.
        group: load order group; empty for none.
        depends_on: names of services that must run.
        stop_seconds: how long it takes to stop.
        lingers: its process is still there when it has stopped.
        failure_actions: the registry value FailureActions; None = absent.
        failure_flag: the registry value FailureActionsOnNonCrashFailures.
        stuck: it never leaves `Stop Pending`; while True it takes no further control either.
        due: on the computer's stopwatch, when the pending state ends; None = it does not.
    """

    name: str
    display_name: str
    path_name: str
    state: str = STOPPED
    start_mode: str = "Auto"
    delayed: bool = False
    account: str | None = "LocalSystem"
    exit_code: int = win32.SERVICE_NEVER_STARTED
    service_exit_code: int = 0
    process_id: int = 0
    driver: bool = False
    group: str = ""
    depends_on: tuple[str, ...] = ()
    stop_seconds: float = 2.0
    lingers: bool = False
    failure_actions: bytes | None = None
    failure_flag: bool = False
    stuck: bool = False
    due: float | None = None

    def row(self) -> dict[str, Any]:
        """The properties as plain data, comparable."""
        actions = None if self.failure_actions is None else self.failure_actions.hex()
        return {**asdict(self), "depends_on": list(self.depends_on), "failure_actions": actions}
