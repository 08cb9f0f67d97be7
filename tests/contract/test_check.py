"""check.ps1 on a simulated computer: what needs no real Windows passes, so the script itself is in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certify_automation import onhost
from contract.engine import HERE, ONHOST, STAND_INS, Engine
from contract.hosts import make_host
from contract.task_process import TaskProcesses

CHECK = HERE.parent / "windows" / "check.ps1"
REAL_WINDOWS_ONLY = [
    "CIM: Win32_Service has State",
    "CIM: MSFT_NetTCPConnection takes",
    "CIM: Win32_Volume has the disk of Windows",
    "account: .\\ stands for this computer",
    "a program has a file version",
    "SDDL text and its descriptor",
    "a request to http.sys gets a status",
    "iplisten: an address that is not listed",
    "iplisten: a deleted address is gone",
    "folder: icacls.exe takes inherited rights away",
    "file: an exchange keeps the rights",
    "file: one that is marked read-only",
    "file: exchanging one that is open",
    "lock: a second opener gets nothing",
    "folder: a junction is refused",
    "journal: a line is added",
    "records: removing a folder",
    "event log: an entry is there",
    "sc.exe failure: a command that is not given stays",
    "a request that acts is sent once, also to a server",
]


@pytest.fixture
def checked(engine: Engine, tmp_path: Path) -> list[str]:
    """The lines check.ps1 prints on a computer with a listen list, its changes included."""
    host = make_host({"product": {"generation": "v6"}, "arrange": [{"listen": "127.0.0.2"}]}, tmp_path / "disk")
    folder = tmp_path / "onhost"
    folder.mkdir()
    for name in (entry.name for entry in ONHOST.iterdir() if entry.name.endswith(".ps1")):
        source = HERE / STAND_INS[name] if name in STAND_INS else ONHOST.joinpath(name)
        (folder / name).write_text(source.read_text("ascii"), "ascii")
    with TaskProcesses(engine, host):
        finished = engine.command(f"& '{CHECK}' -Write -OnHost '{folder}'", b"", host.commands())
    assert finished.stderr == ""
    assert "failed" in finished.stdout.splitlines()[-1]
    return finished.stdout.splitlines()


def test_the_scripts_are_put_together_as_they_are_sent() -> None:
    assigned = re.compile(
        r"^\$script:(?:reading|acting|timed|asking|tasked|examining|renewing) = ((?:'\w+'(?:,\s+)?)+)$", re.MULTILINE
    )
    lists = assigned.findall(CHECK.read_text("ascii"))
    found = [tuple(f"{name}.ps1" for name in re.findall(r"\w+", one)) for one in lists]
    visiting = (onhost.READING, onhost.ACTING, onhost.TIMED, onhost.ASKING, onhost.TASKED)
    assert found == [*visiting, onhost.EXAMINING, onhost.RENEWING]


def test_what_needs_no_real_windows_passes(checked: list[str]) -> None:
    failed = [line for line in checked if line.startswith("FAIL")]
    assert [line for line in failed if not line.removeprefix("FAIL  ").startswith(tuple(REAL_WINDOWS_ONLY))] == []
