"""Findings about listening, http.sys, the product's files and exposure, by tables; what is true of all findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.declared import host_state

from certify_automation.doctor import catalogue, consequences_of, diagnose, roots
from certify_automation.doctor.answers import ANSWERS
from certify_automation.doctor.causes import related
from certify_automation.doctor.diagnosis import Case, Rule, finding
from certify_automation.doctor.exposure import EXPOSURE
from certify_automation.doctor.http_sys import HTTP_SYS
from certify_automation.doctor.listening import LISTENING
from certify_automation.doctor.ports import PORTS_OF_THE_API
from certify_automation.doctor.product_files import PRODUCT_FILES
from certify_automation.doctor.reservations import RESERVATIONS
from certify_automation.model.examination import Examination
from certify_automation.model.facts import Facts, ListenListFacts, ProductFacts
from certify_automation.model.finding import Evidence, Finding, Repair, Severity
from certify_automation.model.host import HostState
from doctor.examined import facts

CASES = Path(__file__).resolve().parent.parent / "cases" / "doctor"
TABLES = ("listening", "http_sys", "files", "exposure")
EVERY: tuple[Rule, ...] = (
    *LISTENING,
    *PORTS_OF_THE_API,
    *ANSWERS,
    *HTTP_SYS,
    *RESERVATIONS,
    *PRODUCT_FILES,
    *EXPOSURE,
)


def rows() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}: {case['name']}", case)
        for name in TABLES
        for case in yaml.safe_load((CASES / f"{name}.yaml").read_text("utf-8"))
    ]


CASES_OF_ALL = [pytest.param(case, id=name) for name, case in rows()]


def state(case: Mapping[str, Any]) -> HostState:
    return host_state(case.get("declares", {}))


def found(case: Mapping[str, Any]) -> tuple[Finding, ...]:
    judged = Case(facts(case), state(case))
    return related(one for rule in EVERY for one in rule(judged))


def shown(one: Evidence) -> str:
    return f"{one.source}:{one.line}: {one.text}" if one.line else f"{one.source}: {one.text}"


@pytest.mark.parametrize("case", CASES_OF_ALL)
def test_findings(case: dict[str, Any]) -> None:
    findings = found(case)
    assert {one.id: list(one.caused_by) for one in findings} == {
        finding_id: (parts or {}).get("after", []) for finding_id, parts in case["expect"].items()
    }
    for one in findings:
        parts = case["expect"][one.id] or {}
        assert one.repair == parts.get("repair", catalogue()[one.id].repair)
        assert one.severity == parts.get("severity", catalogue()[one.id].severity)
        told = " | ".join([one.cause, one.fix, one.person, *map(shown, one.evidence)])
        assert [words for words in parts.get("says", []) if words not in told] == []


@pytest.mark.parametrize("case", CASES_OF_ALL)
def test_every_finding_is_proved_and_says_what_is_to_be_done(case: dict[str, Any]) -> None:
    for one in found(case):
        assert one.cause
        assert one.fix
        assert one.evidence
        assert all(proof.source and proof.text for proof in one.evidence), one.evidence
        assert (one.repair is Repair.PERSON) >= bool(one.person)


def without(whole: Facts, name: str) -> Facts:
    """The facts as a host gives them that does not tell this part."""
    nothing: dict[str, Any] = {
        "files": {},
        "logs": {},
        "url_reservations": (),
        "url_owners": (),
        "sockets": (),
        "api": (),
        "data_files": (),
        "data_copies": (),
        "ssl_bindings": (),
        "managed": {},
        "product": ProductFacts(),
        "ip_listen": ListenListFacts(None, None, 1),
        "host": replace(whole.host, boot_utc_ms=None),
        "lock": whole.lock,
    }
    return replace(whole, **{name: nothing.get(name)})


@settings(deadline=None)
@given(
    case=st.sampled_from([case for _, case in rows()]),
    gone=st.sets(st.sampled_from([one.name for one in fields(Facts)]), max_size=6),
    unseen=st.sets(st.sampled_from([one.name for one in fields(Examination)]), max_size=20),
)
def test_whatever_is_not_told_it_never_fails(case: dict[str, Any], gone: set[str], unseen: set[str]) -> None:
    part = facts(case)
    if part.examination is not None:
        empty = Examination()
        part = replace(part, examination=replace(part.examination, **{name: getattr(empty, name) for name in unseen}))
    for name in sorted(gone):
        part = without(part, name)
    findings = diagnose(part, state(case))
    assert findings == diagnose(part, state(case))
    ids = {one.id for one in findings}
    assert all(set(one.caused_by) <= ids for one in findings)


ENTRIES = st.sampled_from(sorted(catalogue()))


@settings(deadline=None)
@given(st.lists(ENTRIES, max_size=12), st.randoms(use_true_random=False))
def test_order_and_folding_do_not_depend_on_the_order_of_the_rules(ids: list[str], chance: Any) -> None:
    made = [
        finding(one, f"cause {number}", [Evidence("a", "b")], subject=str(number)) for number, one in enumerate(ids)
    ]
    shuffled = chance.sample(made, len(made))
    told = related(made)
    assert told == related(shuffled)
    assert list(told) == sorted(told, key=lambda one: (one.severity.rank, one.id, one.subject))
    below = [one for root in roots(told) for one in consequences_of(root, told)]
    # Everything is told once: as a root, or below one.
    assert sorted([*roots(told), *below], key=repr) == sorted(told, key=repr)
    for root in roots(told):
        assert all(one.severity.rank >= root.severity.rank for one in consequences_of(root, told) if one.caused_by)
        assert root.severity is not Severity.HINT


def test_a_cause_weighs_as_much_as_what_follows_from_it() -> None:
    blank = finding("CA6302", "blank", [])
    disagree = finding("CA6101", "disagree", [])
    assert [(one.id, one.severity.value) for one in related([blank, disagree])] == [
        ("CA6101", "error"),
        ("CA6302", "error"),
    ]
    assert related([blank])[0].severity is Severity.WARNING
