"""A backup of the product in place of its database, and the database of before put back."""

from __future__ import annotations

from typing import Any

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.control import stop_running_service
from certify_automation.lab.onhost.data import copies_of, copy_data, displaced_in
from certify_automation.lab.onhost.file_change import patiently, remove_if_there, remove_waste
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.journal import intend
from certify_automation.lab.onhost.service import named_service, process_of
from certify_automation.lab.onhost.visit import ChangeFailed, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows.files import join, split

SIDECARS = ("-wal", "-shm", "-journal")
_BACKUPS = (".bak", ".bak.old")
_MARK = "whole"
_NEW = ".certify-automation"


def restore_data(run: Run, change: dict[str, Any]) -> Waiting[None]:
    """Put the backup in place while the service is stopped, copies of everything first.

    Raises:
        ChangeFailed: `file_changed`, the backup is another one by now; `service_stop`, the service runs again, or its
            process is still there; `data_copy`, `service_pending`, `deadline`, `journal`.
        Win32Error: something cannot be read, written or moved.
    """
    folder, name = split(change["path"])
    _check_backup(run, folder, change)
    yield from _stop(run, change["service"])
    _check_backup(run, folder, change)
    yield from copy_data(run, folder, copies_of(run), [name + end for end in ("", *SIDECARS, *_BACKUPS)])
    run.check_deadline()
    intend(run)
    yield from patiently(lambda: disk.write(run.visit, join(copies_of(run), _MARK), b""))
    run.acted = True
    yield from _switch(run, change["path"], join(folder, change["backup"]))
    state = named_service(run.visit.computer, change["service"]).state
    if state != "Stopped":
        raise ChangeFailed("service_stop", f"{change['service']} is in the state {state}.")


def put_data_back(run: Run, change: dict[str, Any]) -> Waiting[None]:
    """Put back what stood there, as often as it is asked to; nothing was removed before the copies were whole."""
    files = run.visit.computer.files
    if not files.exists(join(copies_of(run), _MARK)):
        return
    yield from _stop(run, change["service"])
    path = change["path"]
    folder, name = split(path)
    yield from _keep_displaced(run, folder, name)
    copy = join(copies_of(run), name)
    yield from _switch(run, path, copy if files.exists(copy) else "")
    for end in SIDECARS:
        if files.exists(copy + end):
            yield from _copy(run, copy + end, path + end + _NEW)
            yield from patiently(lambda end=end: disk.move(run.visit, path + end + _NEW, path + end))  # type: ignore[misc]


def _stop(run: Run, service: str) -> Waiting[None]:
    """A process that is still there may write to what is copied."""
    computer = run.visit.computer
    process = process_of(computer, service)
    yield from stop_running_service(run, service)
    if process in computer.services.processes:
        raise ChangeFailed("service_stop", f"{service} is stopped, and its process {process} is still there.")


def _keep_displaced(run: Run, folder: str, name: str) -> Waiting[None]:
    """Copy what stands there, once: after a cut the product may have worked with it for days."""
    files, kept = run.visit.computer.files, displaced_in(run)
    if files.exists(join(kept, _MARK)):
        return
    if files.exists(kept):
        disk.remove_folder(run.visit, kept)
    yield from copy_data(run, folder, kept, [name + end for end in ("", *SIDECARS)])
    yield from patiently(lambda: disk.write(run.visit, join(kept, _MARK), b""))


def _check_backup(run: Run, folder: str, change: dict[str, Any]) -> None:
    entry = run.visit.computer.files.stat(join(folder, change["backup"]))
    planned = (change["backup_bytes"], change["backup_written_utc_ms"])
    if entry is None or entry.is_folder or (entry.size, unix_ms(entry.written)) != planned:
        raise ChangeFailed("file_changed", f"{change['backup']} is not the one that the plan was made from.")


def _switch(run: Run, path: str, source: str) -> Waiting[None]:
    """The database is a copy of `source` then, or is not there without one; it has no other files beside it."""
    visit, new = run.visit, path + _NEW
    try:
        if source:
            yield from _copy(run, source, new)
        for end in SIDECARS:
            yield from remove_if_there(visit, path + end)
        if not source:
            yield from remove_if_there(visit, path)
        elif visit.computer.files.exists(path):
            yield from patiently(lambda: disk.replace(visit, new, path, f"{new}.old"))
        else:
            yield from patiently(lambda: disk.move(visit, new, path))
    except Exception:
        yield from remove_waste(visit, new)
        raise
    yield from remove_waste(visit, f"{new}.old")


def _copy(run: Run, source: str, new: str) -> Waiting[None]:
    content = yield from patiently(lambda: run.visit.computer.files.read(source))
    yield from patiently(lambda: disk.write(run.visit, new, content))
