"""Everything that can be wrong with a host, at once in one fleet: each ends as its case says, none stops another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Ran, start

CASES = yaml.safe_load((Path(__file__).parent.parent / "cases" / "journeys" / "states.yaml").read_text("utf-8"))
FOREVER = "100%"


def host_name(case: dict[str, Any]) -> str:
    """A name whose first fifteen characters, the computer's name, no other case has."""
    return f"c{CASES.index(case):02}-{case['name'].lower().replace(' ', '-')}-{case['generation']}.lab.example"


def rule(case: dict[str, Any]) -> FaultRule:
    options = dict(case["fault"])
    return FaultRule(options.pop("fault"), (host_name(case),), options)


@dataclass
class Travelled:
    """One journey through the whole fleet."""

    before: dict[str, dict[str, object]]
    seen: dict[str, dict[str, object]]
    plan: Ran
    apply: Ran
    again: Ran


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Travelled]:
    hosts = tuple(HostSpec(host_name(case), case["generation"]) for case in CASES)
    rules = FaultRules(rule(case) for case in CASES if "fault" in case)
    for journey in start(tmp_path_factory.mktemp("states"), LabOptions(hosts, rules)):
        flags = ("--json", "--forks", str(len(CASES)), "--max-failures", FOREVER)
        before = journey.lab.dump()
        plan = journey.run("plan", *flags)
        seen = journey.lab.dump()
        yield Travelled(
            before, seen, plan, journey.run("apply", "--yes", *flags), journey.run("apply", "--yes", *flags)
        )


@pytest.mark.parametrize("case", CASES, ids=host_name)
def test_each_host_ends_as_its_case_says(case: dict[str, Any], travelled: Travelled) -> None:
    name = host_name(case)
    ended = {step: getattr(travelled, step).hosts()[name] for step in ("plan", "apply", "again")}
    assert ended == {step: case[step] for step in ended}


def test_the_exit_codes_are_the_worst_of_all_hosts(travelled: Travelled) -> None:
    assert travelled.plan.code == travelled.plan.document()["exit_code"] == ExitCode.HOSTS_FAILED
    assert travelled.apply.code == travelled.apply.document()["exit_code"] == ExitCode.HOSTS_FAILED


def test_a_plan_changes_no_byte_on_any_host(travelled: Travelled) -> None:
    for name, state in travelled.before.items():
        assert travelled.seen[name] == state, name


def test_no_traceback_and_no_defect_anywhere(travelled: Travelled) -> None:
    for ran in (travelled.plan, travelled.apply, travelled.again):
        assert "Traceback" not in ran.err
        assert "CA9" not in ran.out
