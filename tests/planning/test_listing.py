"""What is said of every certificate of a host, in a table, in documents and in CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.model.certificate import ManagedCertificate
from certify_automation.renewal import Filters, ListedCertificate, Totals, Wanted, choose, listing
from certify_automation.report import certificate_json, certificate_row, certificates_csv, one_line
from planning.managed import certificate, inventory, moment, policy, preferences
from planning.tables import table
from planning.test_due import CERTIFICATES, PREFERENCES
from planning.test_renewal import FLEET, filters

NOW = moment("2026-11-23 10:00")
KEYS = {"name", "now", "policy", "preferences", "filters", "certificates", "listed", "warnings", "totals"}
DUE = {"start": "2026-09-01", "expiry": "2026-11-30", "renewed": "2026-09-01"}


@table("renewal/listing")
def test_what_is_said_of_each(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS
    items = [certificate(item, name="www") for item in case["certificates"]]
    found = inventory(*items, preferences=preferences(case.get("preferences")))
    declared = policy(case["policy"]) if "policy" in case else None
    listed = listing("web01", declared, found, filters(case.get("filters", {})), moment(case["now"]))
    assert [one.certificate.id for one in listed.certificates] == list(case["listed"])
    assert listed.totals == Totals(**case["totals"])
    assert [problem.id for problem in listed.warnings] == case.get("warnings", [])
    for one, expected in zip(listed.certificates, case["listed"].values(), strict=True):
        row, document = certificate_row(one), certificate_json(one)
        shown = {
            "status": row.status,
            "due": row.due,
            "expires": row.expires,
            "requested": one.requested,
            "hold": one.held and one.held.hold.value,
            "warnings": [warning["id"] for warning in json.loads(json.dumps(document))["warnings"]],
        }
        assert {name: shown[name] for name in expected if name != "why"} == {
            name: str(value) if name in {"due", "expires"} else value
            for name, value in expected.items()
            if name != "why"
        }
        assert expected.get("why", "") in row.why
        assert row.why


def test_a_host_that_did_not_say_lists_nothing() -> None:
    silent = replace(inventory(), certificates=None)
    assert listing("web01", None, silent, Filters(), NOW).certificates == ()
    assert listing("web01", None, replace(inventory(), preferences=None), Filters(), NOW).totals == Totals()


def listed(**fields: Any) -> ListedCertificate:
    found = inventory(certificate({**DUE, **fields}))
    (one,) = listing("web01", None, found, Filters(), NOW).certificates
    return one


def rows(*certificates: ListedCertificate) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(certificates_csv(certificates), newline="")))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1+1", "\t=1", "\r\n@x", "＝1", "－1"])  # noqa: RUF001 - other widths
def test_no_cell_is_a_formula(name: str) -> None:
    (row,) = rows(listed(name=name, failure_message=name, status="error", failures=1))
    assert row["name"][0] == row["failure_message"][0] == "'"


def test_csv_is_rfc_4180() -> None:
    text = certificates_csv([listed(name='Büro "Nord", 東京', identifiers=["a.example", "b.example"])])
    assert text.count("\r\n") == text.count("\n") == 2
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["name"] == 'Büro "Nord", 東京'
    assert row["identifiers"] == "a.example b.example"
    assert (row["expires"], row["due"], row["due_at"]) == ("2026-11-30T00:00:00Z", "yes", "2026-11-07T12:00:00Z")


def test_without_certificates_csv_has_its_headings() -> None:
    assert rows() == []
    assert certificates_csv([]).startswith("host,id,name,")


@given(st.text())
def test_others_words_stay_on_their_line(text: str) -> None:
    assert one_line(text).isprintable()
    row = certificate_row(listed(name=text, failure_message=text, status="error", failures=1))
    assert row.name.isprintable()
    assert row.why.isprintable()


@pytest.mark.parametrize("declared", [{}, {"max_per_run": 1}, {"retry_failed": False}])
def test_what_the_product_says_is_there_once_and_a_long_message_is_cut(declared: dict[str, Any]) -> None:
    failed = {**DUE, "attempted": "2026-11-20", "status": "error", "failures": 1, "failure_message": "no TXT\n" * 100}
    items = (certificate({**failed, "id": name}) for name in "ab")
    shown = listing("web01", policy(declared), inventory(*items), Filters(), NOW).certificates
    assert [one.why.count("the product says") for one in shown] == [1, 1]
    assert all(one.why.endswith("...") and len(one.why) < 500 for one in shown)


@given(items=FLEET, wishes=PREFERENCES, retry=st.booleans())
def test_what_is_listed_as_failing_is_requested_or_held(
    items: list[ManagedCertificate], wishes: dict[str, Any], *, retry: bool
) -> None:
    found, failing = inventory(*items, preferences=wishes), Filters(failing=True)
    declared = policy({"retry_failed": retry})
    listed = listing("web01", declared, found, failing, NOW).certificates
    choice = choose("web01", declared, found, Wanted(filters=failing), NOW)
    chosen = {change.id for change in choice.renew} | {held.id for held in choice.held}
    assert chosen == {one.certificate.id for one in listed if one.due is not None}


@given(CERTIFICATES, PREFERENCES, st.sampled_from([None, {"percent": 50}, {"ensure_valid_for": "21d"}]))
def test_whatever_a_host_says_can_be_shown(one: ManagedCertificate, wishes: Any, declared: Any) -> None:
    found = inventory(one, replace(one, id="2"), preferences=wishes)
    shown = listing("web01", None if declared is None else policy(declared), found, Filters(), NOW)
    assert len(shown.certificates) == shown.totals.certificates == 2
    for certificate_shown in shown.certificates:
        assert certificate_row(certificate_shown).why
        json.dumps(certificate_json(certificate_shown))
    assert len(rows(*shown.certificates)) == 2
    both = sorted((replace(one, host=host) for one in shown.certificates for host in "ab"), key=lambda one: one.urgency)
    assert [one.host for one in both] in (["a", "b", "a", "b"], ["a", "a", "b", "b"])


@given(
    CERTIFICATES,
    PREFERENCES,
    st.sampled_from(
        [
            {"percent": 50},
            {"ensure_valid_for": "21d", "jitter": "30d"},
            {"percent": 99, "jitter": "1d"},
            {"jitter": "9d"},
        ]
    ),
)
def test_what_is_due_is_one_notion(one: ManagedCertificate, wishes: Any, declared: Any) -> None:
    found, terms = inventory(one, preferences=wishes), policy(declared)
    (shown,) = listing("web01", terms, found, Filters(), NOW).certificates
    if shown.due is not None and shown.due.due_utc_ms is not None:
        assert shown.is_due == (shown.due.due_utc_ms <= NOW)
    only = listing("web01", terms, found, Filters(due=True), NOW)
    assert len(only.certificates) == only.totals.due == shown.is_due
    chosen = choose("web01", terms, found, Wanted(filters=Filters(due=True)), NOW)
    assert not (chosen.renew or chosen.held) or shown.is_due
