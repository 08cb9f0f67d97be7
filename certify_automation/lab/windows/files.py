"""The file system of a simulated computer: Windows paths, names in any case, sharing, rights, a full disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from certify_automation.lab.windows import inheritance, win32
from certify_automation.lab.windows.win32 import Win32Error


def join(folder: str, name: str) -> str:
    r"""`folder\name`."""
    return f"{folder.rstrip(chr(92))}\\{name}"


def split(path: str) -> tuple[str, str]:
    """The folder and the last part of a path."""
    folder, _, name = path.rstrip("\\").rpartition("\\")
    return folder, name


@dataclass(frozen=True, slots=True)
class FileStat:
    """A directory entry: its name as stored, its length in bytes (0 for a folder), its last write, aware, UTC."""

    name: str
    size: int
    written: datetime
    is_folder: bool = False


class Files(ABC):
    """What programs on the computer see of its disk.

    Attributes:
        disk_full: while True, everything that would store a byte fails with error 112.
        denied: folders and files, in lower case, that nobody may change, nor what is in them: error 5.
    """

    def __init__(self) -> None:
        self.disk_full = False
        self.denied: set[str] = set()
        self._open: dict[str, str] = {}
        self._security: dict[str, str] = {}

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The content of a file; raises Win32Error 2, 3, 5 (a folder) or 32 (opened exclusively)."""

    @abstractmethod
    def stat(self, path: str) -> FileStat | None:
        """The entry of this path, or None."""

    @abstractmethod
    def entries(self, folder: str) -> tuple[FileStat, ...]:
        """What a folder holds, in ordinal order of name ignoring case; nothing if there is no such folder."""

    @abstractmethod
    def make_folder(self, path: str) -> None:
        """Create a folder and those above it; an existing one stays as it is."""

    @abstractmethod
    def walk(self) -> dict[str, bytes | None]:
        """Every path with its content; None for a folder."""

    @abstractmethod
    def set_written(self, path: str, written: datetime) -> None:
        """Set the last write of a file that is there."""

    @abstractmethod
    def _store(self, path: str, content: bytes) -> None: ...

    @abstractmethod
    def _remove(self, path: str) -> None: ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return self.stat(path) is not None

    def write(self, path: str, content: bytes) -> None:
        """Create a file or replace its content, all of it or nothing; the folder must exist."""
        self._check_sharing(path)
        self._check_allowed(path)
        entry = self.stat(path)
        if entry is not None and entry.is_folder:
            raise Win32Error(win32.ACCESS_DENIED, path)
        if not self.exists(split(path)[0]):
            raise Win32Error(win32.PATH_NOT_FOUND, path)
        if self.disk_full and content:
            raise Win32Error(win32.DISK_FULL, path)
        self._store(path, content)

    def append(self, path: str, content: bytes) -> None:
        """Add to the end of a file, creating it if it is absent."""
        self.write(path, (self.read(path) if self.exists(path) else b"") + content)

    def delete(self, path: str) -> None:
        """Delete a file or an empty folder; raises Win32Error 2, 5 or 32."""
        self._check_sharing(path)
        self._check_allowed(path)
        if not self.exists(path):
            raise Win32Error(win32.FILE_NOT_FOUND, path)
        self._remove(path)
        self._security.pop(_key(path), None)

    def delete_folder(self, path: str) -> None:
        """Delete a folder and everything in it, as far as that goes; raises Win32Error 3, 5 or 32."""
        if not self.exists(path):
            raise Win32Error(win32.PATH_NOT_FOUND, path)
        for entry in self.entries(path):
            below = join(path, entry.name)
            if entry.is_folder:
                self.delete_folder(below)
            else:
                self.delete(below)
        self.delete(path)

    def copy(self, source: str, target: str) -> None:
        """Copy a file's content, overwriting."""
        self.write(target, self.read(source))

    def move(self, source: str, target: str, *, overwrite: bool = False) -> None:
        """Rename a file; raises Win32Error 183 when the target exists and may not be overwritten."""
        if self.exists(target) and not overwrite:
            raise Win32Error(win32.ALREADY_EXISTS, target)
        self._check_sharing(target)
        for path in (source, target):
            self._check_allowed(path)
        content = self.read(source)
        self._store(target, content)
        self._remove(source)
        own = self._security.pop(_key(source), None)
        if own is not None:
            self._security[_key(target)] = own

    def replace(self, new: str, old: str, backup: str) -> None:
        """What [IO.File]::Replace does: `old` goes to `backup` (overwritten), `new` takes its name and its rights."""
        if not self.exists(old):
            raise Win32Error(win32.FILE_NOT_FOUND, old)
        own = self._security.get(_key(old))
        self.move(old, backup, overwrite=True)
        self.move(new, old)
        if own is not None:
            self._security[_key(old)] = own

    def open_exclusive(self, path: str, holder: str) -> None:
        """Open for nobody else; raises Win32Error 32 when somebody has it open. `holder` is who has it."""
        self._check_sharing(path)
        if not self.exists(path):
            self.write(path, b"")
        self._open[path.casefold()] = holder

    def close(self, path: str) -> None:
        """End an exclusive opening; a path that is not open is no error."""
        self._open.pop(path.casefold(), None)

    def close_all(self, holder: str) -> None:
        """What the end of a process does to its handles."""
        self._open = {path: by for path, by in self._open.items() if by != holder}

    def forget_handles(self) -> None:
        """What a restart of the computer does."""
        self._open.clear()

    def holder(self, path: str) -> str | None:
        """Who has the file open exclusively."""
        return self._open.get(path.casefold())

    def security(self, path: str) -> str:
        """The security descriptor of a path as SDDL: what was set for it, with what its folder hands down."""
        above, _ = split(path)
        own = self._security.get(_key(path))
        if not above:
            return own or inheritance.ROOT
        if own is not None and inheritance.is_protected(own):
            return own
        entry = self.stat(path)
        return inheritance.combined(own, self.security(above), folder=entry is None or entry.is_folder)

    def set_security(self, path: str, sddl: str) -> None:
        """Give a path its own security descriptor; raises Win32Error 5."""
        self._check_allowed(path)
        self._security[_key(path)] = sddl

    def securities(self) -> dict[str, str]:
        """The paths (lower case) that have a descriptor of their own."""
        return dict(self._security)

    def _check_sharing(self, path: str) -> None:
        if path.casefold() in self._open:
            raise Win32Error(win32.SHARING_VIOLATION, path)

    def _check_allowed(self, path: str) -> None:
        at = _key(path)
        while at:
            if at in self.denied:
                raise Win32Error(win32.ACCESS_DENIED, path)
            at = split(at)[0]


def _key(path: str) -> str:
    return path.rstrip("\\").casefold()
