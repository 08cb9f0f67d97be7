"""The two streams: data on stdout, messages and progress on stderr; the only place that prints."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.text import Text

from certify_automation.report import SCHEMA_VERSION, WIDTH

Lines = Iterable["str | Text"]
_LAST_STANDARD = 2
_WIDEST_ALIGNED = 80


class _Lasting:
    """A text stream that goes quiet once nothing can be written to it: that must not stop an apply halfway.

    Attributes:
        lost: why what was written after that is missing; empty when nothing is, or the reader went away by itself.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._open = True
        self.lost = ""
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console of another code page shows `?`, and the run goes on
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if self._open:
            try:
                return self._stream.write(text)
            except (OSError, ValueError) as error:
                self._gone(error)
        return len(text)

    def flush(self) -> None:
        if self._open:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._gone(error)

    def isatty(self) -> bool:
        return self._open and self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def exactly(self) -> None:
        """From here on text goes out as UTF-8 with the line ends it has, whatever is usual on this system."""
        if hasattr(self._stream, "reconfigure"):
            self._stream.reconfigure(encoding="utf-8", newline="")

    def _gone(self, error: OSError | ValueError) -> None:
        self._open = False
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            self.lost = error.strerror or str(error)
        try:  # what is still buffered would raise again when the interpreter flushes at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        except (OSError, ValueError):
            return


def hold_standard_descriptors() -> None:
    """Give what the caller closed (`>&-`) to the null device, so that no socket or file takes a standard number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD:
        pass
    os.close(descriptor)


def _rich(stream: IO[str] | None, *, color: bool) -> RichConsole:
    return RichConsole(
        file=_Lasting(stream or io.StringIO()),  # type: ignore[arg-type]  # rich needs no more of a file than this
        color_system="auto" if color else None,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
    )


@dataclass(slots=True)
class Console:
    """What a command writes with.

    Attributes:
        as_json: stdout carries one JSON document and nothing else.
        verbosity: -1 quiet, 0 normal, 1 and 2 more.
    """

    out: RichConsole
    err: RichConsole
    as_json: bool = False
    verbosity: int = 0

    def data(self, lines: Lines) -> None:
        """Lines of the answer; left out when the answer is a JSON document."""
        if not self.as_json:
            for line in lines:
                self.out.print(line)

    def document(self, kind: str, content: Mapping[str, object]) -> None:
        """The answer as one JSON document, when that was asked for; kind is the command."""
        self.print_document({"schema_version": SCHEMA_VERSION, "kind": kind, **content})

    def print_document(self, document: Mapping[str, object]) -> None:
        """A document that is complete already."""
        if self.as_json:
            self.out.file.write(json.dumps(document, indent=2, ensure_ascii=True) + "\n")
            self.out.file.flush()

    def print_csv(self, text: str) -> None:
        """The answer as CSV that is complete already; RFC 4180 fixes its line ends."""
        if isinstance(self.out.file, _Lasting):
            self.out.file.exactly()
        self.out.file.write(text)
        self.out.file.flush()

    def say(self, message: str | Text = "", *, at: int = 0) -> None:
        """A message for the person at the terminal; `at` is the verbosity it needs."""
        if self.verbosity >= at:
            self.err.print(message)

    def error(self, message: str, style: str = "bold red") -> None:
        """What even --quiet does not hide."""
        self.err.print(Text(message, style=style))

    @property
    def lost(self) -> str:
        """Why a part of the answer could not be written to stdout; empty when it could."""
        return self.out.file.lost if isinstance(self.out.file, _Lasting) else ""

    @property
    def width(self) -> int:
        """Columns for paragraphs: those of the terminal, no more than are easily read; so many where there is none."""
        return min(self.out.width, WIDTH) if self.out.is_terminal else WIDTH

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin is not None and sys.stdin.isatty()


def make_console(*, as_json: bool = False, verbosity: int = 0, color: bool = True) -> Console:
    """The console of this process; NO_COLOR, FORCE_COLOR and TERM=dumb are honoured."""
    color = color and not os.environ.get("NO_COLOR")
    return Console(_rich(sys.stdout, color=color), _rich(sys.stderr, color=color), as_json, verbosity)


def columns(rows: Sequence[Sequence[str]], *, gap: int = 2) -> list[str]:
    """Rows as lines with aligned columns.

    The last cell of a row may be of any length; another one of more than 80 columns moves only its own row.
    """
    count = max(map(len, rows), default=0)
    lengths = [[cell_len(row[i]) for row in rows if i < len(row) - 1] for i in range(count)]
    widths = [max((length for length in column if length <= _WIDEST_ALIGNED), default=0) for column in lengths]
    return [
        (" " * gap).join(_padded(cell, width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def _padded(cell: str, width: int) -> str:
    """With blanks up to a width in columns of a terminal, of which letters of East Asia take two."""
    return cell + " " * (width - cell_len(cell))
