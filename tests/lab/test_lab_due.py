"""The simulated product's own rules of what is due, by table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.certify import due

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent.parent / "cases" / "lab" / "due.yaml").read_text("utf-8")
)


def stored(value: Any) -> Any:
    """An item of the table as the database keeps it: dates are texts with an offset."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat()
    return {name: stored(part) for name, part in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_due(case: dict[str, Any]) -> None:
    settings = {"RenewalIntervalMode": "PercentageLifetime", "RenewalIntervalDays": 75, **case.get("settings", {})}
    now = case["now"].replace(tzinfo=UTC)
    found = due.check(stored(case["item"]), settings, now)
    seen = {
        "due": found.due,
        "hold_until": found.hold_until,
        "for_good": found.for_good,
        "planned": found.planned,
        "next": due.next_moment(stored(case["item"]), settings, now),
    }
    expected = dict(case["expect"])
    assert expected.pop("reason", "") in found.reason
    wanted = {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for name, value in expected.items()
    }
    assert {name: seen[name] for name in wanted} == wanted


def test_every_case_says_what_is_due() -> None:
    assert all("due" in case["expect"] for case in CASES)
    assert len({case["name"] for case in CASES}) == len(CASES)
