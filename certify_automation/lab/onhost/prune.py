"""Removing the records of runs that are kept no longer."""

from __future__ import annotations

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.journal import journal_of
from certify_automation.lab.onhost.run_record import BACKUPS, ended_runs, folder_of, folders, has_traces, read_run
from certify_automation.lab.onhost.visit import Visit
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

_LAST = 20
_AGE_MS = 90 * 86400000
_COPIES = 3


def prune(visit: Visit) -> None:
    """Keep the last runs, those of 90 days, and never remove the only copy of a file; what resists stays.

    The days are those before the run before: the clock may be wrong now.
    """
    files, runs = visit.computer.files, ended_runs(visit.computer)
    oldest = min([unix_ms(visit.computer.clock.now()), *(one.started_utc_ms for one in runs[:2])]) - _AGE_MS
    wanted, copies = set(BACKUPS), 0
    for place, one in enumerate(runs):
        only = {name for name in wanted if files.exists(join(one.folder, name))}
        wanted -= only
        if place >= _LAST and one.started_utc_ms < oldest and not only:
            _remove_run(visit, one.folder)
        if files.exists(data := join(one.folder, "data")):
            copies += 1
            if copies > _COPIES:
                disk.remove_folder(visit, data)
    # What never had a first line, and what an interrupted removal has left.
    for name in folders(visit.computer, ended=False):
        if read_run(visit.computer, name) is None and not has_traces(visit.computer, folder_of(name)):
            _remove_run(visit, folder_of(name))


def _remove_run(visit: Visit, folder: str) -> None:
    """The journal goes first, the outcome last: what is left of a folder must not pass for a run that was cut off."""
    try:
        for path in (journal_of(folder), *(join(folder, name) for name in BACKUPS)):
            if visit.computer.files.exists(path):
                disk.delete(visit, path)
    except Win32Error:
        return
    disk.remove_folder(visit, folder)
