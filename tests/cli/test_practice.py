from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from certify_automation.cli import root
from certify_automation.cli.console import make_console
from certify_automation.cli.options import Call
from certify_automation.cli.practice import walk
from certify_automation.demo import Step
from certify_automation.model.outcome import ExitCode

from .conftest import Run

FAULTS = ("driver_disabled", "service_stopped")
VALID, NO_SUCH_HOST = ("validate",), ("inventory", "show", "nobody")


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    """As `practice_fleet` leaves it, but for the lab: the commands here visit no host."""
    assert run("init", "fleet").code == 0
    (tmp_path / "lab").mkdir()
    (tmp_path / "fleet" / "inventory.yaml").rename(tmp_path / "lab" / "inventory.yaml")
    return tmp_path


@pytest.mark.parametrize(
    ("steps", "code", "said"),
    [
        (
            [Step("one", NO_SUCH_HOST, ExitCode.CONFIGURATION_ERROR), Step("two", VALID, ExitCode.DONE, faults=FAULTS)],
            0,
            "",
        ),
        (
            [Step("one", VALID, ExitCode.DRIFT), Step("never", VALID, ExitCode.DONE)],
            1,
            "this ended with 0; it should have ended with 2",
        ),
        (
            [
                Step("one", VALID, ExitCode.DONE),
                Step("two", NO_SUCH_HOST, ExitCode.DONE),
                Step("never", VALID, ExitCode.DONE),
            ],
            5,
            "this ended with 5; it should have ended with 0",
        ),
    ],
)
def test_a_demo_ends_at_the_first_step_that_does_not_end_as_it_should(
    steps: list[Step], code: int, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    struck: list[Sequence[str]] = []
    with click.Context(root):
        assert walk(Call("demo", make_console()), steps, folder, struck.append) == code
    out, err = capsys.readouterr()
    assert struck == [step.faults for step in steps if step.title != "never"]
    assert said in err
    assert [step.title for step in steps if f"  {step.title}\n" in out] == [
        s.title for s in steps if s.title != "never"
    ]


def test_certificates_are_of_generated_hosts(run: Run) -> None:
    done = run("lab", "--certificates", "3")
    assert done.code == ExitCode.CONFIGURATION_ERROR
    assert "CA5039" in done.err
    assert "--hosts" in done.err
