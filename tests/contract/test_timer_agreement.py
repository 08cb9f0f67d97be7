"""The same timers on the scripts and on the lab: what is answered on the way, and what is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from certify_automation.lab.windows.tasks import SERVICE
from contract.comparing import comparable, left_behind
from contract.engine import Engine
from contract.simulated import simulated_reply
from contract.timer_scene import CASE, SECONDS, Scene

Act = Callable[[Scene], dict[str, Any] | None]


class LabScene(Scene):
    """A computer whose visits and tasks are the lab's own."""

    def reply(self, name: str, parameters: dict[str, Any], **_: object) -> dict[str, Any]:
        return simulated_reply(self.host, name, parameters, deadline=90)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.host.computer.tasks.power_off()


def passing(seconds: float) -> Act:
    return lambda scene: scene.pass_time(seconds)


def stopping(service: str) -> Act:
    return lambda scene: scene.host.computer.services.stop(service)


def other(scene: Scene) -> dict[str, Any]:
    return scene.apply(run_id="e" * 32, changes=[{"kind": "ip_listen.add", "address": "::1"}], confirm_seconds=None)


def end_timer(scene: Scene) -> None:
    scene.host.computer.tasks.end(scene.task().name)


def confirm(scene: Scene) -> dict[str, Any]:
    return scene.verb("confirm")


def undo(scene: Scene) -> dict[str, Any]:
    return scene.verb("undo")


STORIES: dict[str, list[Act]] = {
    "confirmed": [Scene.apply, passing(SECONDS - 10), Scene.observe, confirm, passing(5), confirm, other],
    "not confirmed": [Scene.apply, passing(SECONDS + 10), Scene.observe, confirm],
    "another run, and the same one": [Scene.apply, other, Scene.apply, undo, passing(5), other],
    "no API any more": [Scene.apply, stopping("Certify.Service"), passing(5), confirm, passing(5)],
    "a restart": [Scene.apply, passing(10), Scene.restart, passing(10), Scene.observe, passing(30), undo],
    "the timer ended": [Scene.apply, end_timer, Scene.observe, other, undo],
    "no scheduler": [stopping(SERVICE), passing(5), Scene.apply, Scene.observe, confirm],
}


def told(scene: Scene, acts: list[Act]) -> list[Any]:
    """What was answered, and at the end what is left."""
    with scene:
        answers = [answer for answer in (act(scene) for act in acts) if answer is not None]
    left = left_behind(scene.host)
    for path in [path for path in left["files"] if path.endswith("\\timer.ps1")]:
        assert left["files"].pop(path)
    for task in left["tasks"]:
        task["xml"] = re.sub("-ne '[0-9a-f]{64}'", "-ne 'its own'", task["xml"])
    return [*(comparable({"ok": True, "value": answer}) for answer in answers), left]


@pytest.mark.parametrize("story", STORIES)
def test_the_scripts_and_the_lab_time_alike(engine: Engine, tmp_path: Path, story: str) -> None:
    scripts = told(Scene(engine, tmp_path / "engine", CASE), STORIES[story])
    lab = told(LabScene(engine, tmp_path / "lab", CASE), STORIES[story])
    for ours, theirs in zip(scripts, lab, strict=True):
        assert ours == theirs
