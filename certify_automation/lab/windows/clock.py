"""Clocks of simulated computers: they can be turned, so that a wait of 90 seconds need not take them.

A clock has two faces, as Windows' has: the time of day, which anybody may set, and a stopwatch, which only goes on.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A computer's clock."""

    def now(self) -> datetime:
        """The time of day, aware, UTC."""

    def elapsed(self) -> float:
        """Seconds by a stopwatch: never runs backwards, whatever the time of day is set to."""

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""

    def set(self, now: datetime) -> None:
        """Set the time of day, also back; the stopwatch does not see it."""


class StillClock:
    """Stands still unless it is advanced: for tests."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The time of day, aware, UTC."""
        return self._now

    def elapsed(self) -> float:
        """Seconds by a stopwatch."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        self._elapsed += max(0.0, seconds)
        self._now += timedelta(seconds=max(0.0, seconds))

    def set(self, now: datetime) -> None:
        """Set the time of day."""
        self._now = now


class RunningClock:
    """Runs with real time from where it was set, and can be advanced besides: for a lab on the wire."""

    def __init__(self, now: datetime) -> None:
        self._begun = now - timedelta(seconds=time.monotonic())
        self._advanced = 0.0

    def now(self) -> datetime:
        """The time of day, aware, UTC."""
        return self._begun + timedelta(seconds=self.elapsed())

    def elapsed(self) -> float:
        """Seconds by a stopwatch."""
        return time.monotonic() + self._advanced

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        self._advanced += max(0.0, seconds)

    def set(self, now: datetime) -> None:
        """Set the time of day."""
        self._begun = now - timedelta(seconds=self.elapsed())
