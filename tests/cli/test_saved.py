from __future__ import annotations

import pytest

from certify_automation.cli.saved import age

from .conftest import Run


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds old"),
        (1.9, "1 second old"),
        (59.9, "59 seconds old"),
        (60, "1 minute old"),
        (3_599, "59 minutes old"),
        (7_200, "2 hours old"),
        (86_400, "1 day old"),
        (40 * 86_400, "40 days old"),
        (-1, "made in the future by this computer's clock"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(int(seconds * 1000)) == text


def test_a_plan_file_that_is_not_there_is_told_before_a_password_that_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CERTIFY_WINRM_PASSWORD", raising=False)
    run("init", "fleet")
    assert "CA1501" in run("apply", "--yes", "-C", "fleet").err
    done = run("apply", "nowhere.json", "-C", "fleet")
    assert (done.code, "CA5011" in done.err, "CA1501" in done.err) == (5, True, False)
