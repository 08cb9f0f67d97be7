"""The script for a console, run as a file in an engine on simulated computers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from certify_automation import bundled, onhost
from contract.comparing import comparable
from contract.engine import HERE, ONHOST, STAND_INS, Engine, Finished, Visit
from contract.hosts import NOW, Host, make_host
from contract.test_inventory import parameters

CONSTRAINED = "$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'"
ASKED = parameters({"certificates": {"access": "task", "tls": True}})
WINDOWS = {"computer": {"caller": "administrator"}, "product": {"generation": "v6"}}


def console(host: Host, folder: Path, asked: dict[str, Any] | None = None) -> Path:
    """The script as it is written for a console, except that the tests' files stand for those of Windows' functions."""
    text = onhost.bundle_script(host.paths.everywhere_inward(asked or ASKED))
    for file, stand_in in STAND_INS.items():
        real = ONHOST.joinpath(file).read_text("ascii")
        assert text.count(real) == 1
        text = text.replace(real, (HERE / stand_in).read_text("ascii"))
    path = folder / "examine.ps1"
    path.write_text(text, "ascii")
    return path


def run(engine: Engine, host: Host, path: Path, arguments: str = "") -> Finished:
    return engine.command(f"& '{path}' {arguments}", b"", host.commands())


def check_bundle(host: Host, text: str) -> dict[str, Any]:
    """The document, its paths as the computer has them."""
    schemas = {name: json.loads(bundled.text("schemas", f"{name}.schema.json")) for name in ("bundle", "facts")}
    registry: Registry[Any] = Registry().with_resources(
        [(one["$id"], Resource.from_contents(one)) for one in schemas.values()]
    )
    document = host.paths.everywhere_outward(json.loads(text))
    jsonschema.Draft202012Validator(schemas["bundle"], registry=registry).validate(document)
    assert isinstance(document, dict)
    return document


def test_a_console_brings_home_what_a_visit_does(engine: Engine, tmp_path: Path) -> None:
    host = make_host(WINDOWS, tmp_path / "disk")
    finished = run(engine, host, console(host, tmp_path))
    finished.check_quiet()
    assert finished.stdout.count("\n") == 1
    (entry,) = check_bundle(host, finished.stdout)["hosts"]
    assert (entry["host"], entry["made_utc_ms"]) == ("web01", entry["facts"]["host"]["clock_utc_ms"])
    asked = {**ASKED, "certificates": {"access": "caller", "tls": True}}
    visit = engine.visit(Visit("Examine", asked, host.commands()))
    assert comparable({"ok": True, "value": entry["facts"]})["value"] == comparable(visit)["value"]


def test_a_file_is_ascii_without_a_byte_order_mark(engine: Engine, tmp_path: Path) -> None:
    host = make_host({}, tmp_path / "disk")
    arguments = "-OutFile bundle.json -HostName web01.example.com"
    path = console(host, tmp_path)
    finished = engine.command(f"Set-Location '{tmp_path}'\n& '{path}' {arguments}", b"", host.commands())
    assert (finished.stdout, finished.stderr) == ("", "")
    content = (tmp_path / "bundle.json").read_bytes()
    assert content.startswith(b'{"kind":"bundle"')
    (entry,) = check_bundle(host, content.decode("ascii"))["hosts"]
    assert entry["host"] == "web01.example.com"
    assert entry["made_utc_ms"] >= round(NOW.timestamp() * 1000)
    assert entry["facts"]["product"]["services"] == []


@pytest.mark.parametrize(
    ("computer", "arguments", "words"),
    [
        ({"administrator": False}, "", r"WEB01\lab is no administrator here: start PowerShell"),
        ({"release": "10.0.9200"}, "", "10.0.9200 is the version of Windows, and none before 10.0.14393"),
        ({}, "-HostName 'a\"b'", "This is no name of a host"),
    ],
    ids=["no administrator", "an old Windows", "no name"],
)
def test_it_says_why_it_does_nothing(
    engine: Engine, tmp_path: Path, computer: dict[str, Any], arguments: str, words: str
) -> None:
    host = make_host({"computer": computer}, tmp_path / "disk")
    target = tmp_path / "bundle.json"
    path = console(host, tmp_path)
    text = f"try {{ & '{path}' -OutFile '{target}' {arguments} }} catch {{ $_.Exception.Message }}"
    finished = engine.command(text, b"", host.commands())
    assert finished.stdout.startswith(words)
    assert not target.exists()


def test_a_constrained_console_is_told_so(engine: Engine, tmp_path: Path) -> None:
    host = make_host({}, tmp_path / "disk")
    path = console(host, tmp_path)
    text = f"{CONSTRAINED}\ntry {{ & '{path}' }} catch {{ $_.Exception.Message }}"
    assert "Constrained Language" in engine.command(text, b"", host.commands()).stdout


def test_the_console_is_left_as_it_was(engine: Engine, tmp_path: Path) -> None:
    host = make_host(WINDOWS, tmp_path / "disk")
    path = console(host, tmp_path)
    known = "$ExecutionContext.InvokeCommand.GetCommand('Get-Facts', 'Function')"
    surroundings = "$env:Path|$env:PSModulePath|$([Net.ServicePointManager]::SecurityProtocol)"
    state = f'"{surroundings}|$([bool]{known})"'
    text = f"$env:Path = 'before'; {state}; $null = & '{path}'; {state}"
    before, after = engine.command(text, b"", host.commands()).stdout.splitlines()
    assert before == after
    assert before.endswith("False")


def test_a_value_of_the_parameters_stays_a_value(engine: Engine, tmp_path: Path) -> None:
    host = make_host({}, tmp_path / "disk")
    asked = parameters({"endpoint": {"host": "127.0.0.2'; throw 'x"}})
    finished = run(engine, host, console(host, tmp_path, asked))
    finished.check_quiet()
    (entry,) = check_bundle(host, finished.stdout)["hosts"]
    assert entry["facts"]["api"][0]["url"] == "http://127.0.0.2'; throw 'x:9696"


def test_windows_powershell_5_1_can_run_it(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "examine.ps1"
    path.write_text(onhost.bundle_script(ASKED), "ascii")
    judged = subprocess.run(  # noqa: S603 - the engine the tests were told to use
        [engine.program, "--check-51", str(path)], capture_output=True, text=True, check=False
    )
    if "not recognized" in judged.stdout + judged.stderr:
        pytest.skip("this PowerShell is no judge of 5.1 syntax")
    assert "1 files, 0 errors, 0 warnings" in judged.stdout, judged.stdout
