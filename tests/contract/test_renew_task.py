"""Renewals that a scheduled task of SYSTEM asks for: its process, and what is left when one of the two is cut off."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.tasks import SERVICE, Task
from contract.engine import Engine, Killed
from contract.hosts import AUTOMATION
from contract.renew_scene import PREFERENCES, RenewScene, make_scene, statuses, told
from contract.task_process import TaskProcesses

CASE: dict[str, Any] = {
    "name": "a task",
    "generation": "v6",
    "items": ["web-1", "web-2"],
    "renew": ["web-1", "web-2"],
    "preferences": [["renewalIntervalDays", 75, 60]],
}
API = f"{AUTOMATION}\\api"
RENEWED = {"web-1": "renewed", "web-2": "renewed"}
NOT_RUN = {"web-1": "not_run", "web-2": "not_run"}


def make(root: Path, **changed: Any) -> RenewScene:
    return make_scene({**CASE, **changed}, root, "task")


def at(command: str, matching: str, act: Callable[[], None], place: int = 1) -> Callable[[str, Any], None]:
    """Acts before the command of that place among those whose arguments, as JSON, have such a part."""
    seen = []

    def before(asked: str, arguments: Any) -> None:
        if asked == command and re.search(matching, json.dumps(arguments, sort_keys=True)):
            seen.append(asked)
            if len(seen) == place:
                act()

    return before


def task_of(scene: RenewScene) -> str:
    """The id of the one task there is."""
    (entry,) = scene.host.computer.files.entries(API)
    return entry.name


def kill() -> None:
    raise Killed


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_a_task_does_what_a_network_logon_may_not(engine: Engine, tmp_path: Path, generation: str) -> None:
    scene = make(tmp_path, generation=generation)
    with TaskProcesses(engine, scene.host) as processes:
        renewed = scene.renewed(engine)
    assert (renewed["refusal"], told(renewed), statuses(renewed)) == (None, "done", RENEWED)
    assert processes.written == []
    assert scene.settings()["RenewalIntervalDays"] == 60
    found = renewed["facts"]["certificates"]
    assert (found["access"], found["failure"], found["preferences"]["renewalIntervalDays"]) == ("task", None, 60)
    assert {one["thumbprint"] for one in found["items"]} == {one["thumbprint"] for one in renewed["renewals"]}
    assert renewed["facts"]["lock"] == {"held": False, "holder": None}
    scene.check_requests()
    scene.check_tidy()
    simulated = make(tmp_path / "lab", generation=generation).simulated()
    assert (told(simulated), statuses(simulated)) == (told(renewed), statuses(renewed))


def test_what_the_task_is_registered_as(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    tasks: list[Task] = []
    look = at(
        "schtasks.exe",
        "/Run",
        lambda: tasks.append(scene.host.computer.tasks.get(f"certify-automation-api-{task_of(scene)}")),
    )
    with TaskProcesses(engine, scene.host) as processes:
        scene.renewed(engine, look)
    (found,) = (task.definition for task in tasks)
    assert (found.user, found.highest, found.on_batteries, found.enabled) == ("S-1-5-18", True, True, True)
    assert (found.at_boot, found.every, found.time_limit) == (False, None, "PT12M")
    assert processes.asked[0][0] == "schtasks.exe"
    text = found.arguments.removeprefix('-NoProfile -NonInteractive -Command "').removesuffix('"')
    assert not [part for part in ('"', "$(", "%") if part in text]
    told_file = tmp_path / "told.ps1"
    told_file.write_text(f"{text}\n", "ascii")
    judged = subprocess.run(  # noqa: S603 - the engine the tests were told to use
        [engine.program, "--check-51", str(told_file)], capture_output=True, text=True, check=False
    )
    if "not recognized" in judged.stdout + judged.stderr:
        pytest.skip("this PowerShell is no judge of 5.1 syntax")
    assert "1 files, 0 errors, 0 warnings" in judged.stdout, judged.stdout


def test_whatever_the_language(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path, computer={"culture": "tr-TR"})
    with TaskProcesses(engine, scene.host):
        renewed = scene.renewed(engine)
    assert (told(renewed), statuses(renewed)) == ("done", RENEWED)
    scene.check_tidy()


def check_refused(scene: RenewScene, renewed: dict[str, Any]) -> None:
    """The task gave nothing, and nothing was done."""
    assert renewed["refusal"]["code"] == "api_task"
    assert (told(renewed), statuses(renewed)) == ("not_run", NOT_RUN)
    assert (scene.sent(), scene.sent(PREFERENCES)) == ([], [])
    assert renewed["facts"]["certificates"]["failure"]["code"] == "task"
    assert scene.host.computer.events.entries[-1].event_id == 1031
    scene.check_tidy()


def test_without_the_task_scheduler(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path, computer={"culture": "de-DE"})
    scene.host.computer.services.stop(SERVICE)
    scene.host.computer.pass_time(5)
    with TaskProcesses(engine, scene.host):
        renewed = scene.renewed(engine)
    assert "schtasks.exe" in renewed["refusal"]["message"]
    scheduler = scene.host.computer.services.get(SERVICE)
    assert scheduler is not None
    scheduler.start_mode = "Auto"
    scene.host.computer.services.start(SERVICE)
    scene.host.computer.pass_time(5)
    check_refused(scene, renewed)


def test_a_policy_that_lets_no_task_run_powershell(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    begun = scene.host.computer.clock.elapsed()
    with TaskProcesses(engine, scene.host, blocked=True):
        renewed = scene.renewed(engine)
    assert "no sign of life" in renewed["refusal"]["message"]
    assert scene.host.computer.clock.elapsed() - begun < 60
    check_refused(scene, renewed)


def test_a_script_that_was_altered_does_not_run(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    files = scene.host.computer.files
    alter = at(
        "schtasks.exe", "/Run", lambda: files.append(f"{API}\\{task_of(scene)}\\script.ps1", b"'something else'\n")
    )
    with TaskProcesses(engine, scene.host):
        check_refused(scene, scene.renewed(engine, alter))


def test_a_task_that_is_killed_before_it_has_acted(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    with TaskProcesses(engine, scene.host, before=at("Invoke-LocalApi", "summary", kill)):
        renewed = scene.renewed(engine)
    assert "ended without an answer" in renewed["refusal"]["message"]
    check_refused(scene, renewed)


@pytest.mark.parametrize(("place", "sent"), [(1, 0), (2, 1)])
def test_a_task_that_is_killed_around_its_request(engine: Engine, tmp_path: Path, place: int, sent: int) -> None:
    """Whether it was sent is not known, so it counts as requested and is not sent again."""
    scene = make(
        tmp_path, items=["web-1", "web-2", {"Id": "paused", "LastRenewalStatus": 4}], renew=["web-1", "paused", "web-2"]
    )
    before = at("Invoke-LocalApi", "autorenew", kill) if place == 1 else at("Start-Sleep", "5000", kill)
    with TaskProcesses(engine, scene.host, before=before):
        renewed = scene.renewed(engine)
    assert (renewed["refusal"], told(renewed)) == (None, "done")
    assert statuses(renewed) == {"web-1": "requested", "paused": "paused", "web-2": "requested"}
    assert len(scene.sent()) == sent
    scene.check_requests()
    scene.check_tidy()


def test_a_task_that_fails_after_its_request(engine: Engine, tmp_path: Path) -> None:
    """It says so itself, and what it has done counts nevertheless."""
    scene = make(tmp_path)

    def fail() -> None:
        raise Win32Error(8, "Not enough memory resources are available to process this command.")

    with TaskProcesses(engine, scene.host, before=at("Start-Sleep", "5000", fail)):
        renewed = scene.renewed(engine)
    assert (renewed["refusal"], told(renewed)) == (None, "done")
    assert statuses(renewed) == {"web-1": "requested", "web-2": "requested"}
    assert len(scene.sent()) == 1
    scene.check_tidy()


def test_a_task_that_is_killed_when_it_has_seen_the_first_end(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path, conditions={"slow": {"web-2": 100}})
    with TaskProcesses(engine, scene.host, before=at("Start-Sleep", "5000", kill, 4)):
        renewed = scene.renewed(engine)
    assert statuses(renewed) == {"web-1": "renewed", "web-2": "requested"}


def test_a_task_that_is_killed_while_it_sets_preferences(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    with TaskProcesses(engine, scene.host, before=at("Invoke-LocalApi", '"POST".*/api/preferences"', kill)):
        renewed = scene.renewed(engine)
    assert renewed["refusal"] is None, renewed["refusal"]
    assert (told(renewed), statuses(renewed)) == ("unknown_request", NOT_RUN)
    assert scene.sent() == []


def test_a_disk_that_is_full(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    scene.host.computer.files.make_folder(AUTOMATION)
    scene.host.computer.files.set_security(AUTOMATION, "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    scene.host.computer.files.disk_full = True
    with TaskProcesses(engine, scene.host):
        check_refused(scene, scene.renewed(engine))


def test_a_disk_that_is_full_when_the_task_is_about_to_act(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    fill = at("Invoke-LocalApi", "summary", lambda: setattr(scene.host.computer.files, "disk_full", True))
    with TaskProcesses(engine, scene.host, before=fill):
        check_refused(scene, scene.renewed(engine))


def cut_off(engine: Engine, scene: RenewScene, before: Callable[[str, Any], None]) -> None:
    """A visit that is killed; its task goes on alone."""
    visit = scene.visit(before)
    assert engine.bootstrap(visit.request(), visit.commands).stdout == ""
    scene.host.computer.pass_time(60)
    assert not scene.host.computer.tasks.instances


def test_a_visit_that_is_killed_before_its_task_acts(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    with TaskProcesses(engine, scene.host) as processes:
        cut_off(engine, scene, at("Start-Sleep", "500", kill))
        assert processes.asked
        assert (scene.sent(), scene.sent(PREFERENCES)) == ([], [])
        assert scene.host.computer.tasks.names() == ()
        assert task_of(scene)
        again = scene.renewed(engine)
    assert statuses(again) == RENEWED
    scene.check_requests()


def test_a_visit_that_is_killed_while_its_task_waits(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path)
    with TaskProcesses(engine, scene.host) as processes:
        cut_off(engine, scene, at("Start-Sleep", "500", kill, 5))
        assert len(scene.sent()) == 1
        assert processes.written == []
        again = replace(scene, case={**CASE, "planned": {"web-1": {"attempted_utc_ms": 1}}}).renewed(engine)
    assert statuses(again)["web-1"] == "moved"


POINTS = {
    "before its script is there": ("Write-NewFile", "script.ps1"),
    "before the task is made": ("schtasks.exe", "/Create"),
    "before the task is started": ("schtasks.exe", "/Run"),
    "before the task is removed": ("schtasks.exe", "/Delete"),
    "before the folder is removed": ("Remove-WholeFolder", "api"),
    "before the lock is let go": ("Remove-OldFile", "lock-holder"),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_visit_that_is_killed_and_made_again_requests_once(engine: Engine, tmp_path: Path, point: str) -> None:
    scene = make(tmp_path)
    planned = {one["id"]: one for one in scene.parameters()["renewals"]}
    again = replace(scene, case={**CASE, "planned": planned})
    with TaskProcesses(engine, scene.host) as processes:
        cut_off(engine, scene, at(*POINTS[point], kill))
        done_before = len(scene.sent())
        renewed = again.renewed(engine)
    assert processes.written == []
    assert len(scene.sent()) == 1
    assert set(statuses(renewed).values()) == {"moved" if done_before else "renewed"}
    assert told(renewed) == ("unchanged" if done_before else "done")
    assert scene.host.computer.files.holder(f"{AUTOMATION}\\lock") is None


def test_what_is_left_of_a_visit_goes_an_hour_later(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path, renew=[], preferences=[])
    computer = scene.host.computer
    files = computer.files
    elsewhere = tmp_path / "C" / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.txt").write_text("kept")
    with TaskProcesses(engine, scene.host):
        cut_off(engine, scene, at("schtasks.exe", "/Run", kill))
        left = task_of(scene)
        assert computer.tasks.names() == (f"certify-automation-api-{left}",)
        api = api_folder(scene)
        (api / "notes").mkdir()
        (api / ("c" * 32)).symlink_to(elsewhere)
        aged(scene, 3500)
        scene.renewed(engine)
        assert files.exists(f"{API}\\{left}")
        aged(scene, 3700)
        scene.renewed(engine)
    assert not files.exists(f"{API}\\{left}")
    assert computer.tasks.names() == ()
    assert (elsewhere / "kept.txt").read_text() == "kept"
    assert sorted(entry.name for entry in api.iterdir()) == ["c" * 32, "notes"]


def aged(scene: RenewScene, seconds: int) -> None:
    """Everything of tasks is as old as that on the computer's clock, links too."""
    moment = scene.host.computer.clock.now().timestamp() - seconds
    for folder in api_folder(scene).iterdir():
        os.utime(folder, (moment, moment), follow_symlinks=False)


def api_folder(scene: RenewScene) -> Path:
    return scene.host.paths.root / "C" / "ProgramData" / "certify-automation" / "api"


def test_what_a_task_still_has_open_is_not_removed(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path, preferences=[])
    other = replace(scene, case={**CASE, "renew": [], "preferences": []})
    seen: list[dict[str, Any]] = []

    def visited() -> None:
        aged(scene, 7200)
        seen.append(other.renewed(engine))

    with TaskProcesses(engine, scene.host):
        renewed = scene.renewed(engine, at("Start-Sleep", "500", visited, 4))
    assert seen[0]["refusal"]["code"] == "locked"
    assert seen[0]["facts"]["certificates"]["failure"] is None
    assert statuses(renewed) == RENEWED
    scene.check_requests()
    scene.check_tidy()


def test_the_deadline_is_nearer_than_the_wait(engine: Engine, tmp_path: Path) -> None:
    scene = make(tmp_path, conditions={"slow": {"web-2": 9000}}, wait_seconds=6000, deadline=90)
    begun = scene.host.computer.clock.elapsed()
    with TaskProcesses(engine, scene.host):
        renewed = scene.renewed(engine)
    assert statuses(renewed) == {"web-1": "renewed", "web-2": "running"}
    assert scene.host.computer.clock.elapsed() - begun < 90
    scene.check_tidy()
