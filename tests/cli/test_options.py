from __future__ import annotations

from datetime import timedelta

import click
import pytest

from certify_automation.cli.options import Call, Duration, output_options
from certify_automation.errors import Locked, UsageError
from certify_automation.model.outcome import ExitCode

RAISED = {
    "defect": ZeroDivisionError("a number was nought"),
    "usage": UsageError("CA5999", "called wrongly", hint="call it rightly"),
    "locked": Locked("CA4999", "somebody else is there"),
    "interrupt": KeyboardInterrupt(),
    "declined": click.Abort(),
}


@click.command()
@click.argument("kind")
@output_options
def failing(call: Call, kind: str) -> int:
    """Fails as it is told."""
    call.console.data(["begun"])
    raise RAISED[kind]


def run(*arguments: str) -> int:
    return int(failing.main(list(arguments), prog_name="certify-automation", standalone_mode=False))


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("defect", ExitCode.INTERNAL_ERROR, "error CA9001: ZeroDivisionError: a number was nought"),
        ("usage", ExitCode.CONFIGURATION_ERROR, "error CA5999: called wrongly"),
        ("locked", ExitCode.LOCK_HELD, "error CA4999: somebody else is there"),
        ("interrupt", ExitCode.INTERRUPTED, "interrupted"),
        ("declined", ExitCode.INTERRUPTED, "interrupted"),
    ],
)
def test_whatever_is_raised_ends_in_a_sentence_and_a_code(
    kind: str, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(kind) == code
    out, err = capsys.readouterr()
    assert out == "begun\n"
    assert err.splitlines()[0] == said
    assert "Traceback" not in err


def test_a_defect_shows_its_traceback_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("defect", "-vv") == ExitCode.INTERNAL_ERROR
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "test_options.py" in err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86400), (timedelta(seconds=3), 3)]
)
def test_durations(text: object, seconds: float) -> None:
    assert Duration().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "5 m", "1w", "9" * 20, "soon"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(("written", "days"), [("30d", 30), ("48h", 2), ("0.5d", 0.5)])
def test_a_duration_with_its_unit(written: str, days: float) -> None:
    assert Duration(unit_needed=True).convert(written, None, None) == timedelta(days=days)


def test_a_number_that_would_be_seconds_is_refused_where_days_are_meant() -> None:
    with pytest.raises(click.BadParameter, match="'30' has no unit: write 30d for days"):
        Duration(unit_needed=True).convert("30", None, None)
    with pytest.raises(click.BadParameter, match="such as 90s, 5m or 30d"):
        Duration(unit_needed=True).convert("soon", None, None)
