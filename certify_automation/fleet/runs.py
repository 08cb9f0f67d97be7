"""What was requested of certification authorities, by run: the guard counts it, and a run goes on from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import Timeout

from certify_automation.errors import Locked, UsageError
from certify_automation.fleet import records
from certify_automation.fleet.record_files import RecordFiles
from certify_automation.fleet.record_lines import ended_line
from certify_automation.fleet.record_reading import read_record
from certify_automation.fleet.records import RecordedRun, RunStart
from certify_automation.fleet.under_way import under_way
from certify_automation.guard.counting import Admission, admit
from certify_automation.guard.limits import LONGEST_WINDOW_SECONDS, Limits
from certify_automation.guard.observing import without_recorded
from certify_automation.guard.requests import CertificateRequest, PastRequest
from certify_automation.model.renewal import RenewalResult

_DAY_MS = 24 * 60 * 60 * 1000


class Ledger:
    """The records of all runs in a state folder, one append-only file a run: `runs/<run id>.jsonl`.

    Counting and reserving is done by one process at a time, whatever machine of the folder it runs on; a run goes on
    in one process at a time, until it ends or the process does. May be used from several threads.

    Attributes:
        patience_seconds: how long it waits for a process that is counting.
    """

    def __init__(self, folder: Path, patience_seconds: float = 60.0) -> None:
        self.patience_seconds = patience_seconds
        self._files = RecordFiles(folder, "runs")

    def reserve(
        self,
        run: RunStart,
        requests: Sequence[CertificateRequest],
        limits: Limits,
        seen: Sequence[PastRequest],
        now_utc_ms: int,
    ) -> Admission:
        """Sort out what the run may request now, and record it before anything is requested.

        It counts what is recorded in the folder and `seen`, which the products requested by themselves, as
        `guard.observing.observed` tells. With the id of a run that is recorded the run goes on: what it had reserved
        for the same certificates, and has no result, is taken as not requested. What any run may have requested within
        the last hour is held while the item has not moved.

        Raises:
            UsageError: CA3210 the folder cannot be used, CA3213 or CA3214 a record in it cannot be read.
            Locked: CA3215 another process does not stop counting, CA3216 another one has this run in hand.
        """
        with self._files.driving(run.run_id), self._alone():
            admission = self.preview(run.run_id, requests, limits, seen, now_utc_ms)
            admitted = {(request.host, request.id) for request in admission.admitted}
            chosen = [(request, (request.host, request.id) in admitted) for request in requests]
            first = "" if self._files.path(run.run_id).exists() else records.start_line(run, now_utc_ms)
            self._files.append(run.run_id, first + records.chosen_lines(chosen, now_utc_ms), now_utc_ms)
        return admission

    def preview(
        self,
        run_id: str,
        requests: Sequence[CertificateRequest],
        limits: Limits,
        seen: Sequence[PastRequest],
        now_utc_ms: int,
    ) -> Admission:
        """What `reserve` would say now; nothing is recorded, and another process may be quicker.

        Raises:
            UsageError: CA3210, CA3213, CA3214, as `reserve`.
        """
        with self._files.usable():
            runs = list(self._runs(now_utc_ms - LONGEST_WINDOW_SECONDS * 1000))
        held = under_way(requests, runs, run_id, now_utc_ms)
        waiting = frozenset(one.request for one in held)
        free = [request for request in requests if request not in waiting]
        again = {(request.host, request.id) for request in free}
        recorded = [past for one in runs for past in one.past(again if one.start.run_id == run_id else ())]
        admission = admit(free, [*recorded, *without_recorded(seen, recorded)], limits, now_utc_ms)
        return replace(admission, held=(*held, *admission.held))

    def wait(self, run_id: str, requests: Sequence[CertificateRequest], now_utc_ms: int) -> None:
        """Record what else belongs to a run and is not requested now: it remains when the run goes on.

        Raises:
            UsageError: as `finished`.
        """
        self._note(run_id, records.chosen_lines([(request, False) for request in requests], now_utc_ms), now_utc_ms)

    def asking(self, run_id: str, host: str, now_utc_ms: int) -> None:
        """Record that a host is about to be asked: until there is a result, its requests may have been made.

        Raises:
            UsageError: as `finished`; then the host must not be asked.
        """
        self._note(run_id, records.asked_line(host, now_utc_ms), now_utc_ms)

    def finished(self, run_id: str, host: str, results: Sequence[RenewalResult], now_utc_ms: int) -> None:
        """Record what became of requests of a host.

        Raises:
            UsageError: CA3210 it cannot be written (what has no result counts as requested), CA3211 no such run.
        """
        self._note(run_id, records.result_line(host, results, now_utc_ms), now_utc_ms)

    def release(self, run_id: str, host: str, ids: Iterable[str], now_utc_ms: int) -> None:
        """Record that requests of a host were surely not made: they do not count any longer.

        Raises:
            UsageError: as `finished`.
        """
        self._note(run_id, records.released_line(host, ids, now_utc_ms), now_utc_ms)

    def ended(self, run_id: str, now_utc_ms: int) -> None:
        """Record that a run came to its end; what it held or left over can still be gone on with.

        Raises:
            UsageError: as `finished`.
        """
        self._note(run_id, ended_line(now_utc_ms), now_utc_ms)
        self._files.let_go(run_id)

    def run(self, run_id: str) -> RecordedRun:
        """The record of a run that is to go on in this process; the first 8 or more digits of its id are enough.

        Raises:
            UsageError: CA3210 the folder cannot be used, CA3211 there is no such run, CA3212 nothing of it is left to
                be done, CA3213 or CA3214 its record cannot be read, CA3217 several runs begin with these digits.
            Locked: CA3216 another process has it in hand.
        """
        run_id = self._files.named(run_id)
        with self._files.driving(run_id):
            run = self._recorded(run_id)
            if not run.remaining:
                raise UsageError("CA3212", f"run {run_id} is finished", hint="begin another one")
            return run

    def left(self, run_id: str) -> int:
        """How many certificates of a run are still to be requested.

        Raises:
            UsageError: CA3210, CA3211, CA3213, CA3214, as `run`.
        """
        return len(self._recorded(run_id).remaining)

    def past(self, since_utc_ms: int) -> tuple[PastRequest, ...]:
        """What was requested since then and counts against limits.

        Raises:
            UsageError: CA3210, CA3213, CA3214, as `reserve`.
        """
        with self._files.usable():
            every = [past for run in self._runs(since_utc_ms) for past in run.past()]
        return tuple(past for past in every if past.at_utc_ms >= since_utc_ms)

    def _recorded(self, run_id: str) -> RecordedRun:
        with self._files.usable():
            run = read_record(self._files.path(run_id)) if self._files.path(run_id).exists() else None
        if run is None:
            raise self._files.unknown(run_id)
        return run

    def _runs(self, since_utc_ms: int) -> Iterator[RecordedRun]:
        """Runs that may have been active since then; others stay shut: a record's file is as old as its last event."""
        try:
            paths = sorted(self._files.folder.iterdir())
        except FileNotFoundError:
            return
        for path in paths:
            if (
                path.suffix == ".jsonl"
                and path.stat().st_mtime_ns // 1_000_000 >= since_utc_ms - _DAY_MS
                and (run := read_record(path))
            ):
                yield run

    def _note(self, run_id: str, line: str, now_utc_ms: int) -> None:
        if not self._files.path(run_id).exists():
            raise self._files.unknown(run_id)
        self._files.append(run_id, line, now_utc_ms, durable=False)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While nobody else counts or reserves."""
        with self._files.usable():
            try:
                with self._files.lock("lock", self.patience_seconds):
                    yield
            except Timeout as error:
                raise Locked(
                    "CA3215",
                    f"another process goes on counting requests in {self._files.folder}",
                    hint="try again; when no other run is going on, that process hangs",
                ) from error
