from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole

from certify_automation.cli.certificate_table import Column, Row, show_table
from certify_automation.cli.console import Console, columns

HEADS = (Column("HOST", shrinks=True), Column("NAME", shrinks=True), Column("ISSUER", from_width=100), Column("STATUS"))
ROWS = [
    Row(
        ("web01.lab.example", "Büro Nord, große Straße, Haus 17 am Wasserturm", "letsencrypt.org", "ok"),
        "",
        notable=False,
    ),
    Row(
        ("web02.lab.example", "日本語の証明書 東京都千代田区霞が関一丁目二番三号", "zerossl.com", "failed 5x"),
        "because " * 20,
        styles=[(3, "error")],
    ),
]


def shown(width: int | None, *, color: bool = False, verbosity: int = 0, as_json: bool = False) -> list[str]:
    """What a terminal of that width has afterwards, or a pipe for None."""
    text = io.StringIO()
    out = RichConsole(
        file=text,
        force_terminal=width is not None,
        width=width,
        color_system="standard" if color else None,
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    show_table(Console(out, out, as_json, verbosity), HEADS, "WHY", ROWS)
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(width)
    assert max(map(cell_len, lines)) <= width
    assert lines[0].split()[:2] == ["HOST", "NAME"]


def test_a_narrow_terminal_has_the_rest_beneath() -> None:
    narrow, wide = shown(80), shown(132)
    assert "ISSUER" not in narrow[0]
    assert "ISSUER" in wide[0]
    assert narrow[3].startswith("    issuer zerossl.com; because")
    assert wide[3].startswith("    because")
    assert "…" in shown(60)[2]
    assert shown(60)[3] == "    name 日本語の証明書 東京都千代田区霞が関一丁目二番三号;"


@pytest.mark.parametrize("lines", [shown(80)[:3], shown(132)[:3], shown(None)], ids=["80", "132", "pipe"])
def test_columns_are_aligned_under_letters_of_any_width(lines: list[str]) -> None:
    heading, first, second = lines
    places = [cell_len(heading[: heading.index("STATUS")])]
    places += [cell_len(first[: first.rindex("ok")]), cell_len(second[: second.index("failed")])]
    assert len(set(places)) == 1


def test_plain_columns_too() -> None:
    lines = columns([["日本語", "|"], ["Büro", "|"], ["e\u0301cole", "|"], ["long enough", "|"]])
    assert {cell_len(line) for line in lines} == {14}


def test_in_a_pipe_a_row_is_a_line_with_its_remark() -> None:
    lines = shown(None)
    assert len(lines) == 1 + len(ROWS)
    assert lines[0].split() == ["HOST", "NAME", "ISSUER", "STATUS", "WHY"]
    assert ROWS[1].cells[1] in lines[2]
    assert lines[2].endswith("because")


def test_remarks_of_what_is_in_order_are_shown_when_asked_for() -> None:
    assert len(shown(80, verbosity=1)) > len(shown(80))
    assert any(line.strip() == "issuer letsencrypt.org" for line in shown(80, verbosity=1))


def test_colors_only_where_they_are_wanted() -> None:
    assert "\x1b" not in "".join(shown(80))
    assert "\x1b[1;31mfailed 5x" in "".join(shown(80, color=True))


def test_a_document_has_no_table_beside_it() -> None:
    assert shown(80, as_json=True) == []
