"""A Windows service or kernel driver, as the service control manager knows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ServiceState(StrEnum):
    """The states of Win32_Service.State, in lower case with hyphens."""

    STOPPED = "stopped"
    START_PENDING = "start-pending"
    STOP_PENDING = "stop-pending"
    RUNNING = "running"
    CONTINUE_PENDING = "continue-pending"
    PAUSE_PENDING = "pause-pending"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class StartMode(StrEnum):
    """Start types under the names of the Services console; delayed start is one of its own."""

    AUTOMATIC = "automatic"
    AUTOMATIC_DELAYED = "automatic-delayed"
    MANUAL = "manual"
    DISABLED = "disabled"
    BOOT = "boot"
    SYSTEM = "system"


_CIM_START_MODES = {
    "auto": StartMode.AUTOMATIC,
    "manual": StartMode.MANUAL,
    "disabled": StartMode.DISABLED,
    "boot": StartMode.BOOT,
    "system": StartMode.SYSTEM,
}


def state_from_cim(text: str) -> ServiceState:
    """ServiceState of a Win32_Service.State text such as `Stop Pending`; UNKNOWN for others."""
    try:
        return ServiceState(text.strip().lower().replace(" ", "-"))
    except ValueError:
        return ServiceState.UNKNOWN


def start_mode_from_cim(text: str, *, delayed: bool = False) -> StartMode | None:
    """StartMode of Win32_Service.StartMode (`Auto`, never `Automatic`) and DelayedAutoStart."""
    mode = _CIM_START_MODES.get(text.strip().lower())
    return StartMode.AUTOMATIC_DELAYED if mode is StartMode.AUTOMATIC and delayed else mode


@dataclass(frozen=True, slots=True)
class WindowsService:
    """State and start mode; None = not managed (desired) or not readable (observed)."""

    state: ServiceState | None = None
    start_mode: StartMode | None = None
