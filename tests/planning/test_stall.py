from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.model.certificate import ManagedCertificate
from certify_automation.renewal import stalled
from planning.managed import DEFAULTS, certificate, inventory, moment, preferences
from planning.tables import table
from planning.test_due import CERTIFICATES, NOW, PREFERENCES

HOUR_MS = 3_600_000
KEYS = {"name", "now", "started", "certificates", "passes", "preferences", "stall", "evidence"}


@table("renewal/stall")
def test_a_scheduler_that_stands_still(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS
    found = inventory(
        *(certificate(item) for item in case["certificates"]),
        preferences=preferences(case.get("preferences")),
        passes=tuple(case.get("passes", ())),
        service_started_utc_ms=case["started"] and moment(case["started"]),
    )
    stall, expected = stalled(found, moment(case["now"])), case.get("stall")
    assert (stall is None) == (expected is None)
    if stall is not None:
        assert (stall.since_utc_ms, list(stall.ids)) == (moment(expected["since"]), expected["ids"])
        for sentence, part in zip(stall.evidence, case["evidence"], strict=True):
            assert part in sentence


@pytest.mark.parametrize("missing", ["preferences", "certificates"])
def test_what_was_not_answered_is_no_evidence(missing: str) -> None:
    due = certificate({"start": "2026-01-01", "expiry": "2026-03-01", "renewed": "2026-01-01"})
    long_ago = moment("2026-01-01")
    assert stalled(inventory(due, service_started_utc_ms=long_ago), NOW) is not None
    assert stalled(inventory(due, service_started_utc_ms=long_ago, **{missing: None}), NOW) is None


@given(
    st.lists(CERTIFICATES, max_size=4, unique_by=lambda item: item.id),
    PREFERENCES,
    st.integers(NOW - 9 * HOUR_MS, NOW + HOUR_MS),
)
def test_it_is_never_said_of_what_was_just_started_or_attempted(
    items: list[ManagedCertificate], wishes: dict[str, Any], started: int
) -> None:
    stall = stalled(inventory(*items, preferences={**DEFAULTS, **wishes}, service_started_utc_ms=started), NOW)
    if stall is not None:
        assert started <= stall.since_utc_ms <= NOW - HOUR_MS
        assert all((item.attempted_utc_ms or 0) <= NOW - HOUR_MS for item in items)
        assert set(stall.ids) <= {item.id for item in items if item.auto_renew}
