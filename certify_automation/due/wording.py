"""Moments and spans of time in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def moment_text(utc_ms: int) -> str:
    """`2026-11-01 13:05 UTC`; of a moment that no calendar has, that it is one."""
    try:
        return f"{_EPOCH + timedelta(milliseconds=utc_ms):%Y-%m-%d %H:%M} UTC"
    except OverflowError:
        return "a moment beyond the calendar"


def span_text(seconds: float) -> str:
    """`21 days`, `36 hours`, `1 minute`: rounded down to a unit of which there are two or more, or exactly one."""
    whole = abs(int(seconds))
    size, unit = next(((size, unit) for size, unit in _UNITS if whole >= 2 * size or whole == size), (1, "second"))
    count = whole // size
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
