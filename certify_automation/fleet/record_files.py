"""The files of a state folder to which runs append what they do, each in the hands of one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from certify_automation.desired.settings import Settings
from certify_automation.errors import Locked, UsageError
from certify_automation.fleet.record_lines import resumed_line
from certify_automation.fleet.state_files import StateFiles

STATE_VARIABLE = "CERTIFY_AUTOMATION_STATE"
"""The environment variable that names the state folder."""


def state_folder(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Where what is remembered between runs is kept: the settings' folder, the environment's, or the user's own."""
    if settings.state_directory is not None:
        return Path(settings.state_directory)
    if named := environ.get(STATE_VARIABLE):
        return Path(named).expanduser()
    return user_state_path("certify-automation", appauthor=False)


class RecordFiles:
    """Append-only records, one a run: `<run id>.jsonl` in one folder of the state folder.

    May be used from several threads.

    Attributes:
        folder: where they are; it need not be there.
    """

    def __init__(self, state: Path, name: str) -> None:
        self._files = StateFiles(state, name)
        self.folder = self._files.folder
        self._driven: dict[str, FileLock] = {}
        self._appending = Lock()
        self._continued: set[Path] = set()

    def path(self, run_id: str) -> Path:
        """Of the record of a run."""
        return self.folder / f"{run_id}.jsonl"

    def named(self, digits: str) -> str:
        """The id of the run with this id, or whose id alone begins with these 8 or more digits.

        Raises:
            UsageError: CA3210 the folder cannot be used, CA3211 there is no such run, CA3217 there are several.
        """
        with self.usable():
            return self._files.run_named(digits)

    def unknown(self, run_id: str) -> UsageError:
        """That there is no run with this id (CA3211)."""
        return self._files.unknown(run_id)

    def append(self, run_id: str, text: str, now_utc_ms: int, *, durable: bool = True) -> None:
        """Append lines to a record; durable = they are on the disk when this returns.

        Where an earlier process had the run, a line says first that it goes on: what was cut off is not read then.

        Raises:
            UsageError: CA3210 it cannot be written.
        """
        path = self.path(run_id)
        with self._appending, self.usable():
            file = self._files.open_to_append(path)
            with os.fdopen(file, "r+b") as record:
                content = text.encode("ascii")
                if path not in self._continued and (size := record.seek(0, os.SEEK_END)):
                    record.seek(size - 1)
                    end = b"" if record.read() == b"\n" else b"\n"
                    content = end + resumed_line(now_utc_ms).encode("ascii") + content
                self._continued.discard(path)
                record.write(content)
                record.flush()
                if durable:
                    os.fsync(file)
            with suppress(PermissionError):  # another account's: what was written now has the time of now
                os.utime(path, ns=(now_utc_ms * 1_000_000, now_utc_ms * 1_000_000))
            self._continued.add(path)

    @contextmanager
    def driving(self, run_id: str) -> Iterator[None]:
        """Has the run in hand from now on until it is let go, unless this fails.

        Raises:
            UsageError: CA3210 the folder cannot be used.
            Locked: CA3216 another process has it in hand.
        """
        if run_id in self._driven:
            yield
            return
        self._drive(run_id)
        try:
            yield
        except BaseException:
            self.let_go(run_id)
            raise

    def let_go(self, run_id: str) -> None:
        """Has the run in hand no longer."""
        if driven := self._driven.pop(run_id, None):
            driven.release()

    def lock(self, name: str, timeout_seconds: float) -> FileLock:
        """A lock in the folder for one process at a time.

        Raises:
            OSError: there is no such folder.
        """
        return self._files.lock(name, timeout_seconds)

    @contextmanager
    def usable(self) -> Iterator[None]:
        """Says of a failing system that the folder cannot be used.

        Raises:
            UsageError: CA3210.
        """
        try:
            yield
        except OSError as error:
            raise UsageError(
                "CA3210",
                f"the state folder {self.folder} cannot be used: {error.strerror or error}",
                hint=f"name a folder of your own with `state_directory` in certify-automation.yaml or {STATE_VARIABLE}",
            ) from error

    def _drive(self, run_id: str) -> None:
        with self.usable():
            self._files.make_folder()
            lock = self._files.lock(f"{run_id}.lock", 0)
            try:
                lock.acquire()
            except Timeout as error:
                raise Locked(
                    "CA3216",
                    f"run {run_id} is in hand in another process",
                    hint="wait until that one has ended",
                ) from error
        self._driven[run_id] = lock
