"""The event log Application of a simulated computer: sources, entries, and a log that takes none."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.clock import Clock
from certify_automation.lab.windows.win32 import Win32Error

KINDS = ("Information", "Warning", "Error")
MESSAGE_FILE = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\EventLogMessages.dll"
"""The EventMessageFile of a source that .NET makes."""

_LONGEST_TEXT = 32_766
_LAST_ID = 65_535


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `written` is the time of day, aware, UTC."""

    source: str
    kind: str
    event_id: int
    text: str
    written: datetime


@dataclass(slots=True)
class EventLog:
    r"""The log.

    Attributes:
        sources: the registry keys below `EventLog\Application`: name -> EventMessageFile.
        entries: oldest first.
        refusal: the Win32 code with which it takes no entry: 5 (no right to write), 1502 (full); None = it takes them.
    """

    clock: Clock
    sources: dict[str, str] = field(default_factory=lambda: {"Application": "C:\\Windows\\System32\\wevtapi.dll"})
    entries: list[Entry] = field(default_factory=list)
    refusal: int | None = None

    def has_source(self, source: str) -> bool:
        """Whether the source is registered, ignoring case."""
        return source.casefold() in {name.casefold() for name in self.sources}

    def create_source(self, source: str) -> None:
        """Register a source; raises Win32Error 5 when the log may not be written, 87 when it is there already."""
        if self.refusal == win32.ACCESS_DENIED:
            raise Win32Error(win32.ACCESS_DENIED, source)
        if self.has_source(source):
            raise Win32Error(win32.INVALID_PARAMETER, source)
        self.sources[source] = MESSAGE_FILE

    def write(self, source: str, kind: str, event_id: int, text: str) -> None:
        """Add an entry, as [Diagnostics.EventLog]::WriteEntry does: a missing source is registered.

        Raises:
            Win32Error: 5, 1502; 87 for a kind, an id or a length of text that there is not.
        """
        if kind not in KINDS or not 0 <= event_id <= _LAST_ID or len(text) > _LONGEST_TEXT:
            raise Win32Error(win32.INVALID_PARAMETER, source)
        if not self.has_source(source):
            self.create_source(source)
        if self.refusal is not None:
            raise Win32Error(self.refusal, source)
        self.entries.append(Entry(source, kind, event_id, text, self.clock.now()))

    def rows(self) -> dict[str, Any]:
        """Sources and entries as plain data, comparable."""
        rows = [{**asdict(entry), "written": entry.written.isoformat()} for entry in self.entries]
        return {"sources": dict(sorted(self.sources.items())), "entries": rows}
