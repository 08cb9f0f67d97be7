from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.certify import Caller
from certify_automation.lab.hosts import build, mixed_hosts
from certify_automation.lab.windows import DirectoryFiles, StillClock, Win32Error
from contract.comparing import at, check_schema, comparable, left_behind
from contract.engine import HERE, Engine, Visit
from contract.hosts import NOW, Host, make_host
from contract.paths import Paths
from contract.simulated import simulated_reply
from contract.task_process import TaskProcesses
from contract.test_inventory import parameters

CASES = yaml.safe_load((HERE.parent / "cases" / "contract" / "examine.yaml").read_text("utf-8"))
NAMES = [case["name"] for case in CASES]
DENIED = yaml.safe_load((HERE.parent / "cases" / "contract" / "examine-denied.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def answered(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Host, dict[str, Any], Any]]:
    """Each case's host and reply, from one engine; and what was on the host before."""
    hosts = [make_host(case, tmp_path_factory.mktemp("engine")) for case in CASES]
    before = [left_behind(host) for host in hosts]
    visits = [
        Visit("Examine", parameters(case), host.commands(), case.get("deadline", 60))
        for case, host in zip(CASES, hosts, strict=True)
    ]
    replies = engine.visits(visits)
    return {case["name"]: found for case, *found in zip(CASES, hosts, replies, before, strict=True)}  # type: ignore[misc]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_scripts_and_the_lab_bring_home_the_same(case: dict[str, Any], answered: Any, tmp_path: Path) -> None:
    _, reply, _ = answered[case["name"]]
    twin = make_host(case, tmp_path)
    expected = simulated_reply(twin, "Examine", parameters(case), deadline=case.get("deadline", 60))
    assert comparable(reply) == comparable(expected)
    check_schema("facts", expected["value"])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_what_is_found_is_as_the_contract_says(case: dict[str, Any], answered: Any) -> None:
    _, reply, _ = answered[case["name"]]
    assert reply["ok"], reply
    check_schema("facts", reply["value"])
    found = comparable(reply)["value"]
    for path, wanted in case["expect"].items():
        assert at(found, path) == wanted, path
    for path, wanted in case.get("count", {}).items():
        assert len(at(found, path)) == wanted, path


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_examining_changes_no_byte(case: dict[str, Any], answered: Any) -> None:
    host, _, before = answered[case["name"]]
    assert left_behind(host) == before


def test_a_fleet_is_examined_alike(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    hosts = []
    for spec in mixed_hosts():
        root = tmp_path_factory.mktemp("engine")
        built = build(spec, 3, StillClock(NOW), DirectoryFiles(root))
        hosts.append(Host(built.computer, Paths(root), Caller.ADMINISTRATOR, administrator=True))
    asked = parameters({})
    replies = engine.visits([Visit("Examine", asked, host.commands()) for host in hosts])
    expected = [simulated_reply(host, "Examine", asked) for host in hosts]
    assert [comparable(reply) for reply in replies] == [comparable(reply) for reply in expected]


def test_where_no_service_runs_no_task_is_made(answered: Any) -> None:
    _, reply, _ = answered["a service that is stopped, asked with a task"]
    assert reply["value"]["certificates"]["failure"]["message"] == "no service of the product runs"


def test_a_task_asks_where_the_product_listens(engine: Engine, tmp_path: Path) -> None:
    case = {"product": {"generation": "v6"}, "endpoint": {"port": 9796}, "certificates": {"access": "task"}}
    host = make_host(case, tmp_path)
    with TaskProcesses(engine, host) as processes:
        reply = engine.visit(Visit("Examine", parameters(case), host.commands()))
    assert processes.written == []
    found = reply["value"]["certificates"]
    assert (found["failure"], found["total"], found["access"]) == (None, 0, "task")


@pytest.mark.parametrize("case", DENIED, ids=[case["name"] for case in DENIED])
def test_what_cannot_be_read_takes_nothing_else_with_it(case: dict[str, Any], engine: Engine, tmp_path: Path) -> None:
    """Each part fails by itself, as Windows makes it fail; all others come as they do without that."""
    host = make_host({"computer": {"caller": "administrator"}, "product": {"generation": "v6"}}, tmp_path)
    whole = engine.visit(Visit("Examine", parameters({}), host.commands()))
    commands = host.commands()
    struck = []

    def deny(command: str, arguments: Any) -> None:
        if command == case["command"] and case.get("part", "") in str(arguments):
            struck.append(command)
            raise Win32Error(5, command)

    commands.before = deny
    reply = engine.visit(Visit("Examine", parameters({}), commands))
    assert struck
    check_schema("facts", reply["value"])
    assert at(reply["value"], case["member"]) == case["then"]
    found, expected = (comparable(one)["value"] for one in (reply, whole))
    part, _, member = case["member"].rpartition(".")
    for facts in (found, expected):
        del (at(facts, part) if part else facts)[member]
    assert found == expected
