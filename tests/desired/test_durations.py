"""Durations as the files write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.desired.durations import seconds, shown

READ = {
    "0": 0,
    "90": 90,
    "090": 90,
    "90s": 90,
    "5m": 300,
    "12h": 43_200,
    "1d": 86_400,
    "999999999s": 999_999_999,
    0: 0,
    120: 120,
}
REFUSED = [
    "",
    "s",
    "-1",
    "-1s",
    "1.5m",
    "1e3",
    "60 s",
    " 60s",
    "60s ",
    "60s\n",
    "60S",
    "1w",
    "1m30s",
    "9999999999",
    "\N{ARABIC-INDIC DIGIT SIX}s",
]


@pytest.mark.parametrize(("value", "expected"), READ.items(), ids=map(str, READ))
def test_seconds(value: object, expected: int) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize("value", [*REFUSED, -1, 1.0, True, None, ["60s"]], ids=repr)
def test_what_is_no_duration(value: object) -> None:
    assert seconds(value) is None


@given(st.integers(0, 10**9 - 1))
def test_what_is_shown_can_be_written(value: int) -> None:
    assert seconds(shown(value)) == value
