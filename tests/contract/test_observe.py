from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.comparing import at, check_schema, comparable, left_behind
from contract.engine import HERE, Engine, Visit
from contract.hosts import NOW, Host, make_host
from contract.simulated import simulated_reply

CASES = yaml.safe_load((HERE.parent / "cases" / "contract" / "observe.yaml").read_text("utf-8"))
NAMES = [case["name"] for case in CASES]


def parameters(case: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"host": "127.0.0.2", "port": 9696, "https": False, **case.get("endpoint", {})}
    return {"endpoint": endpoint, "ports": case.get("ports", [9696, 80]), "run": None}


@pytest.fixture(scope="module")
def answered(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Host, dict[str, Any], Any]]:
    """Each case's host and reply, from one engine; and what was on the host before."""
    hosts = [make_host(case, tmp_path_factory.mktemp("engine")) for case in CASES]
    before = [left_behind(host) for host in hosts]
    visits = [Visit("Observe", parameters(case), host.commands()) for case, host in zip(CASES, hosts, strict=True)]
    replies = engine.visits(visits)
    return {case["name"]: found for case, *found in zip(CASES, hosts, replies, before, strict=True)}  # type: ignore[misc]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_scripts_and_the_lab_observe_the_same(case: dict[str, Any], answered: Any, tmp_path: Path) -> None:
    _, reply, _ = answered[case["name"]]
    expected = simulated_reply(make_host(case, tmp_path), "Observe", parameters(case))
    assert comparable(reply) == comparable(expected)
    if expected["ok"]:
        check_schema("facts", expected["value"])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_facts_are_as_the_contract_says(case: dict[str, Any], answered: Any) -> None:
    _, reply, _ = answered[case["name"]]
    if "refused" in case:
        assert reply["error"]["code"] == case["refused"]
        return
    check_schema("facts", reply["value"])
    for path, wanted in case.get("expect", {}).items():
        assert at(reply["value"], path) == wanted, path
    managed = {one["name"]: one["value"] for one in reply["value"]["managed"]}
    assert managed.items() >= case.get("managed", {}).items()


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_observing_changes_no_byte(case: dict[str, Any], answered: Any) -> None:
    host, _, before = answered[case["name"]]
    assert left_behind(host) == before


def test_a_visit_through_standard_input_reads_the_same(engine: Engine, answered: Any) -> None:
    case = CASES[0]
    host, reply, _ = answered[case["name"]]
    assert engine.visit(Visit("Observe", parameters(case), host.commands())) == reply


def test_times_of_database_files_are_those_of_the_disk(answered: Any) -> None:
    _, reply, _ = answered["databases, their backups, and copies made by hand"]
    entries = reply["value"]["data"]["files"]
    assert [entry["name"] for entry in entries] == ["manageditems.db", "manageditems.db-wal", "manageditems.db.bak.old"]
    assert {entry["written_utc_ms"] for entry in entries} == {round(NOW.timestamp() * 1000)}
