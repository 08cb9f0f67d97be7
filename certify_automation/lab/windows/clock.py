"""Clocks of simulated computers: they can be turned, so that a wait of 90 seconds need not take them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A computer's clock; time never runs backwards."""

    def now(self) -> datetime:
        """The time, aware, UTC."""

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""


class StillClock:
    """Stands still unless it is advanced: for tests."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        self._now += timedelta(seconds=max(0.0, seconds))


class RunningClock:
    """Runs with real time from where it was set, and can be advanced besides: for a lab on the wire."""

    def __init__(self, now: datetime) -> None:
        self._set_to = now
        self._set_at = time.monotonic()

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self._set_to + timedelta(seconds=time.monotonic() - self._set_at)

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        self._set_to += timedelta(seconds=max(0.0, seconds))
