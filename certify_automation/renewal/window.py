"""When a declared window is open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from certify_automation.due import moment_text
from certify_automation.model.renewal import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86400
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""In English whatever the locale is."""
_WEEK_AND_A_DAY = 8
"""Days of which at least one is a declared day with the whole of it behind, or ahead."""


def opens(window: Window, now_utc_ms: int) -> int | None:
    """When the window opens next, in milliseconds since 1970-01-01 UTC: now itself while it is open.

    The declared days are those on which it opens: one of Monday 22:00 for 6 hours is open on Tuesday at 03:00. A start
    that the clocks leave out in spring is as long after midnight as on other days; of one that comes twice in autumn
    the first counts.

    Returns:
        None when it never opens: no day, no duration, or a time zone that this computer does not know.
    """
    zone = _zone(window.timezone)
    if zone is None or window.duration_seconds <= 0:
        return None
    try:
        return next(_openings(window, zone, now_utc_ms), None)
    except (OverflowError, ValueError):  # the clock stands where the calendar ends
        return None


def known_zone(name: str) -> bool:
    """Whether this computer has the rules of a time zone."""
    return _zone(name) is not None


def opening_text(window: Window, utc_ms: int) -> str:
    """`Mon 2026-11-23 22:00 Europe/Berlin (21:00 UTC)`: in the window's own zone, and the date of UTC if it differs."""
    zone = _zone(window.timezone)
    try:
        utc = _EPOCH + timedelta(milliseconds=utc_ms)
        local = None if zone is None else utc.astimezone(zone)
    except (OverflowError, ValueError):  # the clock stands where the calendar ends
        local = None
    if local is None:
        return moment_text(utc_ms)
    shown = f"{_DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} {window.timezone}"
    if local.utcoffset() == timedelta():
        return shown
    return f"{shown} ({utc:%H:%M} UTC)" if local.date() == utc.date() else f"{shown} ({utc:%Y-%m-%d %H:%M} UTC)"


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; not a name; a folder of the database
        return None


def _openings(window: Window, zone: ZoneInfo, now_utc_ms: int) -> Iterator[int]:
    """The moment in which it is or will be open, the earliest first."""
    today = (_EPOCH + timedelta(milliseconds=now_utc_ms)).astimezone(zone).date()
    back = min(window.duration_seconds // _DAY_SECONDS + 2, _WEEK_AND_A_DAY + 1)
    for offset in range(-back, _WEEK_AND_A_DAY + 1):
        day = today + timedelta(days=offset)
        if day.weekday() in window.days:
            start = _start(day, window.start_minute, zone)
            if now_utc_ms < start + window.duration_seconds * 1000:
                yield max(start, now_utc_ms)


def _start(day: date, minute: int, zone: ZoneInfo) -> int:
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return round((wall.replace(tzinfo=zone) - _EPOCH).total_seconds() * 1000)
