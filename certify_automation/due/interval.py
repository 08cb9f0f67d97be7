"""The product's renewal interval: what its preferences say of it, and what of them it cannot use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from certify_automation.errors import Problem, Severity
from certify_automation.model.config_files import JsonValue

DAYS_AFTER = "DaysAfterLastRenewal"
DAYS_BEFORE = "DaysBeforeExpiry"
PERCENTAGE = "PercentageLifetime"
MODES = (PERCENTAGE, DAYS_AFTER, DAYS_BEFORE)
"""As the product compares them: with case."""

_DEFAULT_NUMBER = 75.0


@dataclass(frozen=True, slots=True)
class Interval:
    """The interval of all items; number is days, or percent in mode `PercentageLifetime`."""

    mode: str
    number: float


def usable(value: JsonValue) -> float | None:
    """A number the product can reckon with; None = it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def interval_of(preferences: Mapping[str, JsonValue]) -> Interval:
    """What the product goes by.

    A mode that is null is DaysAfterLastRenewal to the product, and so acts every mode that it does not know. A number
    that is none is taken for the default, 75.
    """
    mode, number = preferences.get("renewalIntervalMode"), usable(preferences.get("renewalIntervalDays"))
    return Interval(mode if isinstance(mode, str) else DAYS_AFTER, _DEFAULT_NUMBER if number is None else number)


def preference_warnings(preferences: Mapping[str, JsonValue]) -> tuple[Problem, ...]:
    """What is wrong with the interval of all items (CA3107 to CA3109)."""
    return tuple(_warnings(preferences))


def _warnings(preferences: Mapping[str, JsonValue]) -> Iterator[Problem]:
    mode, interval = preferences.get("renewalIntervalMode"), interval_of(preferences)
    if mode not in MODES:
        yield warning(
            "CA3107",
            f"the preference renewalIntervalMode is {_shown(mode)}, which is none of {', '.join(MODES)}: the product "
            "then counts days since the last renewal",
            "declare preferences.renewal_interval_mode",
        )
    if usable(preferences.get("renewalIntervalDays")) is None:
        yield warning(
            "CA3108",
            f"the preference renewalIntervalDays is {_shown(preferences.get('renewalIntervalDays'))}, which is no "
            f"number: {_DEFAULT_NUMBER:g} is reckoned with, the product's default",
            "declare preferences.renewal_interval",
        )
    elif interval.number <= 0 and interval.mode not in {PERCENTAGE, DAYS_BEFORE}:
        yield warning(
            "CA3109",
            f"the preference renewalIntervalDays is {interval.number:g}: every certificate is due at every pass of the "
            "product, every 5 minutes, whenever it was renewed",
            "declare preferences.renewal_interval",
        )


def _shown(value: JsonValue) -> str:
    return "not set" if value is None else f"{str(value)[:50]!r}"


def warning(warning_id: str, message: str, hint: str = "") -> Problem:
    """What is shown beside a certificate and never in the way."""
    return Problem(warning_id, message, hint=hint, severity=Severity.WARNING)
