"""The product's scheduler: a renewal pass every five minutes, checks of revocation every hour, one pass at a time.

It lives in the running process, and its time is the computer's stopwatch since the process started. Nothing runs by
itself: `settle` lets everything happen that is due by now, each at its moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from certify_automation.lab.certify import due, revocation
from certify_automation.lab.certify.certificate_requests import Attempt, Requester, RequestResult, perform
from certify_automation.lab.certify.data_store import DataStore
from certify_automation.lab.certify.item_rows import Row, UnreadableItem
from certify_automation.lab.certify.renewal_pass import AUTO, MOST_TASKS, Ending, RenewalPass
from certify_automation.lab.windows.win32 import Win32Error

PASS_SECONDS = 300.0
CHECK_SECONDS = 3600.0

_STILL_RUNNING_SECONDS = 600.0
_UNUSABLE = (UnreadableItem, sqlite3.DatabaseError, Win32Error)


class Scheduler:
    """Timers and requests of one process.

    Attributes:
        running: a pass runs. An exception in a pass leaves it set, and no pass starts again before the process does.
    """

    def __init__(self, product: Requester, store: DataStore, started: float) -> None:
        self.running = False
        self._product = product
        self._store = store
        self._clock = product.computer.clock
        self._next_pass = started + PASS_SECONDS
        self._next_check = started + CHECK_SECONDS
        self._pending: list[Ending] = []
        self._results: list[RequestResult] = []
        self._requested: dict[str, float] = {}

    def settle(self, until: float | None = None) -> None:
        """Let happen what is due by now, or by a reading of the stopwatch."""
        end = self._clock.elapsed() if until is None else until
        while self._step(end):
            pass

    def autorenew(self, asked: Mapping[str, Any]) -> list[RequestResult]:
        """POST autorenew with these RenewalSettings; nothing at once when a pass runs.

        Raises:
            UnreadableItem, sqlite3.DatabaseError, Win32Error: as the data is; passes are stuck from then on.
        """
        if self.running:
            return []
        at = self._clock.elapsed()
        self.running = True
        chosen = self._choose(int(asked["mode"]), asked["targetManagedCertificates"], at)
        if asked["isPreviewMode"]:
            chosen = [Ending(at, one.item_id, Attempt(one.attempt.reason, preview=True)) for one in chosen]
        self._begin(chosen, at)
        self.settle()
        if not asked["awaitResults"]:
            return []
        while self._pending:
            self._clock.advance(self._pending[-1].at - self._clock.elapsed())
            self.settle()
        return self._results

    def request(self, item_id: str, *, resume_paused: bool) -> RequestResult:
        """GET renewcert: one request at once, whatever is due and whether a pass runs; it takes its time.

        Raises:
            KeyError: no such item.
            UnreadableItem, sqlite3.DatabaseError, Win32Error: as the data is.
        """
        item = self._item(item_id)
        if self._is_running(item_id):
            return RequestResult(item, succeeded=False, abort=True, message="")
        if item.get("LastRenewalStatus") != due.PAUSED or resume_paused:
            self._requested[item_id] = self._clock.elapsed()
            self._clock.advance(self._product.conditions.seconds(item_id))
            self.settle()
            del self._requested[item_id]
        attempt = Attempt(resume_paused=resume_paused)
        return perform(self._product, self._store, self._item(item_id), attempt, self._clock.now())

    def _step(self, end: float) -> bool:
        """Let the next thing happen that is due until `end`; whether there was one."""
        ending = self._pending[0].at if self._pending else None
        if ending is not None and ending <= min(end, self._next_pass, self._next_check):
            self._end(self._pending.pop(0))
        elif self._next_pass <= min(end, self._next_check):
            self._pass(self._next_pass, end)
        elif self._next_check <= end:
            self._check(self._next_check, end)
        else:
            return False
        return True

    def _pass(self, at: float, end: float) -> None:
        """A pass of the timer; those that cannot find anything are left out, for a clock may be turned by months.

        Of those that are to find nothing the log has the last, so that nobody takes the scheduler for stuck.
        """
        if self.running or not self._product.conditions.timer:
            self._next_pass = _tick_after(at, PASS_SECONDS, min(end, self._pending[-1].at) if self._pending else end)
            if not self.running:
                self._log_pass(0, self._next_pass - PASS_SECONDS)
            return
        self._next_pass = at + PASS_SECONDS
        self.running = True
        try:
            chosen = self._choose(AUTO, (), at)
            quiet = end if chosen else self._quiet_until(at)
        except _UNUSABLE:
            return
        self._begin(chosen, at)
        if not chosen:
            self._next_pass = max(self._next_pass, _tick_after(at, PASS_SECONDS, min(end, quiet) - PASS_SECONDS))

    def _quiet_until(self, at: float) -> float:
        """Until when passes find nothing to do, as long as nobody changes anything."""
        now = self._time(at)
        items = self._renewal_pass().automatic(self._store.items_as_written())
        moments = [due.next_moment(item, self._store.settings, now) for item in items]
        known = [at + (moment - now).total_seconds() for moment in moments if moment is not None]
        return min([*known, self._next_check])

    def _choose(self, mode: int, targets: Sequence[str], at: float) -> list[Ending]:
        found = self._store.items_as_written()
        if found:
            self._store.refresh()
        items = self._renewal_pass()
        if not targets:
            return items.endings(items.wanted(found, mode, self._time(at)), at)
        named = [self._store.item(str(item_id)) for item_id in targets]
        return items.endings([(item, "Renewal was requested.") for item in named if item is not None], at)

    def _renewal_pass(self) -> RenewalPass:
        product = self._product
        return RenewalPass(product.generation, self._store.settings, product.conditions, tuple(self._requested))

    def _begin(self, chosen: list[Ending], at: float) -> None:
        self._results, self._pending, self.running = [], chosen, bool(chosen)
        if chosen:
            self._log_pass(len(chosen), at)

    def _log_pass(self, tasks: int, at: float) -> None:
        line = (
            f"Attempting {tasks} renewal tasks. Max renewal tasks is set to {self._renewal_pass().limit}, "
            f"max supported tasks is {MOST_TASKS}"
        )
        self._product.log("session.log").session(self._time(at), "INF", line)

    def _end(self, ending: Ending) -> None:
        """One request of the pass ends; an exception ends the pass, and leaves it marked as running."""
        try:
            item = self._store.item(ending.item_id)
            if item is not None:
                now = self._time(ending.at)
                self._results.append(perform(self._product, self._store, item, ending.attempt, now))
        except _UNUSABLE:
            self._pending = []
            return
        self.running = bool(self._pending)

    def _check(self, at: float, end: float) -> None:
        """Ask the authorities; what they say changes between two calls of `settle` only, so one look may be enough."""
        telling = revocation.tell_anything(self._product.conditions.authorities)
        self._next_check = at + CHECK_SECONDS
        changed: Sequence[Row] = ()
        try:
            if telling:
                items = self._store.items_as_written()
                changed = revocation.learned(items, telling, self._store.settings, self._time(at))
            if changed:
                self._store.change(changed)
            else:
                self._next_check = _tick_after(at, CHECK_SECONDS, end)
        except _UNUSABLE:
            return

    def _is_running(self, item_id: str) -> bool:
        asked = self._requested.get(item_id)
        recently = asked is not None and self._clock.elapsed() - asked < _STILL_RUNNING_SECONDS
        return recently or any(ending.item_id == item_id for ending in self._pending)

    def _item(self, item_id: str) -> Row:
        item = self._store.item(item_id)
        if item is None:
            raise KeyError(item_id)
        return item

    def _time(self, at: float) -> datetime:
        """The time of day when the stopwatch showed this."""
        return self._clock.now() - timedelta(seconds=self._clock.elapsed() - at)


def _tick_after(tick: float, every: float, moment: float) -> float:
    """The first tick after a moment, ticks being `every` seconds apart and one of them at `tick`."""
    return tick + every * (max(0.0, (moment - tick) // every) + 1)
