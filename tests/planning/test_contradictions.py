from __future__ import annotations

from pathlib import Path
from typing import Any

from certify_automation.desired import contradictions, load
from planning.declared import host_state
from planning.tables import table

INVENTORY = "version: 1\ngroups:\n  web:\n    hosts: {web01: {}}\n"


@table("contradictions")
def test_what_is_declared_otherwise_is_named_where_it_is_declared(case: Any, tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text(INVENTORY, "utf-8")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "a.yaml").write_text(case["state"], "utf-8")
    host = load(tmp_path, environ={}).hosts["web01"]
    found = contradictions(host, host_state(case["wanted"]))
    assert {problem.id for problem in found} <= {"CA1282"}
    told = [f"{problem.position} {problem.message}".removeprefix(f"{tmp_path}/") for problem in found]
    assert told == case["problems"]
