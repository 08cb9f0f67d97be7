"""docs/playbooks.md: what it says of names, playbooks and keys is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from certify_automation.desired import load
from certify_automation.desired.facts_view import VIEW
from certify_automation.desired.playbook import playbook_names, read_playbook
from certify_automation.desired.reference import schema
from certify_automation.model.playbook import Verb

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "playbooks.md").read_text("utf-8")
STEP_KEYS = {"name", "when", "on_failure"}
INVENTORY = """version: 1
defaults: {connection: {username: u, password: "${env:P}"}}
groups: {web: {hosts: {web01: {}, web02: {labels: {ring: canary}}}}}
"""


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """First cell without its backticks -> the other cells."""
    found = [[cell.strip() for cell in line.split(" |")] for line in text.splitlines() if line.startswith("| `")]
    return {first.removeprefix("| `").removesuffix("`"): tuple(others[:-1]) for first, *others in found}


def test_the_names_of_expressions_are_those_there_are() -> None:
    assert rows(section("Expressions")) == {name: (text,) for name, text in VIEW.items()}


def test_the_playbooks_that_ship_are_told_with_their_parameters(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text(INVENTORY, "utf-8")
    fleet = load(tmp_path, environ={}, state_needed=False)
    told = rows(section("Those that ship"))
    assert sorted(told) == [name for name, _ in playbook_names(tmp_path)]
    for name, (_, parameters) in told.items():
        named = re.findall(r"`(\w+)`", parameters)
        given = {"port": "9700", "issuer": "a", "expected_major": "7"}
        made = read_playbook(name, fleet, {key: value for key, value in given.items() if key in named})
        assert sorted(made.parameters) == sorted(named)


def test_the_example_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text(INVENTORY, "utf-8")
    (tmp_path / "playbooks").mkdir()
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "playbooks" / "quiet-logs.yaml").write_text(example, "utf-8")
    made = read_playbook("quiet-logs", load(tmp_path, environ={}, state_needed=False), {"level": "error"})
    assert [step.verb for step in made.steps] == [Verb.DOCTOR, Verb.APPLY, Verb.WAIT_FOR, Verb.ASSERT]


def test_every_verb_with_its_parameters_is_told() -> None:
    definitions = schema("playbook")["$defs"]
    verbs = {name: rule for name, rule in definitions["step"]["properties"].items() if name not in STEP_KEYS}
    told = rows(section("Writing one").partition("| verb |")[2])
    assert set(told) == set(verbs)
    for verb, (text,) in told.items():
        rule = definitions.get(verb, verbs[verb])
        assert [name for name in rule.get("properties", {}) if f"`{name}`" not in text and name != "playbook"] == []
