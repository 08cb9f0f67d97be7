"""Removing the records of runs that are kept no longer."""

from __future__ import annotations

import contextlib

from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.run_record import ended_runs
from certify_automation.lab.onhost.visit import Visit
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import Files, join

_LAST = 20
_AGE_MS = 90 * 86400000
_COPIES = 3
_BACKUPS = ("serviceconfig.before", "servers.before", "appsettings_core.before")


def prune(visit: Visit) -> None:
    """Keep the last runs, those of the last 90 days, and never remove the only copy of a file; what resists stays."""
    computer = visit.computer
    ended = ended_runs(computer)
    oldest = unix_ms(computer.clock.now()) - _AGE_MS
    kept = {one.run_id for place, one in enumerate(ended) if place < _LAST or one.started_utc_ms >= oldest}
    for name in _BACKUPS:
        with_it = [one.run_id for one in ended if computer.files.exists(join(one.folder, name))]
        kept.update(with_it[:1])
    with_data = [one for one in ended if computer.files.exists(join(one.folder, "data"))]
    for one in ended:
        if one.run_id not in kept:
            _remove(visit, one.folder)
    for one in with_data[_COPIES:]:
        _remove(visit, join(one.folder, "data"))


def _remove(visit: Visit, folder: str) -> None:
    with contextlib.suppress(Win32Error):
        visit.effect(f"remove {folder}", lambda: _remove_all(visit.computer.files, folder))


def _remove_all(files: Files, folder: str) -> None:
    for entry in files.entries(folder):
        path = join(folder, entry.name)
        if entry.is_folder:
            _remove_all(files, path)
        else:
            files.delete(path)
    if files.exists(folder):
        files.delete(folder)
