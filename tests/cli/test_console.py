from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.text import Text

from certify_automation.cli.console import Console, columns, make_console
from certify_automation.cli.problems import count, problem_document, problem_lines, show_problems
from certify_automation.errors import Position, Problem, Severity


@contextmanager
def old_console() -> Iterator[io.BytesIO]:
    """Standard output as a console with an old Western code page has it."""
    kept, raw = sys.stdout, io.BytesIO()
    sys.stdout = io.TextIOWrapper(raw, encoding="cp850", write_through=True)
    try:
        yield raw
    finally:
        sys.stdout = kept


def test_data_and_messages_take_different_streams(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console()
    console.data(["answer"])
    console.say("message")
    console.error("trouble")
    out, err = capsys.readouterr()
    assert out == "answer\n"
    assert err == "message\ntrouble\n"


def test_json_leaves_nothing_but_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console(as_json=True)
    console.data(["answer"])
    console.document("plan", {"hosts": ["wéb01"]})
    out, _ = capsys.readouterr()
    assert json.loads(out) == {"schema_version": 1, "kind": "plan", "hosts": ["wéb01"]}
    assert out.isascii()


def test_quiet_hides_messages_but_not_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console(verbosity=-1)
    console.say("message")
    console.error("trouble")
    assert capsys.readouterr().err == "trouble\n"


def test_a_console_without_a_glyph_shows_a_question_mark() -> None:
    with old_console() as raw:
        make_console().data(["host → ü"])
        assert raw.getvalue().decode("cp850") == f"host ? ü{os.linesep}"


def test_csv_is_utf_8_with_its_own_line_ends_wherever_it_goes() -> None:
    with old_console() as raw:
        make_console().print_csv("name\r\nBüro 東京\r\n")
        assert raw.getvalue().decode("utf-8") == "name\r\nBüro 東京\r\n"


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_no_escape_sequences_without_a_terminal(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    make_console().error("trouble")
    assert capsys.readouterr().err == "trouble\n"


def test_force_color_colors_and_the_flag_wins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    make_console().error("trouble")
    assert "\x1b[" in capsys.readouterr().err
    make_console(color=False).error("trouble")
    assert capsys.readouterr().err == "trouble\n"


def test_a_reader_that_has_gone_stops_the_output_and_not_the_run() -> None:
    reading, writing = os.pipe()
    kept = sys.stdout
    sys.stdout = os.fdopen(writing, "w")
    try:
        console = make_console()
        os.close(reading)
        for _ in range(3):
            console.data(["x" * 100_000])
        assert not console.out.file.isatty()
    finally:
        sys.stdout.close()
        sys.stdout = kept


def test_columns_are_aligned_without_trailing_blanks() -> None:
    assert columns([("a", "bb", ""), ("ccc", "d", "e")]) == ["a    bb", "ccc  d   e"]
    assert columns([]) == []


def test_a_cell_of_any_length_moves_only_its_own_row() -> None:
    odd = "x" * 5000
    assert columns([("a", "b", "c"), (odd, "b", "c"), ("aaa", "b", "c")]) == ["a    b  c", f"{odd}  b  c", "aaa  b  c"]


PROBLEM = Problem("CA1203", "port 9696 is not free", Position("state/web.yaml", 2, 3), "choose another one")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def texts(problem: Problem) -> list[str]:
    return [line.plain if isinstance(line, Text) else line for line in problem_lines(problem, {})]


def test_a_problem_shows_its_line(folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "web.yaml").write_text("a: 1\n  port: 9696\n", "utf-8")
    assert texts(PROBLEM) == [
        "state/web.yaml:2:3: error CA1203: port 9696 is not free",
        "    2 |   port: 9696",
        "          ^",
        "      hint: choose another one",
    ]


@pytest.mark.parametrize("content", [None, b"a: 1\n", b"\xff\xfe"])
def test_a_problem_in_a_file_that_cannot_be_shown_is_still_said(folder: Path, content: bytes | None) -> None:
    if content is not None:
        (folder / "state").mkdir()
        (folder / "state" / "web.yaml").write_bytes(content)
    assert texts(PROBLEM)[0].endswith("port 9696 is not free")


@pytest.mark.parametrize("line", ["password: hunter2", '{"password": "hunter2"}', "{password: hunter2, port: 1}"])
def test_a_literal_password_is_never_shown(folder: Path, line: str) -> None:
    (folder / "inventory.yaml").write_text(line, "utf-8")
    problem = Problem("CA1502", "a literal password", Position("inventory.yaml", 1, 1))
    assert "hunter2" not in "\n".join(texts(problem))


def test_a_reference_is_shown(folder: Path) -> None:
    (folder / "inventory.yaml").write_text("password: ${env:NAME}", "utf-8")
    assert "${env:NAME}" in texts(Problem("CA1501", "not set", Position("inventory.yaml", 1, 1)))[1]


def test_problems_are_ordered_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    late, early = Problem("CA1", "late", Position("a", 9, 1)), Problem("CA2", "early", severity=Severity.WARNING)
    show_problems(make_console(), [late, early])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[-1] for line in lines] == ["early", "late"]
    assert count([late, early]) == "1 error, 1 warning"
    assert count([late, late]) == "2 errors"
    assert count([]) == ""


def test_a_problem_as_json() -> None:
    document = problem_document(PROBLEM)
    assert (document["id"], document["file"], document["line"], document["column"]) == (
        "CA1203",
        "state/web.yaml",
        2,
        3,
    )
    assert problem_document(Problem("CA1", "m"))["file"] is None


def test_the_console_knows_whether_a_person_can_be_asked() -> None:
    console: Console = make_console()
    assert not console.interactive
