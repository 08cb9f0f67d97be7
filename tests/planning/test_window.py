from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.model.renewal import Window
from certify_automation.renewal import known_zone, opens
from certify_automation.renewal.window import opening_text
from planning.managed import moment, window
from planning.tables import table

DAY = 86400
YEAR_MS = 366 * DAY * 1000
NOW = moment("2026-01-01")


@table("renewal/window")
def test_when_a_window_opens(case: dict[str, Any]) -> None:
    now = moment(case["now"])
    expected = case["opens"] and (now if case["opens"] == "now" else moment(case["opens"]))
    assert opens(window(case["window"]), now) == expected


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "Mon 2026-11-23 22:30 Europe/Berlin (21:30 UTC)"),
        ("Asia/Tokyo", "Tue 2026-11-24 06:30 Asia/Tokyo (2026-11-23 21:30 UTC)"),
        ("Etc/UTC", "Mon 2026-11-23 21:30 Etc/UTC"),
        ("Mars/Olympus", "2026-11-23 21:30 UTC"),
    ],
)
def test_an_opening_is_told_in_the_windows_own_zone(zone: str, text: str) -> None:
    of = window({"start": "22:00", "duration": "6h", "timezone": zone})
    assert opening_text(of, moment("2026-11-23 21:30")) == text


def test_an_opening_beyond_the_calendar_can_be_told() -> None:
    assert opening_text(window({"start": "22:00", "duration": "6h", "timezone": "UTC"}), 2**63)


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"])
def test_zones_that_are_known(name: str) -> None:
    assert known_zone(name)


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Berlin/", "/etc/passwd", "..", "Mars/Olympus", "a\0b", "ü"])
def test_names_that_are_no_zone(name: str) -> None:
    assert not known_zone(name)


WINDOWS = st.builds(
    Window,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start_minute=st.integers(0, 1439),
    duration_seconds=st.integers(1, 9 * DAY),
    timezone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
)
MOMENTS = st.integers(NOW, NOW + YEAR_MS)


@given(WINDOWS, MOMENTS)
def test_it_opens_within_eight_days_and_is_open_then(declared: Window, now: int) -> None:
    at = opens(declared, now)
    assert at is not None
    assert now <= at <= now + 8 * DAY * 1000
    assert opens(declared, at) == at


@given(WINDOWS, MOMENTS, MOMENTS)
def test_it_never_opens_earlier_as_time_goes_by(declared: Window, one: int, other: int) -> None:
    first, second = opens(declared, min(one, other)), opens(declared, max(one, other))
    assert first is not None
    assert second is not None
    assert first <= second


@given(WINDOWS, MOMENTS)
def test_it_opens_on_a_declared_day(declared: Window, now: int) -> None:
    at = opens(declared, now)
    assert at is not None
    if at > now:
        zone = ZoneInfo(declared.timezone)
        begins = datetime.fromtimestamp(at / 1000, zone)
        assert begins.weekday() in declared.days
        wall = begins.hour * 60 + begins.minute
        assert abs(wall - declared.start_minute) <= (0 if _same_offset(begins) else 60)


def _same_offset(at: datetime) -> bool:
    """Whether the clocks are not set around that moment."""
    return len({(at + timedelta(hours=hours)).utcoffset() for hours in (-6, 0, 6)}) == 1
