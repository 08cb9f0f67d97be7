"""Cuts off what outlives its deadline, however slowly the other end keeps talking.

Socket time-outs limit one read; a peer that sends a byte now and then is never cut off by them.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from time import monotonic

from certify_automation.remote.session import Deadline


class Watchdog:
    """One daemon thread for any number of deadlines."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._cut: dict[int, Callable[[], None]] = {}
        self._numbers = count()
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    @contextmanager
    def watching(self, deadline: Deadline, cut: Callable[[], None]) -> Iterator[None]:
        """Call `cut` from another thread if the block is still running when the deadline passes; it must not block."""
        with self._changed:
            number = next(self._numbers)
            self._cut[number] = cut
            heapq.heappush(self._waiting, (deadline.at, number))
            if self._waiting[0][1] == number:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._cut.pop(number, None)

    def _watch(self) -> None:
        while True:
            with self._changed:
                while self._waiting and self._waiting[0][1] not in self._cut:
                    heapq.heappop(self._waiting)
                wait = self._waiting[0][0] - monotonic() if self._waiting else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                cut = self._cut.pop(heapq.heappop(self._waiting)[1])
                cut()


@cache
def watchdog() -> Watchdog:
    """The one of this process."""
    return Watchdog()
