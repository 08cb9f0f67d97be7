"""What each symptom means, case by case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.remote.faults import _BY_NAME, Symptom, error_of, fault_of

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((Path(__file__).parent.parent / "cases" / "faults").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text("utf-8"))
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["symptom"]))
def test_symptom(case: dict[str, Any]) -> None:
    symptom = Symptom(**case["symptom"])
    fault = fault_of(symptom)
    assert fault.retry == case["retry"]
    assert (fault.error.__name__, fault.id) == (case["error"], case["id"])
    raised = error_of(symptom, "https://web01:5986/wsman")
    assert type(raised).__name__ == case["error"]
    assert raised.message.startswith("https://web01:5986/wsman: ")


def test_every_name_has_a_case() -> None:
    assert set(_BY_NAME) <= {case["symptom"].get("name") for case in CASES}


def test_what_differs_is_said_differently() -> None:
    sentences: dict[str, str] = {}
    for case in CASES:
        fault = fault_of(Symptom(**case["symptom"]))
        assert sentences.setdefault(fault.message, fault.id) == fault.id
        assert fault.message[0].islower()
        assert not fault.message.endswith(".")


def test_the_other_ends_own_words_are_shown() -> None:
    symptom = Symptom(code=2150859180, detail="Zugriff auf die Remoteshell ist nicht erlaubt.")
    assert "(code 2150859180; Zugriff auf die Remoteshell ist nicht erlaubt.)" in error_of(symptom, "x").message
