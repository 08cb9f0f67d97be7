"""An engine that is killed at a command: really, with all its handles; before the command acts, or after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.effects import do_half, has_effect, is_divisible
from contract.engine import Engine, Killed
from contract.hosts import make_host

TEXT = """
$path = Join-Path -Path $env:ProgramData -ChildPath 'held'
$file = [IO.File]::Open($path, [IO.FileMode]::Create, [IO.FileAccess]::Write, [IO.FileShare]::None)
try { sc.exe config Certify.Service start= demand; 'done' } finally { $file.WriteByte(1); $file.Close() }
"""


@pytest.mark.parametrize(("point", "mode"), [("before", "Auto"), ("after", "Manual")])
def test_nothing_of_it_tidies_up(engine: Engine, tmp_path: Path, point: str, mode: str) -> None:
    host = make_host({"product": {"generation": "v6"}}, tmp_path)
    commands = host.commands()

    def die(command: str, arguments: Any) -> None:
        assert has_effect(command, arguments)
        raise Killed

    act: Callable[[str, Any], None] = die
    setattr(commands, point, act)
    finished = engine.command(TEXT, b"", commands)
    assert (finished.exit_code, finished.stdout) == (-9, "")
    service = host.computer.services.get("Certify.Service")
    assert service is not None
    assert service.start_mode == mode
    assert host.computer.files.read("C:\\ProgramData\\held") == b""


@pytest.mark.parametrize(
    ("command", "arguments", "effect"),
    [
        ("sc.exe", ["query", "HTTP"], False),
        ("sc.exe", ["start", "HTTP"], True),
        ("netsh.exe", ["http", "show", "iplisten"], False),
        ("netsh.exe", ["advfirewall", "firewall", "delete", "rule", "name=x"], True),
        ("schtasks.exe", ["/Query", "/TN", "x", "/XML"], False),
        ("schtasks.exe", ["/Run", "/TN", "x"], True),
        ("icacls.exe", ["C:\\x", "/inheritance:r"], True),
        ("Get-ItemProperty", {"path": "HKLM:\\x"}, False),
        ("Start-Sleep", {"milliseconds": 1}, False),
        ("Add-FileLine", {"path": "C:\\x", "content": "eQ=="}, True),
    ],
)
def test_which_commands_have_an_effect(command: str, arguments: Any, *, effect: bool) -> None:
    assert has_effect(command, arguments) is effect
    assert effect or not is_divisible(command)


def test_halves(tmp_path: Path) -> None:
    computer = make_host({}, tmp_path).computer
    files = computer.files
    for name, content in (("old", b"old"), ("new", b"new"), ("journal", b"one\ntw")):
        files.write(f"C:\\{name}", content)
    do_half(computer, "Add-FileLine", {"path": "C:\\journal", "content": "dGhyZWUh"})
    do_half(computer, "Switch-File", {"new": "C:\\new", "old": "C:\\old", "backup": "C:\\backup"})
    do_half(computer, "Write-NewFile", {"path": "C:\\written", "content": "YWJjZA=="})
    do_half(computer, "Copy-SharedFile", {"path": "C:\\backup", "new": "C:\\copy"})
    assert files.read("C:\\journal") == b"one\nthr"
    assert (files.read("C:\\backup"), files.read("C:\\new"), files.exists("C:\\old")) == (b"old", b"new", False)
    assert (files.read("C:\\written"), files.read("C:\\copy")) == (b"ab", b"o")
    files.make_folder("C:\\run")
    for name in ("a", "b"):
        files.write(f"C:\\run\\{name}", b"")
    do_half(computer, "Remove-WholeFolder", {"path": "C:\\run"})
    assert [one.name for one in files.entries("C:\\run")] == ["b"]
