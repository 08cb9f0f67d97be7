"""Copies of the product's data, and what a start has logged, in the engine with real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.engine import Engine
from contract.test_reading import evaluate

SYSTEM, ADMINISTRATORS = "(A;OICI;FA;;;SY)", "(A;OICI;FA;;;BA)"


def test_a_file_that_is_being_written_is_copied_whole(engine: Engine, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "a").write_bytes(content)
    text = (
        f"$held = [IO.File]::Open('{tmp_path}/a', 'Open', 'ReadWrite', 'ReadWrite'); "
        f"try {{ Copy-SharedFile -Path '{tmp_path}/a' -New '{tmp_path}/b' }} finally {{ $held.Dispose() }}; 1"
    )
    assert evaluate(engine, text, "File", "WindowsChange") == 1
    assert (tmp_path / "b").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "length", "lines"),
    [
        ("old\r\nnew\r\n", 5, ["new"]),
        ("old\r\n", 5, []),
        ("new\r\n", 0, ["new"]),
        ("begun anew\r\n", 500, ["begun anew"]),
        ("old\r\n\r\n[1] :: new", 5, ["", "[1] :: new"]),
    ],
)
def test_what_a_log_has_grown_by(engine: Engine, tmp_path: Path, content: str, length: int, lines: list[str]) -> None:
    (tmp_path / "log").write_bytes(content.encode())
    text = f", @(Read-NewLine -Path '{tmp_path}/log' -Length {length})"
    assert evaluate(engine, text, "File", "Data") == lines


BOUND = "[1] :: Service API bound OK to http://127.0.0.2:9696"
FAILED = "Service Exception :: [1] :: System.Exception: Failed to load datastore"


@pytest.mark.parametrize(
    ("name", "lines", "found"),
    [
        ("service.exceptions.log", [FAILED], True),
        ("service.exceptions.log", [BOUND, FAILED], True),
        ("service.exceptions.log", [FAILED, BOUND], False),
        ("service.exceptions.log", ["[1] :: Service failed to listen on http://127.0.0.2:9696."], False),
        ("unhandled_exceptions.log", ["1: IsTerminating=True : Failed to bind to address"], False),
        ("unhandled_exceptions.log", ["1: IsTerminating=True : attempt to write a READONLY database"], True),
        ("session.log", ["1 [ERR] FATAL: Managed Item Store (default) could not connect or load."], True),
        ("session.log", ["1 [INF] Opening data store (default)"], False),
        ("session.log", ["1 [ERR] Data store failed", "1 [INF] Certify Manager Started"], False),
    ],
)
def test_a_start_that_could_not_open_its_data(
    engine: Engine, tmp_path: Path, name: str, lines: list[str], found: bool
) -> None:
    path = tmp_path / name
    path.write_text("".join(f"{line}\r\n" for line in lines), newline="")
    text = f"[string](Get-DataStoreFailure -Run @{{ LogLengths = @{{ '{path}' = 0 }} }})"
    assert bool(evaluate(engine, text, "File", "Data")) is found


@pytest.mark.parametrize(
    ("dacl", "closed"),
    [
        (f"D:P{SYSTEM}{ADMINISTRATORS}", True),
        (f"D:PAI{ADMINISTRATORS}{SYSTEM}", True),
        ("D:PARAI(A;OICI;FA;;;S-1-5-18)(A;OICI;FA;;;S-1-5-32-544)", True),
        (f"D:AI{SYSTEM}{ADMINISTRATORS}", False),
        (f"D:P{SYSTEM}{ADMINISTRATORS}(A;OICI;FA;;;WD)", False),
        (f"D:P{SYSTEM}(A;;0x1200a9;;;S-1-5-32-545){ADMINISTRATORS}", False),
        (f"D:P{SYSTEM}(XA;OICI;FA;;;BA;(@User.Title == x))", False),
        ("D:P", False),
        ("D:PNO_ACCESS_CONTROL", False),
    ],
)
def test_a_closed_folder_is_open_to_nobody_else(engine: Engine, dacl: str, closed: bool) -> None:
    fake = f"function Get-FolderAccess {{ @{{ Sddl = 'O:BAG:DU{dacl}' }} }}; "
    assert evaluate(engine, f"{fake}Test-OnlyTrusted 'C:\\any' '[A-Z]*P[A-Z]*'", "LockChange") is closed
