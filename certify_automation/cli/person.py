"""The one at the terminal, who confirms what no visit can prove: a host that is reached without a network."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO

from certify_automation.cli.console import Console

_LOOK_UP_SECONDS = 0.2


class Typist:
    """Asks for a host's name to be typed; one question at a time, also from several threads.

    Attributes:
        stopped: whether the run is being interrupted; the question then ends unanswered.
    """

    def __init__(self, console: Console, stopped: Callable[[], bool], keyboard: IO[str] | None = None) -> None:
        self._console = console
        self._stopped = stopped
        self._keyboard = keyboard or sys.stdin
        self._one_at_a_time = threading.Lock()
        self._lines: SimpleQueue[str] | None = None
        self._gone = False

    def __call__(self, host: str, seconds: int) -> bool:
        """Whether the host's name was typed within so many seconds; other words are told to be wrong."""
        until = monotonic() + seconds
        with self._one_at_a_time:
            self._console.error(
                f"{host} is changed, and puts everything back in {seconds} s."
                " Make sure that it can still be reached over the network, then type its name to keep the change:",
                "bold yellow",
            )
            while not self._stopped() and not self._gone and (remaining := until - monotonic()) > 0:
                line = self._next_line(min(remaining, _LOOK_UP_SECONDS))
                if line is None:
                    continue
                if not line:
                    self._gone = True
                    continue
                if line.strip().casefold() == host.casefold():
                    return True
                self._console.error(f"that is not {host}", "yellow")
        self._console.error(f"{host} is not confirmed: it is put back")
        return False

    def _next_line(self, seconds: float) -> str | None:
        """What was typed; None when nothing was in that time, empty when nothing can be any more."""
        if self._lines is None:
            self._lines = SimpleQueue()
            threading.Thread(target=self._read, args=(self._lines,), name="keyboard", daemon=True).start()
        try:
            return self._lines.get(timeout=seconds)
        except Empty:
            return None

    def _read(self, lines: SimpleQueue[str]) -> None:
        with suppress(OSError):  # a terminal that is hung up
            for line in self._keyboard:
                lines.put(line)
        lines.put("")
