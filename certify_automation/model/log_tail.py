"""A log file as a visit brings it home."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of one log file, oldest first."""

    path: str
    exists: bool
    lines: tuple[str, ...]
