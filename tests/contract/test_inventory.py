from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.certify import Caller
from certify_automation.lab.hosts import build, mixed_hosts
from certify_automation.lab.windows import DirectoryFiles, StillClock
from contract.comparing import at, check_schema, comparable, left_behind
from contract.engine import HERE, Engine, Visit
from contract.hosts import NOW, Host, make_host
from contract.paths import Paths
from contract.simulated import simulated_reply

CASES = yaml.safe_load((HERE.parent / "cases" / "contract" / "inventory.yaml").read_text("utf-8"))
NAMES = [case["name"] for case in CASES]


def parameters(case: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"host": "127.0.0.2", "port": 9696, "https": False, **case.get("endpoint", {})}
    certificates = {"access": "caller", "tls": False, **case.get("certificates", {})}
    return {"observe": {"endpoint": endpoint, "ports": [9696], "run": None}, "certificates": certificates}


@pytest.fixture(scope="module")
def answered(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Host, dict[str, Any], Any]]:
    """Each case's host and reply, from one engine; and what was on the host before."""
    hosts = [make_host(case, tmp_path_factory.mktemp("engine")) for case in CASES]
    before = [left_behind(host) for host in hosts]
    visits = [Visit("Inventory", parameters(case), host.commands()) for case, host in zip(CASES, hosts, strict=True)]
    replies = engine.visits(visits)
    return {case["name"]: found for case, *found in zip(CASES, hosts, replies, before, strict=True)}  # type: ignore[misc]


def test_certificates_of_a_fleet_are_told_alike(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Both look at the same computers, which looking does not change: their keys are made anew each time."""
    hosts = []
    for spec in mixed_hosts():
        root = tmp_path_factory.mktemp("engine")
        built = build(spec, 3, StillClock(NOW), DirectoryFiles(root))
        hosts.append(Host(built.computer, Paths(root), Caller.ADMINISTRATOR, administrator=True))
    asked = parameters({"certificates": {"tls": True}})
    replies = engine.visits([Visit("Inventory", asked, host.commands()) for host in hosts])
    expected = [simulated_reply(host, "Inventory", asked) for host in hosts]
    assert [comparable(reply) for reply in replies] == [comparable(reply) for reply in expected]
    found = [reply["value"]["certificates"] for reply in replies]
    assert {one["failure"] and one["failure"]["code"] for one in found} == {None}
    assert any(one["tls"]["bindings"] for one in found)
    assert len({item["status"] for one in found for item in one["items"]}) > 2


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_scripts_and_the_lab_bring_home_the_same(case: dict[str, Any], answered: Any, tmp_path: Path) -> None:
    _, reply, _ = answered[case["name"]]
    expected = simulated_reply(make_host(case, tmp_path), "Inventory", parameters(case))
    assert comparable(reply) == comparable(expected)
    check_schema("facts", expected["value"])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_certificates_are_as_the_contract_says(case: dict[str, Any], answered: Any) -> None:
    _, reply, _ = answered[case["name"]]
    check_schema("facts", reply["value"])
    for path, wanted in case["expect"].items():
        assert at(reply["value"]["certificates"], path) == wanted, path


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_looking_changes_no_byte(case: dict[str, Any], answered: Any) -> None:
    host, _, before = answered[case["name"]]
    assert left_behind(host) == before


def test_the_start_of_the_service_is_that_of_its_process(answered: Any) -> None:
    host, reply, _ = answered["v6 without certificates"]
    service = host.computer.services.get("Certify.Service")
    begun = host.computer.services.begun[service.process_id]
    assert reply["value"]["certificates"]["service_started_utc_ms"] == round(begun.timestamp() * 1000)
    assert begun >= NOW


def test_a_visit_through_standard_input_reads_the_same(engine: Engine, answered: Any) -> None:
    case = CASES[1]
    host, reply, _ = answered[case["name"]]
    assert engine.visit(Visit("Inventory", parameters(case), host.commands())) == reply
