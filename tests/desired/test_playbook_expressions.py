"""Expressions of playbooks: what they come to, and that what they may do ends there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from certify_automation.desired.expressions import ExpressionFailed, evaluated, holds, names_used, syntax_fault
from desired.cases import CASES

TABLE = yaml.safe_load((CASES / "playbooks" / "expressions.yaml").read_text("utf-8"))
VIEW: dict[str, object] = {
    "facts": {"api": {"answers": True, "urls": ["a", "b"]}, "version": "7.1", "total": None, "keys": 3},
    "findings": ["CA6101", "files_disagree"],
    "host": {"vars": {"evil": "{{ facts.version }}"}},
    "parameters": {"port": 9700},
}


@pytest.mark.parametrize("case", TABLE, ids=[str(case.get("text", case.get("template"))) for case in TABLE])
def test_what_an_expression_comes_to(case: dict[str, Any]) -> None:
    def found() -> object:
        return holds(case["text"], VIEW) if "text" in case else evaluated(case["template"], VIEW)

    if "gives" in case:
        assert found() == case["gives"]
        assert type(found()) is type(case["gives"])
        return
    with pytest.raises(ExpressionFailed) as caught:
        found()
    assert caught.value.exit_code == 3
    for words in case["fails"]:
        assert words in f"{caught.value} {caught.value.hint}"


def test_what_cannot_be_compiled_is_known_before_any_host_is() -> None:
    deep = f"{'(' * 3000}1{')' * 3000}"
    for text in ("(", "a b", "", "{{ a }}", deep, "a | nofilter"):
        assert syntax_fault(text), text
    assert syntax_fault("{{ a", template=True)
    assert syntax_fault("{{ a }}", template=True) == ""
    assert syntax_fault("a.b['c'] == 1") == ""


def test_the_names_an_expression_takes_from_outside() -> None:
    assert names_used("facts.a == parameters.b") == {"facts", "parameters"}
    assert names_used("{% set facts = host %}{{ facts.x }}", template=True) == {"host"}
