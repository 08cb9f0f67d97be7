from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.due import Rule, back_off, due, moment_text, preference_warnings, span_text, urgency
from certify_automation.errors import Severity
from certify_automation.lab.certify.due import check
from certify_automation.model.certificate import ManagedCertificate
from planning.managed import DEFAULTS, certificate, moment, preferences
from planning.tables import table

DAY_MS = 86_400_000
NOW = moment("2026-11-23 10:00")


@table("due")
def test_the_product_s_rules(case: dict[str, Any]) -> None:
    found = due(certificate(case["certificate"]), preferences(case.get("preferences")), moment(case["now"]))
    until = None if found.held_until_utc_ms is None else moment_text(found.held_until_utc_ms)
    expected = case["due"]
    assert (found.due, found.rule) == (expected.get("now", False), Rule(expected["by"]))
    assert found.due_utc_ms == (None if expected["at"] is None else moment(expected["at"]))
    held = case.get("held")
    assert (found.held_for_good, until) == ((True, None) if held == "for good" else (False, held and f"{held} UTC"))
    assert [problem.id for problem in found.warnings] == list(case.get("warnings", {}))
    for problem, part in zip(found.warnings, case.get("warnings", {}).values(), strict=True):
        assert part in problem.message
        assert problem.severity is Severity.WARNING
    assert case.get("text", "") in found.text


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ({}, []),
        ({"renewalIntervalMode": "DaysBeforeExpiry", "renewalIntervalDays": 30}, []),
        ({"renewalIntervalMode": "DaysBeforeExpiry", "renewalIntervalDays": 0}, []),
        ({"renewalIntervalDays": 0}, []),
        ({"renewalIntervalMode": "percentagelifetime"}, ["CA3107"]),
        ({"renewalIntervalMode": None}, ["CA3107"]),
        ({"renewalIntervalMode": ["PercentageLifetime"]}, ["CA3107"]),
        ({"renewalIntervalMode": "absent"}, ["CA3107"]),
        ({"renewalIntervalDays": "75"}, ["CA3108"]),
        ({"renewalIntervalDays": True}, ["CA3108"]),
        ({"renewalIntervalDays": "absent"}, ["CA3108"]),
        ({"renewalIntervalDays": float("nan")}, ["CA3108"]),
        ({"renewalIntervalDays": 10**400}, ["CA3108"]),
        ({"renewalIntervalMode": "DaysAfterLastRenewal", "renewalIntervalDays": 0}, ["CA3109"]),
        ({"renewalIntervalMode": "nonsense", "renewalIntervalDays": -3}, ["CA3107", "CA3109"]),
    ],
)
def test_what_is_wrong_with_the_interval_of_all_items(written: dict[str, Any], ids: list[str]) -> None:
    assert [problem.id for problem in preference_warnings(preferences(written))] == ids


def test_a_value_that_is_shown_is_not_shown_endlessly() -> None:
    (found,) = preference_warnings(preferences({"renewalIntervalMode": "x" * 10_000}))
    assert len(found.message) < 300


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (3600, "1 hour"),
        (7199, "119 minutes"),
        (86400, "1 day"),
        (129_600, "36 hours"),
        (21 * 86400 + 5, "21 days"),
        (-172_800, "2 days"),
    ],
)
def test_spans_in_words(seconds: int, text: str) -> None:
    assert span_text(seconds) == text


def test_a_moment_beyond_the_calendar_has_a_text() -> None:
    assert moment_text(10**18) == "a moment beyond the calendar"
    assert moment_text(-(10**30)) == "a moment beyond the calendar"


def test_the_most_urgent_comes_first() -> None:
    worn = {"start": "2026-08-25", "renewed": "2026-08-25"}
    items = [
        certificate({"id": "young", "start": "2026-11-20", "renewed": "2026-11-20", "expiry": "2027-02-18"}),
        certificate({"id": "older", "start": "2026-10-20", "renewed": "2026-10-20", "expiry": "2027-01-18"}),
        certificate({"id": "new"}),
        certificate({"id": "due", **worn, "expiry": "2026-12-01"}),
        certificate({"id": "expired", **worn, "expiry": "2026-11-22"}),
        certificate({"id": "revoked", **worn, "expiry": "2027-06-01", "scheduled": "2026-11-23", "revoked": True}),
    ]
    keys = sorted((urgency(item, due(item, DEFAULTS, NOW), NOW), item.id) for item in items)
    assert [name for _, name in keys] == ["revoked", "expired", "due", "new", "older", "young"]


_MOMENTS = st.none() | st.integers(NOW - 400 * DAY_MS, NOW + 400 * DAY_MS)
_MODES = st.sampled_from([None, "PercentageLifetime", "DaysAfterLastRenewal", "DaysBeforeExpiry", "", "other"])
_NUMBERS = st.integers(-10, 400) | st.floats(-10, 400) | st.none() | st.sampled_from(["75", 1e300, True, 10**400])
CERTIFICATES = st.builds(
    ManagedCertificate,
    id=st.sampled_from("abc"),
    name=st.just("www"),
    interval_mode=_MODES,
    interval_target=st.none() | st.floats(-10, 400) | st.floats(),
    preferred_expiry_days=st.none() | st.floats(-10, 400) | st.floats(),
    start_utc_ms=_MOMENTS,
    expiry_utc_ms=_MOMENTS,
    renewed_utc_ms=_MOMENTS,
    scheduled_utc_ms=_MOMENTS,
    attempted_utc_ms=_MOMENTS,
    status=st.none() | st.integers(0, 9),
    failures=st.integers(0, 12) | st.just(1001),
    auto_renew=st.booleans(),
)
SANE = st.builds(
    ManagedCertificate,
    id=st.just("a"),
    name=st.just("www"),
    interval_mode=st.sampled_from([None, "PercentageLifetime", "DaysAfterLastRenewal", "DaysBeforeExpiry", "other"]),
    interval_target=st.none() | st.integers(-10, 150),
    preferred_expiry_days=st.none() | st.integers(0, 400),
    start_utc_ms=_MOMENTS,
    expiry_utc_ms=_MOMENTS,
    renewed_utc_ms=_MOMENTS,
    scheduled_utc_ms=_MOMENTS,
    attempted_utc_ms=st.none() | st.integers(NOW - 400 * DAY_MS, NOW),
    status=st.none() | st.integers(0, 7),
    failures=st.integers(0, 12) | st.integers(999, 1001),
)
PREFERENCES = st.fixed_dictionaries({"renewalIntervalMode": _MODES, "renewalIntervalDays": _NUMBERS})


@given(CERTIFICATES, PREFERENCES, st.integers(NOW, NOW + 400 * DAY_MS), st.integers(0, 400 * DAY_MS))
def test_what_is_due_stays_due(item: ManagedCertificate, wishes: dict[str, Any], now: int, later: int) -> None:
    before, after = due(item, wishes, now), due(item, wishes, now + later)
    assert before.due <= after.due
    assert (before.due_utc_ms, before.rule) == (after.due_utc_ms, after.rule)
    assert before.due_utc_ms is None or before.due == (before.due_utc_ms <= now)


@given(CERTIFICATES, st.integers(NOW, NOW + 400 * DAY_MS))
def test_the_back_off_ends_when_it_says(item: ManagedCertificate, now: int) -> None:
    back = back_off(item, now)
    if back.until_utc_ms is not None:
        assert now < back.until_utc_ms <= (item.attempted_utc_ms or 0) + 2 * DAY_MS
        assert not back_off(item, back.until_utc_ms).holds
        assert back_off(item, back.until_utc_ms - 1) == back


@given(CERTIFICATES, PREFERENCES)
def test_only_what_is_due_is_held(item: ManagedCertificate, wishes: dict[str, Any]) -> None:
    found = due(item, wishes, NOW)
    assert found.due or not (found.held_for_good or found.held_until_utc_ms)
    assert found.text


def stored(item: ManagedCertificate) -> dict[str, Any]:
    """The item as the simulated product stores it."""
    dates = {
        "DateStart": item.start_utc_ms,
        "DateExpiry": item.expiry_utc_ms,
        "DateRenewed": item.renewed_utc_ms,
        "DateNextScheduledRenewalAttempt": item.scheduled_utc_ms,
        "DateLastRenewalAttempt": item.attempted_utc_ms,
    }
    fields = {
        "CustomRenewalIntervalMode": item.interval_mode,
        "CustomRenewalTarget": item.interval_target,
        "LastRenewalStatus": item.status,
        "RenewalFailureCount": item.failures,
        "RequestConfig": {"PreferredExpiryDays": item.preferred_expiry_days},
        **{name: None if at is None else clock(at).isoformat() for name, at in dates.items()},
    }
    return {name: value for name, value in fields.items() if value is not None}


def clock(utc_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=utc_ms)


@given(SANE, st.sampled_from(["PercentageLifetime", "DaysAfterLastRenewal", "DaysBeforeExpiry"]), st.integers(-5, 120))
def test_the_simulated_product_comes_to_the_same(item: ManagedCertificate, mode: str, number: int) -> None:
    if item.expiry_utc_ms is None and mode == "DaysBeforeExpiry":
        return
    wishes = {"renewalIntervalMode": mode, "renewalIntervalDays": number}
    ours = due(item, wishes, NOW)
    theirs = check(stored(item), {"RenewalIntervalMode": mode, "RenewalIntervalDays": number}, clock(NOW))
    assert (ours.due, ours.held_for_good) == (theirs.due, theirs.for_good)
    if not ours.held_for_good:
        until = theirs.hold_until and (theirs.hold_until - clock(0)) / timedelta(milliseconds=1)
        assert ours.held_until_utc_ms == (until and pytest.approx(until, abs=1))
