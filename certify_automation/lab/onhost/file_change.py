"""Replacing a file of the product so that at every moment one of the two contents stands under its name."""

from __future__ import annotations

import base64
import contextlib
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
    if change["before_sha256"] is not None and files.exists(change["path"]):
        if files.exists(_saved(run, change)):
            raise ChangeFailed("file_write", "This run has changed the file already.")
        old = yield from patiently(lambda: files.read(change["path"]))
        yield from patiently(lambda: disk.write(run.visit, _saved(run, change), old))
    content = base64.b64decode(change["content"] or "")
    digests = (change["before_sha256"] or "", change["after_sha256"] or "")
    yield from _set_bytes(run, change["path"], digests, content)


def restore_changed_file(run: Run, change: dict[str, Any]) -> Waiting[None]:
    """Put the old bytes back, or remove the file when there was none.

    Raises:
        ChangeFailed: `file_changed`, the file is somebody else's; `file_write`, the copy is not what was copied.
        Win32Error: something cannot be read, written or moved.
    """
    visit, path = run.visit, change["path"]
    old = f"{path}.certify-automation.old"
    before, after = change["before_sha256"] or "", change["after_sha256"] or ""
    after = yield from _end_exchange(run, change, (before, after))
    if (yield from _digest(visit, path)) != before:
        content = visit.computer.files.read(_saved(run, change)) if before else b""
        yield from _set_bytes(run, path, (after, before), content)
    yield from remove_waste(visit, old)


def _end_exchange(run: Run, change: dict[str, Any], digests: tuple[str, str]) -> Waiting[str]:
    """Give what an exchange, cut off in its middle, has taken away its name again; nobody else's bytes are lost.

    Returns:
        The digest of what the undo may take away: the second of `digests`, or empty when that is away already.
    """
    visit, path = run.visit, change["path"]
    before, after = digests
    new, old = f"{path}.certify-automation", f"{path}.certify-automation.old"
    taken, found = (yield from _digest(visit, old)), (yield from _digest(visit, path))
    if not taken:
        return after
    # While the new file still has a name of its own, what stands there has come for want of the file: the product
    # writes its defaults, and an administrator may have put something there.
    if found not in ("", *digests) and taken in digests and visit.computer.files.exists(new):
        yield from _displace(run, change, path, found)
        found = ""
    if not found and taken == after:
        return ""
    if not found and before:
        yield from patiently(lambda: disk.move(visit, old, path))
    elif found == after:
        yield from patiently(lambda: disk.replace(visit, old, path, new))
    elif taken not in digests:
        yield from _displace(run, change, old, taken)
    return after


def _displace(run: Run, change: dict[str, Any], path: str, known: str) -> Waiting[None]:
    """Keep somebody else's file in the run's folder; another one there stays, and this one where it is."""
    kept = displaced(run, change)
    if (yield from _digest(run.visit, kept)) == known:
        yield from patiently(lambda: disk.delete(run.visit, path))
    else:
        yield from patiently(lambda: disk.move(run.visit, path, kept))


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
        yield from remove_waste(visit, new)
        raise
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
    yield from remove_waste(visit, old)


def _remove(run: Run, path: str, expected: str) -> Waiting[None]:
    """Take a file away by another name first, and look at it: what is not expected is put back."""
    visit = run.visit
    old = f"{path}.certify-automation.old"
    yield from remove_if_there(visit, old)
    intend(run)
    yield from patiently(lambda: disk.move(visit, path, old))
    run.acted = True
    if (yield from _digest(visit, old)) != expected:
        yield from patiently(lambda: disk.move(visit, old, path))
        run.acted = False
        raise ChangeFailed("file_changed", f"{path} has been changed meanwhile; that content is back in place.")
    yield from remove_waste(visit, old)


def remove_if_there(visit: Visit, path: str) -> Waiting[None]:
    """Delete a file that others may hold for a moment; raises Win32Error."""
    if visit.computer.files.exists(path):
        yield from patiently(lambda: disk.delete(visit, path))


def remove_waste(visit: Visit, path: str) -> Waiting[None]:
    """What is left over and held does not matter: nothing depends on it, and later runs take its name."""
    with contextlib.suppress(Win32Error):
        yield from remove_if_there(visit, path)


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


def displaced(run: Run, change: dict[str, Any]) -> str:
    """Where somebody else's file is kept that stood in place of the one that was put back."""
    return join(run.folder, f"{change['file']}.displaced")
