"""The catalogue of findings is complete and consistent, and the page in docs says what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from certify_automation.doctor.catalogue import Entry, catalogue, entry
from certify_automation.doctor.page import findings_page
from certify_automation.errors import UsageError
from certify_automation.model.finding import Repair, Severity

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "findings.md"
DATA = ROOT / "certify_automation" / "doctor" / "findings.yaml"


@pytest.mark.parametrize("one", catalogue().values(), ids=lambda one: one.id)
def test_every_finding_has_all_its_texts(one: Entry) -> None:
    texts = {"title": one.title, "symptom": one.symptom, "text": one.text, "fix": one.fix, "risk": one.risk}
    assert [name for name, text in texts.items() if not text.strip()] == []
    assert re.fullmatch(r"CA6\d{3}", one.id)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", one.name)


def test_ids_and_names_are_unique() -> None:
    records = yaml.safe_load(DATA.read_text("utf-8"))
    assert len({one["id"] for one in records}) == len({one["name"] for one in records}) == len(records)
    assert [one["id"] for one in records] == sorted(one["id"] for one in records)


def test_causes_exist_and_nothing_causes_itself() -> None:
    for one in catalogue().values():
        assert set(one.caused_by) <= set(catalogue()), one.id
        assert one.id not in one.caused_by


def test_causes_form_no_circle() -> None:
    def above(finding_id: str, seen: tuple[str, ...]) -> None:
        assert finding_id not in seen, f"{' <- '.join((*seen, finding_id))}"
        for cause in catalogue()[finding_id].caused_by:
            above(cause, (*seen, finding_id))

    for finding_id in catalogue():
        above(finding_id, ())


def test_a_hint_follows_from_something() -> None:
    hints = [one for one in catalogue().values() if one.severity is Severity.HINT]
    assert hints
    assert all(one.caused_by for one in hints)


def test_the_page_in_docs_is_generated_from_the_catalogue() -> None:
    assert PAGE.read_text("utf-8") == findings_page(catalogue().values())


def test_the_page_links_only_to_its_own_sections() -> None:
    page = findings_page(catalogue().values())
    anchors = set(re.findall(r'<a id="(ca\d{4})"></a>', page))
    assert anchors == {finding_id.lower() for finding_id in catalogue()}
    assert set(re.findall(r"\]\(#(ca\d{4})\)", page)) <= anchors


def test_one_section_stands_alone() -> None:
    one = catalogue()["CA6101"]
    section = findings_page([one])
    assert section.startswith("## CA6101 files_disagree: serviceconfig.json and servers.json disagree\n")
    assert section.endswith("\n")
    assert not section.endswith("\n\n")
    assert section.strip() in findings_page(catalogue().values())


@pytest.mark.parametrize("text", ["CA6101", "ca6101", " files_disagree ", "Files-Disagree"])
def test_an_entry_is_known_by_id_and_by_name(text: str) -> None:
    found = entry(text)
    assert (found.id, found.severity, found.repair) == ("CA6101", Severity.ERROR, Repair.AUTOMATIC)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("files_disagre", "did you mean CA6101 (files_disagree)"),
        ("data_base_missing", "CA6402 (database_missing)"),
        ("", "`certify-automation doctor --explain all` shows all findings"),
        ("x" * 5000, "`certify-automation doctor --explain all` shows all findings"),
    ],
)
def test_an_unknown_entry_is_refused_with_what_is_near(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        entry(text)
    assert caught.value.id == "CA5041"
    assert hint in caught.value.hint


def test_an_entry_as_a_document() -> None:
    document = entry("database_missing").to_json()
    assert document["id"] == "CA6402"
    assert document["repair"] == "remediate --allow-data"
    assert set(document) == set(Entry.__slots__)  # type: ignore[attr-defined]
