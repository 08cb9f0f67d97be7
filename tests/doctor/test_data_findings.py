"""Findings of data, configuration files, installation, renewals and surroundings, by tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from planning.certified import CLOCK_UTC_MS

from certify_automation.doctor.catalogue import catalogue
from certify_automation.doctor.configuration import CONFIGURATION
from certify_automation.doctor.data import DATA, good_backup
from certify_automation.doctor.diagnosis import Case, Rule
from certify_automation.doctor.installation import INSTALLATION
from certify_automation.doctor.renewals import RENEWALS
from certify_automation.doctor.surroundings import SURROUNDINGS
from certify_automation.model.finding import Evidence, Finding, Repair
from doctor.examined import facts

CASES = Path(__file__).resolve().parent.parent / "cases" / "doctor"
TABLES: dict[str, tuple[Rule, ...]] = {
    "data": DATA,
    "configuration": CONFIGURATION,
    "installation": INSTALLATION,
    "renewals": RENEWALS,
    "surroundings": SURROUNDINGS,
}
EVERY = tuple(rule for rules in TABLES.values() for rule in rules)


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{name}: {case['name']}")
        for name in TABLES
        for case in yaml.safe_load((CASES / f"{name}.yaml").read_text("utf-8"))
    ]


def found(case: dict[str, Any]) -> list[Finding]:
    now = CLOCK_UTC_MS + round(case["clock_behind_minutes"] * 60_000) if "clock_behind_minutes" in case else None
    judged = Case(facts(case), now_utc_ms=now)
    return [one for rule in EVERY for one in rule(judged) if one.severity != "hint" or case.get("hints")]


def shown(one: Evidence) -> str:
    return f"{one.source}:{one.line}: {one.text}"


@pytest.mark.parametrize("case", cases())
def test_findings(case: dict[str, Any]) -> None:
    findings = found(case)
    assert sorted(one.id for one in findings) == sorted(case["expect"])
    for finding_id, parts in case["expect"].items():
        one = next(one for one in findings if one.id == finding_id)
        assert one.repair == (parts or {}).get("repair", catalogue()[finding_id].repair)
        assert one.severity == (parts or {}).get("severity", catalogue()[finding_id].severity)
        for words in (parts or {}).get("says", []):
            assert words in " | ".join([one.cause, one.fix, one.person, *map(shown, one.evidence)])


@pytest.mark.parametrize("case", cases())
def test_every_finding_is_proved_and_says_what_is_to_be_done(case: dict[str, Any]) -> None:
    for one in found(case):
        assert one.cause
        assert one.fix
        assert one.evidence
        assert all(proof.source and proof.text for proof in one.evidence), one.evidence
        assert one.repair is Repair.PERSON or not one.person


@pytest.mark.parametrize("case", cases())
def test_a_visit_that_asked_for_less_finds_no_more(case: dict[str, Any]) -> None:
    whole = facts({**case, "hints": True})
    for less in (replace(whole, examination=None), replace(whole, certificates=None), replace(whole, logs={})):
        findings = [one for rule in EVERY for one in rule(Case(less))]
        allowed = {*case["expect"], "CA6501", "CA6805"}
        assert {one.id for one in findings} <= allowed


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"manageditems.db.bak": [8192, 0.1], "manageditems.db.bak.old": [12288, 1]}, "manageditems.db.bak.old"),
        ({"manageditems.db.bak": [12288, 0.1], "manageditems.db.bak.old": [12288, 1]}, "manageditems.db.bak"),
        (
            {"manageditems.db": [8192, 0.5], "manageditems.db.bak": [8192, 1], "manageditems.db.bak.old": [12288, 2]},
            "manageditems.db.bak.old",
        ),
        ({"manageditems.db": [8192, 0.5], "manageditems.db.bak": [8192, 1]}, "manageditems.db.bak"),
        ({"manageditems.db": [8192, 0.5], "manageditems.db.bak": [8192, 0.1]}, None),
    ],
    ids=["larger", "newer of two alike", "larger than the damage", "from before", "from after"],
)
def test_the_backup_most_likely_to_be_from_before_the_damage(data: dict[str, list[float]], name: str | None) -> None:
    backup = good_backup(facts({"name": "backups", "data": data}))
    assert (backup and backup.name) == name
