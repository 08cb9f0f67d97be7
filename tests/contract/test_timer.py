"""The dead-man timer: a second engine that the task scheduler of the simulated computer starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.windows import Win32Error, win32
from certify_automation.lab.windows.tasks import SERVICE
from contract.engine import Engine
from contract.simulated import simulated_reply
from contract.timer_scene import CASE, SECONDS, Scene


@pytest.fixture
def scene(engine: Engine, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(engine, tmp_path, CASE)
    with scene:
        yield scene


def test_a_run_that_is_confirmed_in_time_stays(scene: Scene) -> None:
    outcome = scene.apply()
    assert (outcome["result"], outcome["health"]["healthy"], outcome["failure"]) == ("awaiting", True, None)
    assert outcome["facts"]["open_run"]["timer"] is True
    done = scene.configuration()
    assert done != scene.before
    scene.pass_time(SECONDS - 10)
    confirmed = scene.verb("confirm")
    assert (confirmed["result"], confirmed["repeated"]) == ("applied", False)
    assert confirmed["health"]["healthy"]
    assert confirmed["facts"]["open_run"] is None
    assert scene.tasks() == ()
    scene.pass_time(SECONDS)
    assert not scene.runs()
    assert scene.configuration() == done
    again = scene.verb("confirm")
    assert (again["result"], again["repeated"]) == ("applied", True)
    scene.check_quiet()


def test_the_script_without_a_timer_takes_nothing_that_needs_one(scene: Scene) -> None:
    said = {"run_id": scene.run_id, "observe": scene.plan["observe"]}
    for parameters in ({"verb": "apply", "plan": scene.plan}, {"verb": "undo", **said}, {"verb": "confirm", **said}):
        error = scene.reply("Apply", parameters)["error"]
        assert (error["code"], error["message"]) == ("script_failed", "This takes the script Guard.")
        assert simulated_reply(scene.host, "Apply", parameters)["error"]["message"] == error["message"]
    assert scene.configuration() == scene.before
    assert not scene.host.computer.files.exists(scene.folder)


def test_a_run_that_nobody_confirms_is_undone_by_the_timer_alone(scene: Scene) -> None:
    scene.apply()
    scene.pass_time(SECONDS - 10)
    assert scene.configuration() != scene.before
    scene.pass_time(20)
    assert not scene.runs()
    scene.check_undone("not_confirmed")


def test_an_apply_that_is_killed_after_its_act_is_undone_at_once(scene: Scene) -> None:
    scene.killed("Invoke-LocalApi")
    assert scene.configuration() != scene.before
    scene.pass_time(10)
    scene.check_undone("interrupted")


def test_a_timer_that_was_killed_is_replaced_by_the_next_apply(scene: Scene) -> None:
    scene.apply()
    scene.host.computer.tasks.end(scene.task().name)
    outcome = scene.apply(run_id="e" * 32, changes=[], confirm_seconds=None)
    assert [(one["run_id"], one["result"]) for one in outcome["recovered"]] == [(scene.run_id, "rolled_back")]
    scene.check_undone("not_confirmed")


def test_after_a_restart_the_timer_begins_anew(scene: Scene) -> None:
    scene.apply()
    scene.pass_time(SECONDS - 10)
    scene.restart()
    scene.pass_time(SECONDS - 10)
    assert scene.configuration() != scene.before
    assert scene.runs()
    scene.pass_time(30)
    scene.check_undone("not_confirmed")


def test_a_restart_in_the_middle_of_an_apply(scene: Scene) -> None:
    scene.killed("Invoke-LocalApi")
    scene.restart()
    scene.pass_time(30)
    scene.check_undone("interrupted")


def test_a_timer_waits_for_windows_to_be_ready(scene: Scene) -> None:
    scene.killed("Invoke-LocalApi")
    scene.restart()
    ready = scene.host.computer.clock.elapsed() + 60

    def starting(command: str, _arguments: Any) -> None:
        if command == "Get-CimInstance" and scene.host.computer.clock.elapsed() < ready:
            raise Win32Error(win32.SERVICE_REQUEST_TIMEOUT, "Winmgmt")

    scene.processes.before = starting
    scene.pass_time(55)
    assert scene.configuration() != scene.before
    scene.pass_time(30)
    scene.check_undone("interrupted")


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_set_does_not_matter(scene: Scene, days: int) -> None:
    scene.apply()
    clock = scene.host.computer.clock
    clock.set(clock.now() + timedelta(days=days))
    scene.pass_time(SECONDS - 10)
    assert scene.configuration() != scene.before
    scene.pass_time(20)
    scene.check_undone("not_confirmed")


def test_a_run_whose_api_no_longer_answers_is_not_confirmed(scene: Scene) -> None:
    scene.apply()
    scene.host.computer.services.stop("Certify.Service")
    scene.pass_time(5)
    begun = scene.host.computer.clock.elapsed()
    outcome = scene.verb("confirm")
    assert scene.host.computer.clock.elapsed() - begun < 40
    assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "health_timeout")
    scene.pass_time(5)
    scene.check_undone("health_timeout")


def test_a_run_is_undone_on_demand(scene: Scene) -> None:
    scene.apply()
    outcome = scene.verb("undo")
    assert (outcome["result"], outcome["failure"]["code"], outcome["repeated"]) == (
        "rolled_back",
        "not_confirmed",
        False,
    )
    scene.pass_time(5)
    scene.check_undone("not_confirmed")


def test_nothing_else_is_applied_while_a_run_awaits_its_confirmation(scene: Scene) -> None:
    scene.apply()
    done = scene.configuration()
    outcome = scene.apply(run_id="e" * 32, changes=[{"kind": "ip_listen.add", "address": "::1"}])
    assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", "awaiting")
    assert scene.run_id in outcome["refusal"]["message"]
    assert scene.configuration() == done
    again = scene.apply()
    assert (again["result"], again["repeated"]) == ("awaiting", True)
    assert [step["status"] for step in again["steps"]] == ["done"]


def test_a_look_at_an_awaiting_run_changes_nothing(scene: Scene) -> None:
    scene.apply()
    before = scene.host.computer.dump()
    facts = scene.observe()
    assert scene.host.computer.dump() == before
    found = facts["open_run"]
    assert (found["run_id"], found["awaiting"], found["timer"]) == (scene.run_id, True, True)
    assert facts["lock"] == {"held": False, "holder": None}


@pytest.mark.parametrize("verb", ["confirm", "undo"])
def test_a_run_that_is_not_there(scene: Scene, verb: str) -> None:
    outcome = scene.verb(verb, "f" * 32)
    assert (outcome["result"], outcome["refusal"]["code"], outcome["steps"]) == ("refused", "unknown_run", [])


@pytest.mark.parametrize("verb", ["confirm", "undo"])
def test_a_run_that_was_cut_off_is_recovered(scene: Scene, verb: str) -> None:
    scene.killed("Invoke-LocalApi")
    scene.__exit__()
    outcome = scene.verb(verb)
    assert (outcome["result"], outcome["failure"]["code"], outcome["repeated"]) == ("rolled_back", "interrupted", False)
    scene.check_undone("interrupted")


def test_a_script_that_was_altered_does_not_run(scene: Scene) -> None:
    scene.apply()
    path = f"{scene.folder}\\timer.ps1"
    scene.host.computer.files.append(path, b"'something else'\n")
    scene.restart()
    scene.pass_time(5)
    assert not scene.runs()
    assert scene.configuration() != scene.before
    assert scene.observe()["open_run"]["timer"] is False


def check_refused(scene: Scene, outcome: dict[str, Any]) -> None:
    assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", "timer")
    assert [step["status"] for step in outcome["steps"]] == ["not_run"]
    assert scene.configuration() == scene.before
    assert outcome["facts"]["open_run"] is None
    assert scene.observe()["open_run"] is None


def test_without_the_task_scheduler_nothing_is_changed(scene: Scene) -> None:
    scheduler = scene.host.computer.services.get(SERVICE)
    assert scheduler is not None
    scene.host.computer.services.stop(SERVICE)
    scene.pass_time(5)
    check_refused(scene, scene.apply())
    scheduler.start_mode = "Auto"
    scene.host.computer.services.start(SERVICE)
    scene.pass_time(5)
    assert scene.apply()["result"] == "awaiting"


def test_without_a_heartbeat_nothing_is_changed(scene: Scene) -> None:
    scene.processes.blocked = True
    begun = scene.host.computer.clock.elapsed()
    check_refused(scene, scene.apply())
    assert 30 <= scene.host.computer.clock.elapsed() - begun < 40
    assert scene.tasks() == ()


def test_a_second_timer_ends(scene: Scene) -> None:
    scene.apply()
    steps = scene.processes.run(scene.host.computer.tasks.instances[0])
    assert sum(steps) < 5
    assert scene.runs()
    scene.pass_time(SECONDS + 10)
    scene.check_undone("not_confirmed")


def test_the_timer_waits_for_the_lock(scene: Scene) -> None:
    scene.apply()
    scene.pass_time(SECONDS - 10)
    confirmed: list[dict[str, Any]] = []

    def slow(command: str, _arguments: Any) -> None:
        if command == "Invoke-LocalApi" and not confirmed:
            confirmed.append({})
            scene.pass_time(30)

    outcome = scene.verb("confirm", before=slow)
    assert outcome["result"] == "applied"
    scene.pass_time(SECONDS)
    assert scene.configuration() != scene.before
    assert (scene.tasks(), scene.runs()) == ((), False)
    scene.check_quiet()


def test_a_full_disk_does_not_keep_the_timer_from_undoing(scene: Scene) -> None:
    scene.apply()
    scene.host.computer.files.disk_full = True
    scene.pass_time(SECONDS + 10)
    assert scene.configuration() == scene.before
    assert not scene.runs()
    scene.host.computer.files.disk_full = False
    assert scene.verb("undo")["result"] == "rolled_back"
    assert scene.configuration() == scene.before


def test_a_timer_whose_task_was_deleted_goes_on(scene: Scene) -> None:
    scene.apply()
    scene.host.computer.tasks.delete(scene.task().name)
    scene.pass_time(SECONDS + 10)
    scene.check_undone("not_confirmed")


@pytest.mark.parametrize("culture", ["de-DE", "ja-JP", "tr-TR"])
def test_whatever_the_language(engine: Engine, tmp_path: Path, culture: str) -> None:
    scene = Scene(engine, tmp_path, {**CASE, "computer": {"culture": culture}})
    with scene:
        assert scene.apply()["result"] == "awaiting"
        scene.pass_time(SECONDS + 10)
        scene.check_undone("not_confirmed")


def test_a_folder_with_blanks_and_an_apostrophe(engine: Engine, tmp_path: Path) -> None:
    scene = Scene(engine, tmp_path / "it's a  disk", CASE)
    with scene:
        assert scene.apply()["result"] == "awaiting"
        scene.pass_time(SECONDS + 10)
        scene.check_undone("not_confirmed")
