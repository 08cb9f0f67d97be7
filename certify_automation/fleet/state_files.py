"""Files of the state folder: for their owner alone, or for the group that its owner has let write to it."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from certify_automation.errors import UsageError

_ID = re.compile(r"[0-9a-f]{8,32}")
_RUNS_SHOWN = 3


class StateFiles:
    """The files of runs in a state folder.

    They are for their owner alone, unless the owner of the state folder has made it writable for its group: then they
    are that group's, whatever the umask, so that several accounts keep one record.

    Attributes:
        folder: where they are; it need not be there.
    """

    def __init__(self, state: Path, name: str) -> None:
        self.folder = state / name
        self._state = state

    def make_folder(self) -> None:
        """Make the folder, where it is not there yet.

        Raises:
            OSError: that is not possible.
        """
        with suppress(FileExistsError):
            self._state.mkdir(0o700, parents=True)
        self.folder.mkdir(0o700, exist_ok=True)
        if (group := self._group()) is not None:
            _let_write(self.folder, group, 0o2770)

    def open_to_append(self, path: Path) -> int:
        """Open one of them, making it where it is not there yet, and give its descriptor.

        Raises:
            OSError: that is not possible.
        """
        group = self._group()
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _mode(group))
        if group is not None:
            _let_write(path, group, _mode(group))
        return file

    def lock(self, name: str, timeout_seconds: float) -> FileLock:
        """A lock for one process at a time; its file stays when it is released, as others may wait for that one.

        Raises:
            OSError: there is no such folder.
        """
        group = self._group()
        path = self.folder / name
        if group is not None:
            os.close(self.open_to_append(path))
        return FileLock(path, timeout=timeout_seconds, mode=_mode(group), thread_local=False)

    def run_named(self, digits: str) -> str:
        """The id of the run with this id, or whose id alone begins with these 8 or more digits.

        Raises:
            UsageError: CA3211 there is none, CA3217 there are several.
            OSError: the folder cannot be read.
        """
        found = sorted(path.stem for path in self.folder.glob(f"{digits}*.jsonl")) if _ID.fullmatch(digits) else []
        if not found:
            raise self.unknown(digits)
        if len(found) > 1:
            message = f"the ids of {len(found)} runs begin with {digits}: {', '.join(found[:_RUNS_SHOWN])}"
            raise UsageError("CA3217", message, hint="say more of its digits")
        return found[0]

    def unknown(self, run_id: str) -> UsageError:
        """That there is no run with this id."""
        return UsageError(
            "CA3211", f"there is no run {run_id!r} in {self.folder}", hint="its id is in the output of the run"
        )

    def _group(self) -> int | None:
        """The group that may write to the state folder; None = only its owner, or a system without such groups."""
        if os.name == "nt" or not self._state.exists():
            return None
        found = self._state.stat()
        return found.st_gid if found.st_mode & stat.S_IWGRP else None


def _mode(group: int | None) -> int:
    return 0o600 if group is None else 0o660


def _let_write(path: Path, group: int, mode: int) -> None:
    found = path.stat()
    if (found.st_gid, stat.S_IMODE(found.st_mode)) != (group, mode):
        with suppress(PermissionError):  # another account's, which has done so
            os.chown(path, -1, group)
            path.chmod(mode)
