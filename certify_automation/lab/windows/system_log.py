"""The event log System of a simulated computer: what http.sys and the service control manager write there.

Source of the numbers: the message tables of Microsoft-Windows-HttpEvent and of Service Control Manager.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from certify_automation.lab.windows.clock import Clock

HTTP_EVENTS = "Microsoft-Windows-HttpEvent"
SERVICE_EVENTS = "Service Control Manager"

CANNOT_BIND = 15005
ENTRY_NOT_CONVERTIBLE = 15014
NO_ENTRY_CONVERTIBLE = 15015

SERVICE_DID_NOT_START = 7000
DEPENDENCY_DID_NOT_START = 7001
SERVICE_DID_NOT_CONNECT = 7009
SERVICE_ENDED_WITH_ERROR = 7023
SERVICE_ENDED_WITH_ITS_OWN_ERROR = 7024
SERVICE_CRASHED_AND_RESTARTS = 7031
SERVICE_CRASHED = 7034


@dataclass(frozen=True, slots=True)
class SystemEvent:
    """One entry: `values` are its properties, which no language changes; `written` is aware, UTC."""

    provider: str
    event_id: int
    written: datetime
    values: tuple[str, ...]


@dataclass(slots=True)
class SystemLog:
    """The log; `entries` are oldest first."""

    clock: Clock
    entries: list[SystemEvent] = field(default_factory=list)

    def http(self, event_id: int, *values: str) -> None:
        """An entry of http.sys."""
        self.entries.append(SystemEvent(HTTP_EVENTS, event_id, self.clock.now(), values))

    def service(self, event_id: int, *values: str, at: datetime | None = None) -> None:
        """An entry of the service control manager, of now or of an earlier moment."""
        self.entries.append(SystemEvent(SERVICE_EVENTS, event_id, at or self.clock.now(), values))

    def rows(self) -> list[dict[str, Any]]:
        """The entries as plain data, comparable."""
        return [{**asdict(one), "values": list(one.values), "written": one.written.isoformat()} for one in self.entries]
