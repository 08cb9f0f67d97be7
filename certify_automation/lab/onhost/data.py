"""The product's data around a start: copies put aside first, and a start that could not open it is not repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.control import restart_service
from certify_automation.lab.onhost.file import DATABASES, last_lines, net_message
from certify_automation.lab.onhost.file_change import patiently
from certify_automation.lab.onhost.visit import ChangeFailed, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

RESTORE = "data_store.restore"
_FAILED = re.compile(r"data ?store|managed items? store|read-?only database", re.IGNORECASE)
_SUCCEEDED = ("Service API bound OK to ", "Certify Manager Started")
_ERRORS = ("[ERR]", "FATAL")
_LOG_BYTES = 65536


def save_data(run: Run) -> Waiting[None]:
    """Copy the databases and their backups to the run's folder; raises ChangeFailed `data_copy`, `deadline`.

    The product drops its oldest backup at every start. What an interrupted attempt has copied is older and stays. A
    change of the plan that has put something else in the database's place has copied what was there.
    """
    if run.data_dir is None or any(change["kind"] == RESTORE for change in run.plan["changes"]):
        return
    yield from copy_data(run, run.data_dir, copies_of(run), DATABASES)
    run.check_deadline()


def copy_data(run: Run, folder: str, target: str, names: Iterable[str]) -> Waiting[None]:
    """Copy those of the files that are there to another folder, all or none; raises ChangeFailed `data_copy`."""
    made: list[str] = []
    try:
        disk.make_folder(run.visit, target)
        for name in names:
            yield from _copy(run, join(folder, name), join(target, name), made)
    except Win32Error as error:
        for path in filter(run.visit.computer.files.exists, made):
            disk.delete(run.visit, path)
        raise ChangeFailed("data_copy", f"The data could not be copied: {net_message(error)}") from error


def _copy(run: Run, path: str, copy: str, made: list[str]) -> Waiting[None]:
    """Copy a file unless there is a copy; what may have come into being is added to `made`."""
    files = run.visit.computer.files
    entry = files.stat(path)
    if entry is None or entry.is_folder or files.exists(copy):
        return
    made += [f"{copy}.new", copy]
    content = yield from patiently(lambda: files.read(path))
    disk.write(run.visit, f"{copy}.new", content)
    disk.move(run.visit, f"{copy}.new", copy)


def undo_restart(run: Run, service: str) -> Waiting[None]:
    """Start again, unless the start before could not open the data; raises ChangeFailed `data_store`."""
    torn = any(step["kind"] == RESTORE and step["status"] == "undo_failed" for step in run.steps)
    said = "its data could not be put back" if torn else data_store_failure(run)
    if said:
        copies = f"copies of its data from before are in {copies_of(run)}"
        raise ChangeFailed(
            "data_store", f"{service} could not open its data and is not started a second time; {copies}: {said}"
        )
    yield from restart_service(run, service)


def data_store_failure(run: Run) -> str:
    """What the last start has logged that says it could not open its data; empty = nothing."""
    files = run.visit.computer.files
    for path, length in run.log_lengths.items():
        found = ""
        content = files.read(path) if files.exists(path) else b""
        new = content[length:] if len(content) >= length else content
        for line in last_lines(new, _LOG_BYTES):
            if any(mark in line for mark in _SUCCEEDED):
                found = ""
            counts = not path.endswith("session.log") or any(mark in line for mark in _ERRORS)
            found = line if counts and _FAILED.search(line) else found
        if found:
            return found
    return ""


def copies_of(run: Run) -> str:
    """The folder of the copies that a run makes."""
    return join(run.folder, "data")


def displaced_in(run: Run) -> str:
    """The folder of the copies of what stood in place of the database when it was put back."""
    return join(copies_of(run), "displaced")
