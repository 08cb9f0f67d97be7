"""A command's output without the details of some hosts."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import IO

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Excerpt:
    """A text stream that leaves out what is told of some hosts: the line that begins with the name, and those indented.

    Hosts left out one after the other are one line of `...`.
    """

    def __init__(self, stream: IO[str], left_out: Collection[str]) -> None:
        self._stream = stream
        self._left_out = left_out
        self._begun = ""
        self._within = False
        self.encoding = getattr(stream, "encoding", None)

    def write(self, text: str) -> int:
        """Hands on every line that is complete, unless it is left out."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._line(line)
        return len(text)

    def _line(self, line: str) -> None:
        plain = _STYLE.sub("", line)
        if not plain.startswith(" "):
            before, self._within = self._within, plain.partition(" ")[0] in self._left_out
            if self._within and not before:
                self._stream.write("...\n")
        if not self._within:
            self._stream.write(line + "\n")

    def flush(self) -> None:
        """Of what has been handed on; a line that is not complete waits."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream behind it."""
        return self._stream.fileno()
