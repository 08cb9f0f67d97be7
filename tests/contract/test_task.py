"""The scheduled task of a dead-man timer, as it is registered."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.engine import Engine
from contract.timer_scene import CASE, Scene


@pytest.fixture
def scene(engine: Engine, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(engine, tmp_path, CASE)
    with scene:
        assert scene.apply()["result"] == "awaiting"
        yield scene


def test_what_the_task_is_registered_as(scene: Scene) -> None:
    found = scene.task().definition
    assert (found.user, found.highest, found.at_boot, found.on_batteries, found.time_limit, found.enabled) == (
        "S-1-5-18",
        True,
        True,
        True,
        "PT0S",
        True,
    )
    assert scene.host.computer.files.exists(f"{scene.folder}\\timer.ps1")
    assert not scene.host.computer.files.exists(f"{scene.folder}\\task.xml")


def test_what_the_task_is_told_runs_in_windows_powershell_5_1(scene: Scene, tmp_path: Path) -> None:
    text = scene.task().definition.arguments.removeprefix('-NoProfile -NonInteractive -Command "').removesuffix('"')
    assert '"' not in text
    assert "$(" not in text
    assert "%" not in text
    told = tmp_path / "told.ps1"
    told.write_text(f"{text}\n", "ascii")
    judged = subprocess.run(  # noqa: S603 - the engine the tests were told to use
        [scene.engine.program, "--check-51", str(told)], capture_output=True, text=True, check=False
    )
    if "not recognized" in judged.stdout + judged.stderr:
        pytest.skip("this PowerShell is no judge of 5.1 syntax")
    assert "1 files, 0 errors, 0 warnings" in judged.stdout, judged.stdout
