"""Playbook files that cannot be used: every case of tests/cases/playbooks/invalid.yaml, and what no table holds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.desired.playbook import read_playbook
from certify_automation.errors import ConfigurationError
from desired.cases import CASES
from desired.playbook_cases import HEAD, repository

INVALID = yaml.safe_load((CASES / "playbooks" / "invalid.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", INVALID, ids=[case["name"] for case in INVALID])
def test_wrong_playbooks_are_explained(case: dict[str, Any], tmp_path: Path) -> None:
    fleet = repository(tmp_path, case.get("files", {}))
    with pytest.raises(ConfigurationError) as caught:
        read_playbook(case.get("run", "a"), fleet, case.get("given", {}))
    shown = "\n".join(map(str, caught.value.problems)).replace(f"{tmp_path}/", "")
    found = [f"{str(one.position).removeprefix(f'{tmp_path}/playbooks/')} {one.id}" for one in caught.value.problems]
    assert sorted(found) == sorted(case["problems"]), shown
    for words in case.get("says", []):
        assert words in shown, shown


def test_playbooks_that_multiply_come_to_an_end(tmp_path: Path) -> None:
    names = [f"a{n}" for n in range(12)]
    files = {
        name: HEAD.format(name) + "steps:\n" + f"  - run: {{playbook: {below}}}\n" * 20
        for name, below in pairwise(names)
    }
    files[names[-1]] = HEAD.format(names[-1]) + "steps:\n  - verify:\n"
    with pytest.raises(ConfigurationError) as caught:
        read_playbook("a0", repository(tmp_path, files), {})
    assert [problem.id for problem in caught.value.problems] == ["CA1617"]


def test_a_name_that_no_file_system_takes_is_not_there(tmp_path: Path) -> None:
    fleet = repository(tmp_path, {})
    for name in ("x" * 5000, "a\0b", "", "."):
        with pytest.raises(ConfigurationError, match="there is no playbook") as caught:
            read_playbook(name, fleet, {})
        assert str(caught.value.problems[0]).isprintable() or "\n" in str(caught.value.problems[0])
