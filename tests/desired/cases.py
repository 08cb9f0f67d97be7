"""Tables on disk: files of a repository, and what must come of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.desired import Fleet, load
from certify_automation.errors import ConfigurationError, Problem, Severity

CASES = Path(__file__).parent.parent / "cases"
INVENTORY = """version: 1
groups:
  web:
    hosts: {web01: {}, web02: {}}
"""


def table(folder: str) -> list[Any]:
    """Every case of every file in a folder of tests/cases, as a parameter that carries its name."""
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted((CASES / folder).glob("*.yaml"))
        for case in yaml.safe_load(path.read_text("utf-8"))
    ]


def write(folder: Path, case: Mapping[str, Any]) -> None:
    """The files of a case: texts as they are, `hex` as bytes; `state` and `inventory` name the usual ones."""
    files = {"inventory.yaml": case.get("inventory", INVENTORY), **case.get("files", {})}
    if "state" in case:
        files["state/a.yaml"] = case["state"]
    for name, content in files.items():
        if content is None:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes.fromhex(content["hex"]) if isinstance(content, dict) else content.encode("utf-8"))


def outcome(folder: Path) -> tuple[Fleet | None, tuple[Problem, ...]]:
    """The fleet, if the files can be used, and all problems."""
    try:
        fleet = load(folder, environ={})
    except ConfigurationError as error:
        return None, error.problems
    return fleet, fleet.warnings


def lines(problems: tuple[Problem, ...], folder: Path) -> list[str]:
    """Problems as the tables write them: `state/a.yaml:5:11 CA1201`, warnings with a `W` behind."""
    prefix = f"{folder}/"
    marks = {Severity.ERROR: "", Severity.WARNING: " W"}
    return [f"{str(p.position).removeprefix(prefix)} {p.id}{marks[p.severity]}" for p in problems]


def expect_problems(case: Mapping[str, Any], folder: Path) -> Fleet | None:
    """Writes a case, loads it, and compares every problem: place, id, severity, and the words it must have."""
    write(folder, case)
    fleet, problems = outcome(folder)
    shown = "\n".join(str(problem) for problem in problems).replace(f"{folder}/", "")
    assert sorted(lines(problems, folder)) == sorted(case.get("problems", [])), shown
    for words in case.get("says", []):
        assert words in shown, shown
    for words in case.get("never_says", []):
        assert words not in shown, shown
    return fleet
