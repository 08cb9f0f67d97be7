"""Writing to the disk, each write an effect that may be cut off in its middle."""

from __future__ import annotations

import contextlib

from certify_automation.lab.onhost.visit import Visit
from certify_automation.lab.windows import Files, Win32Error
from certify_automation.lab.windows.files import join


def write(visit: Visit, path: str, content: bytes) -> None:
    """Create a file or replace its content; raises Win32Error."""
    files = visit.computer.files
    half = content[: len(content) // 2]
    visit.effect(f"write {path}", lambda: files.write(path, content), lambda: files.write(path, half))


def append(visit: Visit, path: str, content: bytes) -> None:
    """Add to the end of a file; raises Win32Error."""
    files = visit.computer.files
    half = content[: len(content) // 2]
    visit.effect(f"append {path}", lambda: files.append(path, content), lambda: files.append(path, half))


def move(visit: Visit, source: str, target: str) -> None:
    """Rename a file to a name that is free; raises Win32Error."""
    visit.effect(f"move {target}", lambda: visit.computer.files.move(source, target))


def replace(visit: Visit, new: str, old: str, backup: str) -> None:
    """Exchange two files as ReplaceFile does, which is two renames; raises Win32Error."""
    files = visit.computer.files
    visit.effect(
        f"replace {old}", lambda: files.replace(new, old, backup), lambda: files.move(old, backup, overwrite=True)
    )


def delete(visit: Visit, path: str) -> None:
    """Delete a file; raises Win32Error."""
    visit.effect(f"delete {path}", lambda: visit.computer.files.delete(path))


def make_folder(visit: Visit, path: str) -> None:
    """Create a folder unless it is there."""
    if not visit.computer.files.exists(path):
        visit.effect(f"folder {path}", lambda: visit.computer.files.make_folder(path))


def remove_folder(visit: Visit, folder: str) -> None:
    """Remove a folder with all that is in it, as far as that is possible."""
    files = visit.computer.files
    some = [entry.name for entry in files.entries(folder) if not entry.is_folder][:1]

    def remove_some() -> None:
        for name in some:
            files.delete(join(folder, name))

    with contextlib.suppress(Win32Error):
        visit.effect(f"remove {folder}", lambda: _remove_all(files, folder), remove_some)


def _remove_all(files: Files, folder: str) -> None:
    for entry in files.entries(folder):
        path = join(folder, entry.name)
        if entry.is_folder:
            _remove_all(files, path)
        else:
            files.delete(path)
    if files.exists(folder):
        files.delete(folder)
