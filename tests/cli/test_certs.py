from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run


@pytest.mark.usefixtures("fleet")
def test_two_forms_of_one_answer_are_refused(run: Run) -> None:
    done = run("certs", "-C", "fleet", "--json", "--csv")
    assert (done.code, done.document()["error"]["id"]) == (5, "CA5027")


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("text", ["soon", "30y", "-1d", "0d"])
def test_a_time_that_is_none_is_refused(run: Run, text: str) -> None:
    done = run("certs", "-C", "fleet", f"--expires-within={text}")
    assert done.code == 5
    assert "30d" in done.err


@pytest.mark.usefixtures("fleet")
def test_where_no_endpoint_is_declared_verify_says_what_to_declare(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_WINRM_PASSWORD", "none is asked")
    done = run("verify", "-C", "fleet")
    assert done.code == 5
    assert "CA5030" in done.err
    assert "served: [{endpoint: www.example.com:443, certificate: NAME}]" in done.err


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("--endpoint", "https://www.example.com/"), "CA5028", "write www.example.com"),
        (("--endpoint", "www.example.com:0"), "CA5028", "NAME:PORT"),
        (("--endpoint", "2001:db8::1"), "CA5028", "[2001:db8::1]:443"),
        (("--endpoint", "*.example.com"), "CA5028", "the name of one server"),
        (("--endpoint", "a\x1b[31m"), "CA5028", "NAME:PORT"),
        (("--endpoint", "127.0.0.1:443", "--sni", "no name"), "CA5028", "NAME:PORT"),
        (("--endpoint", "127.0.0.1:443", "-l", "web"), "CA5029", "one of the two"),
        (("--sni", "www.example.com"), "CA5029", "--endpoint"),
    ],
)
def test_what_cannot_be_looked_at_is_said(run: Run, arguments: tuple[str, ...], error: str, hint: str) -> None:
    done = run("verify", *arguments)
    assert done.code == 5
    assert error in done.err
    assert hint in done.err
    assert "\x1b" not in done.err


def test_a_single_endpoint_needs_no_repository(run: Run) -> None:
    done = run("verify", "--endpoint", "nowhere.invalid", "--timeout", "5")
    assert done.code == 2
    assert "nowhere.invalid:443" in done.out
    assert done.out.splitlines()[-1] == "1 endpoint: 1 not reachable"


def test_whom_the_settings_trust_is_read_before_anything_is_visited(run: Run, fleet: Path) -> None:
    settings = fleet / "certify-automation.yaml"
    settings.write_text("version: 1\ntrust: {ca_file: nowhere.pem}\n", "utf-8")
    done = run("verify", "-C", "fleet", "--endpoint", "nowhere.invalid")
    assert (done.code, "CA3301" in done.err) == (5, True)
    settings.write_text("version: 1\ntrust: {unknown: 1}\n", "utf-8")
    done = run("verify", "-C", "fleet", "--endpoint", "nowhere.invalid")
    assert (done.code, "certify-automation.yaml:2" in done.err) == (5, True)
