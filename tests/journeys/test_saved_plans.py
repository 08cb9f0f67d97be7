"""Plans that are saved, and applied later, on the real wire."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess

import pytest

from certify_automation.cli.origin import commit_of, origin_of
from certify_automation.model.outcome import ExitCode

from .conftest import Journey

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"


def test_a_saved_plan_is_private_and_applied_as_it_was_saved(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    assert healthy.run("plan", "-o", str(plan)).code == ExitCode.DRIFT
    if os.name != "nt":
        assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert healthy.run("apply", str(plan), "--json").hosts() == {MODERN: "changed"}
    assert healthy.run("plan").code == ExitCode.DONE


def test_a_saved_plan_is_carried_out_whatever_is_declared_since(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    healthy.run("plan", "-o", str(plan))
    state = healthy.folder / "fleet" / "state" / "baseline.yaml"
    state.write_text(re.sub(r"log_level: \w+", "log_level: verbose", state.read_text("utf-8")), "utf-8")
    applied = healthy.run("apply", str(plan), "--json")
    assert (applied.code, applied.hosts()) == (ExitCode.DONE, {MODERN: "changed"})
    assert healthy.run("plan", "--json").hosts() == {LEGACY: "changed", MODERN: "changed"}


def test_a_saved_plan_is_stale_on_a_host_that_has_changed(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    healthy.run("plan", "-o", str(plan))
    computer = healthy.lab.hosts[MODERN].computer
    computer.services.configure("Certify.Server.Core", "Manual")
    before = computer.dump()["services"]
    done = healthy.run("apply", str(plan), "--json")
    assert done.code == ExitCode.STALE_PLAN
    assert done.hosts()[MODERN].startswith("stale")
    assert computer.dump()["services"] == before


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d["plans"][0].update(host="web99.example.com"), "CA5014"),
        (lambda d: d.update(schema_version=0), "CA5013"),
        (lambda d: d.update(tool_version="0.0.1"), "CA5013"),
        (lambda d: d.update(kind="something else"), "CA5012"),
        (lambda d: d.pop("plans"), "CA5014"),
    ],
)
def test_a_plan_file_that_is_not_as_it_was_written(healthy: Journey, change: object, error: str) -> None:
    plan = healthy.folder / "fleet.plan.json"
    healthy.run("plan", "-o", str(plan))
    document = json.loads(plan.read_text("utf-8"))
    assert callable(change)
    change(document)
    plan.write_text(json.dumps(document), "utf-8")
    before = healthy.lab.dump()
    done = healthy.run("apply", str(plan))
    assert done.code == ExitCode.CONFIGURATION_ERROR
    assert error in done.err
    assert healthy.lab.dump() == before


def test_a_plan_file_that_is_not_there(healthy: Journey) -> None:
    done = healthy.run("apply", str(healthy.folder / "nowhere.json"))
    assert (done.code, "CA5011" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)


def test_a_plan_of_another_inventory(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    healthy.run("plan", "-o", str(plan))
    inventory = healthy.folder / "inventory.yaml"
    inventory.write_text(inventory.read_text("utf-8").replace("host002", "host009"), "utf-8")
    done = healthy.run("apply", str(plan))
    assert (done.code, "CA5007" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)


def test_a_saved_plan_without_a_plan_for_the_hosts_asked_for(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    healthy.run("plan", "-o", str(plan))
    done = healthy.run("apply", str(plan), "--limit", LEGACY)
    assert (done.code, done.out) == (ExitCode.CONFIGURATION_ERROR, "")
    assert f"CA5017: {plan} holds no plan for the hosts of --limit {LEGACY}" in done.err
    assert f"hint: it has plans for {MODERN}" in done.err


def test_a_saved_plan_of_a_fleet_that_was_as_declared(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    saved = healthy.run("plan", "-o", str(plan), "--limit", LEGACY)
    assert (saved.code, "there is nothing in it to apply" in saved.err) == (ExitCode.DONE, True)
    done = healthy.run("apply", str(plan))
    assert done.code == ExitCode.DONE
    assert f"{plan} holds no plan: no host was to be changed" in done.err


def test_a_saved_plan_cannot_be_widened(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    healthy.run("plan", "-o", str(plan))
    before = healthy.lab.dump()
    done = healthy.run("apply", str(plan), "--replace-malformed")
    assert (done.code, "CA5018" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)
    assert healthy.lab.dump() == before


def test_a_saved_plan_says_where_it_comes_from(healthy: Journey) -> None:
    plan = healthy.folder / "fleet.plan.json"
    git = ["git", "-C", str(healthy.folder / "fleet"), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *words], check=True)  # noqa: S603 - ours
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    healthy.run("plan", "-o", str(plan))
    applied = healthy.run("apply", str(plan))
    assert applied.code == ExitCode.DONE
    line = re.escape(f"applying {plan}: ") + r"\d+ (second|minute)s? old, " + f"from commit {head[:12]}"
    assert re.fullmatch(line, applied.err.splitlines()[0])
    logged = healthy.lab.hosts[MODERN].computer.events.rows()["entries"][-1]["text"]
    assert f"Commit: {head.strip()}\r\nBy: {origin_of(healthy.folder).by} on the controller" in logged


def test_a_commit_that_is_not_the_whole_truth_is_marked(healthy: Journey) -> None:
    repo = healthy.folder / "fleet"
    git = ["git", "-C", str(repo), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "state"], ["commit", "-q", "-m", "first"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)  # noqa: S603 - ours
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert commit_of(repo) == head.strip()
    with (repo / "state" / "baseline.yaml").open("a", encoding="utf-8") as baseline:
        baseline.write("# not committed\n")
    dirty = f"{head.strip()}-dirty"
    assert commit_of(repo) == dirty
    plan = healthy.folder / "fleet.plan.json"
    healthy.run("plan", "-o", str(plan))
    applied = healthy.run("apply", str(plan))
    assert applied.err.splitlines()[0].endswith(f"from commit {head[:12]}-dirty")
    logged = healthy.lab.hosts[MODERN].computer.events.rows()["entries"][-1]["text"]
    assert f"Commit: {dirty}\r\n" in logged


def test_an_apply_says_who_has_it_carried_out(healthy: Journey) -> None:
    healthy.run("apply", "--yes")
    logged = healthy.lab.hosts[MODERN].computer.events.rows()["entries"][-1]["text"]
    assert f"Commit: none\r\nBy: {origin_of(healthy.folder).by} on the controller" in logged
