"""A table that fits where it is shown: one line a row in a pipe, fewer and shorter columns on a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from certify_automation.cli.console import Console, columns
from certify_automation.cli.outcomes import STYLES

_GAP = 2
_INDENT = 4
_NARROWEST = 8
_NOTHING = "-"
"""What stands in a cell without a value."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: over it.
        from_width: terminals narrower than this have its cells beneath the row, before the remark.
        shrinks: its cells are cut where the row would not fit otherwise.
    """

    heading: str
    from_width: int = 0
    shrinks: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a cell for each column.

    Attributes:
        remark: in a pipe the last cell; on a terminal beneath the row, if it is notable.
        styles: number of a column -> style of its cell, as for a Segment.
    """

    cells: Sequence[str]
    remark: str = ""
    notable: bool = True
    styles: Sequence[tuple[int, str]] = ()


def show_table(console: Console, heads: Sequence[Column], remark: str, rows: Sequence[Row]) -> None:
    """Print rows with their headings; nothing without rows.

    Args:
        console: where; on a terminal its width counts.
        heads: the columns.
        remark: heading of the remarks, where they are a column.
        rows: of which those that are not notable show their remark in a pipe, and with -v.
    """
    if not rows or console.as_json:
        return
    if not console.out.is_terminal:
        names = [head.heading for head in heads]
        heading, *lines = columns([[*names, remark], *([*row.cells, row.remark] for row in rows)], gap=_GAP)
        console.data([Text(heading, style="bold"), *lines])
        return
    layout = _Layout.of(heads, rows, console.out.width)
    console.data([layout.heading(heads)])
    for row in rows:
        console.data([layout.line(row)])
        if row.notable or console.verbosity > 0:
            console.data(layout.beneath(console, heads, row))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which columns stand in a line, and how wide each is."""

    places: Sequence[int]
    widths: Sequence[int]
    width: int

    @classmethod
    def of(cls, heads: Sequence[Column], rows: Sequence[Row], width: int) -> _Layout:
        places = [place for place, head in enumerate(heads) if head.from_width <= width]
        widths = [max(map(cell_len, (heads[place].heading, *(row.cells[place] for row in rows)))) for place in places]
        shrinking = [number for number, place in enumerate(places) if heads[place].shrinks]
        surplus = sum(widths) + _GAP * (len(places) - 1) - width
        while surplus > 0 and shrinking:
            widest = max(shrinking, key=lambda number: widths[number])
            if widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
            surplus -= 1
        return cls(places, widths, width)

    def heading(self, heads: Sequence[Column]) -> Text:
        return Text(self._joined(heads[place].heading for place in self.places), style="bold")

    def line(self, row: Row) -> Text:
        line, styles = Text(), dict(row.styles)
        for number, place in enumerate(self.places):
            line.append(_fitted(row.cells[place], self.widths[number]), style=STYLES[styles.get(place, "")])
            line.append(" " * _GAP)
        line.rstrip()
        return line

    def beneath(self, console: Console, heads: Sequence[Column], row: Row) -> Iterator[Text]:
        """What has no place in the line or was cut there, with its heading, and the remark; nothing of it twice."""
        shown = dict(zip(self.places, self.widths, strict=True))
        said = {_NOTHING, *(cell for place, cell in enumerate(row.cells) if _fits(cell, shown.get(place)))}
        others = {cell: head.heading.lower() for head, cell in zip(heads, row.cells, strict=True) if cell not in said}
        text = "; ".join(part for part in (*(f"{head} {cell}" for cell, head in others.items()), row.remark) if part)
        for line in Text(text).wrap(console.out, max(self.width - _INDENT, _NARROWEST)):
            line.rstrip()
            yield Text(" " * _INDENT + line.plain, style="dim")

    def _joined(self, cells: Iterable[str]) -> str:
        fitted = (_fitted(cell, width) for cell, width in zip(cells, self.widths, strict=True))
        return (" " * _GAP).join(fitted).rstrip()


def _fits(cell: str, width: int | None) -> bool:
    """Whether a column of that width shows the whole cell; None = there is no such column."""
    return width is not None and cell_len(cell) <= width


def _fitted(cell: str, width: int) -> str:
    return set_cell_size(cell, width) if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"
