"""What lines for people are made of."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import NamedTuple, TypeAlias

_HINT_WIDTH = 110


class Segment(NamedTuple):
    """A piece of a line.

    Styles: `heading`, `added`, `removed`, `changed`, `muted`, `ok`, `warning`, `error`; empty = as is.
    """

    style: str
    text: str


Line: TypeAlias = tuple[Segment, ...]


def plain_text(line: Line) -> str:
    """A line without its styles."""
    return "".join(segment.text for segment in line)


def told(style: str, text: str, hint: str) -> Iterator[Line]:
    """A sentence, and below it what to do."""
    yield (Segment(style, text),)
    for line in hint.splitlines():
        for part in wrap(line, _HINT_WIDTH, break_long_words=False, break_on_hyphens=False):
            yield (Segment("muted", f"      {part}"),)
