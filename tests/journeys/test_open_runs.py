"""Runs that were cut off: reading reports them, an apply brings them to their end first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certify_automation.lab.faults import FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.lab.onhost import Cut, Point, VisitFaults
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"

IN_PLACE = 10
"""The effect of host002's apply that puts serviceconfig.json in place; the service has not been restarted yet."""

BEGUN = 4
"""An effect after the run has begun and before anything declared is changed."""


class OneCut(FaultRules):
    """Cuts the next visit that acts off, once it is told where."""

    def __init__(self) -> None:
        super().__init__()
        self.cut: Cut | None = None

    def visit(self, name: str) -> VisitFaults:
        faults = super().visit(name)
        if name == MODERN:
            faults.cut, self.cut = self.cut, None
        return faults


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[Journey]:
    """host002's apply was killed in the middle of it."""
    rules = OneCut()
    for journey in start(tmp_path, LabOptions(generated_hosts(2, 0), rules)):
        rules.cut = Cut(IN_PLACE, Point.AFTER)
        done = journey.run("apply", "--yes", "--json")
        assert (done.code, done.hosts()[MODERN][:7]) == (ExitCode.HOSTS_FAILED, "unknown")
        yield journey


def test_reading_reports_it_and_leaves_it_alone(cut_off: Journey) -> None:
    before = cut_off.lab.dump()
    planned = cut_off.run("plan", "--json", "--limit", MODERN)
    warnings = [warning["message"] for warning in planned.document()["hosts"][0]["warnings"]]
    assert any("cut off" in warning for warning in warnings), warnings
    status = cut_off.run("status", "--limit", MODERN)
    assert "open run" in status.out
    assert cut_off.run("status", "--json", "--limit", MODERN).document()["hosts"][0]["open_run"]
    assert cut_off.lab.dump() == before


def test_a_server_with_an_open_run_is_not_as_declared(tmp_path: Path) -> None:
    rules = OneCut()
    for journey in start(tmp_path, LabOptions(generated_hosts(2, 0), rules)):
        assert journey.run("apply", "--yes").code == ExitCode.DONE
        more = journey.folder / "fleet" / "state" / "more.yaml"
        text = f"version: 1\nname: more\napplies_to: {{hosts: [{MODERN}]}}\n"
        more.write_text(f"{text}service: {{config: {{log_level: debug}}}}\n", "utf-8")
        rules.cut = Cut(BEGUN, Point.AFTER)
        assert journey.run("apply", "--yes", "--json").hosts()[MODERN][:7] == "unknown"
        more.unlink()
        planned, status = journey.run("plan"), journey.run("status")
        assert (planned.code, status.code) == (ExitCode.DRIFT, ExitCode.DRIFT)
        assert f"no changes, but a run has no end on {MODERN}: " in planned.out
        assert "as declared" not in planned.out
        as_json = journey.run("plan", "--json").document()
        assert [bool(host["open_run"]) for host in as_json["hosts"]] == [False, True]
        assert journey.run("apply", "--yes").code == ExitCode.DONE
        assert journey.run("plan").code == ExitCode.DONE


def test_an_apply_brings_it_to_its_end_first(cut_off: Journey) -> None:
    done = cut_off.run("apply", "--yes", "--json", "--limit", MODERN)
    assert (done.code, done.hosts()) == (ExitCode.DONE, {MODERN: "changed"})
    (recovered,) = done.document()["hosts"][0]["recovered"]
    assert recovered["result"] == "rolled_back"
    assert cut_off.run("plan").code == ExitCode.DONE
    assert cut_off.run("status", "--json").document()["hosts"][1]["open_run"] is None


def test_a_person_is_told_what_was_brought_back(cut_off: Journey) -> None:
    done = cut_off.run("apply", "--yes", "--limit", MODERN)
    assert "brought to its end first: run " in done.out


def test_a_saved_plan_brings_it_to_its_end_and_is_carried_out_after_all(tmp_path: Path) -> None:
    rules, saved = OneCut(), str(tmp_path / "fleet.plan.json")
    for journey in start(tmp_path, LabOptions(generated_hosts(2, 0), rules)):
        journey.run("plan", "-o", saved)
        rules.cut = Cut(IN_PLACE, Point.AFTER)
        assert journey.run("apply", saved, "--json").hosts()[MODERN][:7] == "unknown"
        done = journey.run("apply", saved, "--json")
        assert (done.code, done.hosts()) == (ExitCode.DONE, {MODERN: "changed"})
        assert [run["result"] for run in done.document()["hosts"][0]["recovered"]] == ["rolled_back"]
        assert journey.run("plan").code == ExitCode.DONE
