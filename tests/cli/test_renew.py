"""What `renew` refuses to begin with, before any host is visited."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify_automation.cli import main
from certify_automation.model.outcome import ExitCode

from .conftest import Run

RUN = "0" * 32


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--force"], "CA5031"),
        (["--force", "--domain", "www.example.com"], "CA5031"),
        (["--reissue"], "CA5032"),
        (["--reissue", "--domain", "*"], "CA5032"),
        (["--pause", "5m"], "CA5033"),
        (["--resume", RUN, "--max", "3"], "CA5034"),
        (["--resume", RUN, "--force", "--max", "3"], "CA5034"),
        (["--resume", RUN, "--waves", "1,100%"], "CA5034"),
        (["--resume", RUN, "--expires-within", "3d"], "CA5034"),
        (["--resume", RUN, "--id", "a-1"], "CA5034"),
        (["--waves", "10%,5%"], "CA3220"),
        (["--waves", "0"], "CA3220"),
        (["--max", "0"], "CA5000"),
        (["--wait", "soon"], "CA5000"),
        (["--max-failures", "none"], "CA5001"),
        (["--resume", RUN], "CA3211"),
        (["--resume", "../../etc/passwd"], "CA3211"),
    ],
    ids=" ".join,
)
def test_a_call_that_makes_no_sense(
    flags: list[str], error: str, run: Run, fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(fleet.parent / "state"))
    monkeypatch.setenv("CERTIFY_WINRM_PASSWORD", "x")
    done = run("renew", "-C", str(fleet), "--yes", *flags)
    assert (done.code, done.out) == (ExitCode.CONFIGURATION_ERROR, "")
    assert f"error {error}: " in done.err
    assert "hint:" in done.err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_where_nobody_can_be_asked_nothing_is_requested(flags: list[str], run: Run, fleet: Path) -> None:
    done = run("renew", "-C", str(fleet), *flags)
    assert (done.code, "CA5036" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)
    assert "--dry-run" in done.err


def test_help_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["renew", "--help"]) == ExitCode.DONE
    said = capsys.readouterr().out
    for flag in ("--dry-run", "--force", "--reissue", "--wait", "--waves", "--resume", "--restart-stalled", "--issuer"):
        assert flag in said
