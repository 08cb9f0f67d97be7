"""Replacing a file of the product so that at every moment one of the two contents stands under its name."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.file import digest
from certify_automation.lab.onhost.journal import intend
from certify_automation.lab.onhost.visit import ChangeFailed, Visit, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error, win32
from certify_automation.lab.windows.files import join

_PASSING = (win32.SHARING_VIOLATION, win32.ACCESS_DENIED)
_TRIES = 5
_PAUSE = 1.0


def write_changed_file(run: Run, change: dict[str, Any]) -> Waiting[None]:
    """Back the file up, then replace it; raises ChangeFailed `file_changed` or `file_write`, Win32Error."""
    files = run.visit.computer.files
    if change["before_sha256"] is not None:
        old = yield from patiently(lambda: files.read(change["path"]))
        disk.write(run.visit, f"{_saved(run, change)}.new", old)
        disk.move(run.visit, f"{_saved(run, change)}.new", _saved(run, change))
    content = base64.b64decode(change["content"] or "")
    digests = (change["before_sha256"] or "", change["after_sha256"] or "")
    yield from _set_bytes(run, change["path"], digests, content)


def restore_changed_file(run: Run, change: dict[str, Any]) -> Waiting[None]:
    """Put the old bytes back, or remove the file when there was none."""
    before = change["before_sha256"] or ""
    if (yield from _digest(run.visit, change["path"])) == before:
        return
    content = run.visit.computer.files.read(_saved(run, change)) if before else b""
    if before and digest(content) != before:
        raise ChangeFailed("file_write", f"{_saved(run, change)} is not the copy that was made.")
    yield from _set_bytes(run, change["path"], (change["after_sha256"] or "", before), content)


def mend_file(run: Run, change: dict[str, Any]) -> Waiting[None]:
    """Give a file a name again that an exchange, cut off in its middle, has left without; remove what is left over."""
    visit, path = run.visit, change["path"]
    new, old = f"{path}.certify-automation", f"{path}.certify-automation.old"
    taken, found = (yield from _digest(visit, old)), (yield from _digest(visit, path))
    if taken and not found:
        yield from patiently(lambda: disk.move(visit, old, path))
    # Somebody else's bytes may have been taken away by an exchange that has not looked at them any more.
    foreign = taken not in ("", change["before_sha256"], change["after_sha256"])
    # While the new file still has a name of its own, what stands there has come for want of the file: the product
    # writes its defaults.
    born = taken == change["before_sha256"] and visit.computer.files.exists(new) and found not in ("", taken)
    if (foreign and found == change["after_sha256"]) or born:
        yield from patiently(lambda: disk.replace(visit, old, path, new))
    for left_over in (new, old):
        yield from _remove_if_there(visit, left_over)


def _set_bytes(run: Run, path: str, digests: tuple[str, str], content: bytes) -> Waiting[None]:
    """From the expected to the wanted content, known by their digests; an empty digest is no file."""
    visit = run.visit
    expected, wanted = digests
    now = yield from _digest(visit, path)
    if now == wanted:
        return
    if now != expected:
        raise ChangeFailed("file_changed", f"{path} is not what the plan was made from.")
    if not wanted:
        yield from _remove(run, path, expected)
        return
    if digest(content) != wanted:
        raise ChangeFailed("file_write", f"The bytes for {path} do not have the digest {wanted}.")
    new = f"{path}.certify-automation"
    try:
        yield from patiently(lambda: disk.write(visit, new, content))
        if expected:
            yield from _switch(run, new, path, expected)
        else:
            yield from _add(run, new, path)
    except (ChangeFailed, Win32Error):
        yield from _remove_if_there(visit, new)
        raise
    yield from _remove_if_there(visit, new)
    if (yield from _digest(visit, path)) != wanted:
        raise ChangeFailed("file_write", f"{path} does not read as written.")


def _add(run: Run, new: str, path: str) -> Waiting[None]:
    files = run.visit.computer.files
    try:
        intend(run)
        yield from patiently(lambda: disk.move(run.visit, new, path))
        run.acted = True
    except Win32Error as error:
        if not files.exists(path):
            raise
        raise ChangeFailed("file_changed", f"{path} has come into being meanwhile.") from error


def _switch(run: Run, new: str, path: str, expected: str) -> Waiting[None]:
    visit = run.visit
    old = f"{new}.old"
    intend(run)
    yield from patiently(lambda: disk.replace(visit, new, path, old))
    run.acted = True
    if (yield from _digest(visit, old)) != expected:
        yield from patiently(lambda: disk.replace(visit, old, path, new))
        run.acted = False
        raise ChangeFailed("file_changed", f"{path} has been changed meanwhile; that content is back in place.")
    yield from patiently(lambda: disk.delete(visit, old))


def _remove(run: Run, path: str, expected: str) -> Waiting[None]:
    """Take a file away by another name first, and look at it: what is not expected is put back."""
    visit = run.visit
    old = f"{path}.certify-automation.old"
    yield from _remove_if_there(visit, old)
    intend(run)
    yield from patiently(lambda: disk.move(visit, path, old))
    run.acted = True
    if (yield from _digest(visit, old)) != expected:
        yield from patiently(lambda: disk.move(visit, old, path))
        run.acted = False
        raise ChangeFailed("file_changed", f"{path} has been changed meanwhile; that content is back in place.")
    yield from patiently(lambda: disk.delete(visit, old))


def _remove_if_there(visit: Visit, path: str) -> Waiting[None]:
    if visit.computer.files.exists(path):
        yield from patiently(lambda: disk.delete(visit, path))


def _digest(visit: Visit, path: str) -> Waiting[str]:
    entry = visit.computer.files.stat(path)
    if entry is None or entry.is_folder:
        return ""
    content = yield from patiently(lambda: visit.computer.files.read(path))
    return digest(content or b"")


def patiently(act: Callable[[], bytes | None]) -> Waiting[bytes]:
    """Virus scanners and editors hold files for moments."""
    for attempt in range(1, _TRIES + 1):
        try:
            return act() or b""
        except Win32Error as error:
            if error.code not in _PASSING or attempt == _TRIES:
                raise
        yield _PAUSE
    raise AssertionError("unreachable")


def _saved(run: Run, change: dict[str, Any]) -> str:
    return join(run.folder, f"{change['file']}.before")
