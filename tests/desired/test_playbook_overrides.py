"""Overrides of a playbook's step against what is declared: every case of tests/cases/playbooks/overrides.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.desired.overrides import overridden
from certify_automation.desired.playbook import read_playbook
from certify_automation.desired.playbook_steps import step_values
from certify_automation.errors import ConfigurationError
from desired.cases import CASES
from desired.playbook_cases import HEAD, repository
from desired.test_tables import _seen

TABLE = yaml.safe_load((CASES / "playbooks" / "overrides.yaml").read_text("utf-8"))
PLAYBOOK = """parameters:
  text: {{type: string, description: t, default: x}}
steps:
  - apply:
      overrides: {}
"""


@pytest.mark.parametrize("case", TABLE, ids=[case["name"] for case in TABLE])
def test_overrides_against_what_is_declared(case: dict[str, Any], tmp_path: Path) -> None:
    text = HEAD.format("a") + PLAYBOOK.format(json.dumps(case["overrides"]))
    fleet = repository(tmp_path, {"a": text}, f"version: 1\napplies_to: all\n{case['state']}")
    (step,) = read_playbook("a", fleet, {}).steps
    overrides, whole = step_values(step, {})["overrides"], case.get("whole", False)
    if "problems" in case:
        with pytest.raises(ConfigurationError) as caught:
            overridden(fleet.hosts["web01"], fleet, step, overrides, whole=whole)
        shown = "\n".join(map(str, caught.value.problems)).replace(f"{tmp_path}/", "")
        places = [f"{str(one.position).removeprefix(f'{tmp_path}/')} {one.id}" for one in caught.value.problems]
        assert sorted(places) == sorted(case["problems"]), shown
        assert all(words in shown for words in case.get("says", [])), shown
        return
    found = overridden(fleet.hosts["web01"], fleet, step, overrides, whole=whole)
    assert {key: _seen(found, key, tmp_path) for key in case["web01"]} == case["web01"]


def test_the_files_of_the_product_are_rendered_by_the_templates_of_the_repository(tmp_path: Path) -> None:
    fleet = repository(tmp_path, {"a": HEAD.format("a") + PLAYBOOK.format("{service: {config: {port: 9700}}}")})
    (tmp_path / "templates").mkdir()
    template = '{"Port": {{ properties.Port }}, "LogLevel": "debug"}'
    (tmp_path / "templates" / "serviceconfig.json.j2").write_text(template, "utf-8")
    (step,) = read_playbook("a", fleet, {}).steps
    found = overridden(fleet.hosts["web01"], fleet, step, step_values(step, {})["overrides"], whole=False)
    assert json.loads(found.files["serviceconfig.json"]) == {"Port": 9700, "LogLevel": "debug"}
    assert fleet.hosts["web01"].files == {}
