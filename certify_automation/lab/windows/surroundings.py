"""What lies around the programs of a simulated computer: disks, the time service, installed programs, sessions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

_GIGABYTE = 1024**3


@dataclass(slots=True)
class DiskSpace:
    """A local disk, in bytes."""

    free_bytes: int = 64 * _GIGABYTE
    size_bytes: int = 127 * _GIGABYTE


@dataclass(frozen=True, slots=True)
class UninstallEntry:
    """A key below `Uninstall` in the registry."""

    name: str
    version: str | None
    location: str | None


@dataclass(slots=True)
class Surroundings:
    """What programs of the computer depend on without being told.

    Attributes:
        disks: by name, `C:`, or the folder that a volume is mounted in.
        time_source: Type of the time service: `NTP` for a server of its own, `NT5DS` in a domain, `NoSync`.
        uninstall: what Windows lists as installed.
        sessions: process id -> the session it runs in; every other one runs in that of the services, 0.
    """

    disks: dict[str, DiskSpace] = field(default_factory=lambda: {"C:": DiskSpace()})
    time_source: str | None = "NTP"
    uninstall: list[UninstallEntry] = field(default_factory=list)
    sessions: dict[int, int] = field(default_factory=dict)

    def rows(self) -> dict[str, Any]:
        """All of it as plain data, comparable."""
        return asdict(self)
