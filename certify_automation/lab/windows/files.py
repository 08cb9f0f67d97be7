r"""The file system of a simulated computer: Windows paths, case-insensitive and case-preserving, sharing, a full disk.

Two keep the bytes: `MemoryFiles`, and `DirectoryFiles`, whose files other programs (a PowerShell engine) can share:
`C:\ProgramData\Certify` is `ROOT/C/ProgramData/Certify` there.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.clock import Clock
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
    """

    def __init__(self) -> None:
        self.disk_full = False
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
    def _store(self, path: str, content: bytes) -> None: ...

    @abstractmethod
    def _remove(self, path: str) -> None: ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return self.stat(path) is not None

    def write(self, path: str, content: bytes) -> None:
        """Create a file or replace its content, all of it or nothing; the folder must exist."""
        self._check_sharing(path)
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
        """Delete a file; raises Win32Error 2 or 32."""
        self._check_sharing(path)
        if not self.exists(path):
            raise Win32Error(win32.FILE_NOT_FOUND, path)
        self._remove(path)

    def copy(self, source: str, target: str) -> None:
        """Copy a file's content, overwriting."""
        self.write(target, self.read(source))

    def move(self, source: str, target: str, *, overwrite: bool = False) -> None:
        """Rename a file; raises Win32Error 183 when the target exists and may not be overwritten."""
        if self.exists(target) and not overwrite:
            raise Win32Error(win32.ALREADY_EXISTS, target)
        self._check_sharing(target)
        content = self.read(source)
        self._store(target, content)
        self._remove(source)

    def replace(self, new: str, old: str, backup: str) -> None:
        """What [IO.File]::Replace does: `old` goes to `backup` (overwritten), `new` takes its name."""
        if not self.exists(old):
            raise Win32Error(win32.FILE_NOT_FOUND, old)
        self.move(old, backup, overwrite=True)
        self.move(new, old)

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
        """The security descriptor of a path as SDDL: its own, else what its nearest folder hands down."""
        at = path.rstrip("\\")
        while at:
            if at.casefold() in self._security:
                return self._security[at.casefold()]
            at = split(at)[0]
        return "O:S-1-5-18G:S-1-5-18D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)"

    def set_security(self, path: str, sddl: str) -> None:
        """Give a path its own security descriptor."""
        self._security[path.rstrip("\\").casefold()] = sddl

    def securities(self) -> dict[str, str]:
        """The paths (lower case) that have a descriptor of their own."""
        return dict(self._security)

    def _check_sharing(self, path: str) -> None:
        if path.casefold() in self._open:
            raise Win32Error(win32.SHARING_VIOLATION, path)


class MemoryFiles(Files):
    """A disk in memory; last writes come from the computer's clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._nodes: dict[str, tuple[str, bytes | None, datetime]] = {}

    def read(self, path: str) -> bytes:
        """See Files."""
        self._check_sharing(path)
        node = self._nodes.get(path.rstrip("\\").casefold())
        if node is None:
            known = self.exists(split(path)[0])
            raise Win32Error(win32.FILE_NOT_FOUND if known else win32.PATH_NOT_FOUND, path)
        if node[1] is None:
            raise Win32Error(win32.ACCESS_DENIED, path)
        return node[1]

    def stat(self, path: str) -> FileStat | None:
        """See Files."""
        node = self._nodes.get(path.rstrip("\\").casefold())
        if node is None:
            return None
        name, content, written = node
        return FileStat(split(name)[1] or name, len(content or b""), written, content is None)

    def entries(self, folder: str) -> tuple[FileStat, ...]:
        """See Files."""
        above = folder.rstrip("\\").casefold()
        found = [self.stat(key) for key in sorted(self._nodes) if split(key)[0] == above]
        return tuple(entry for entry in found if entry is not None)

    def make_folder(self, path: str) -> None:
        """See Files."""
        path = path.rstrip("\\")
        if path.casefold() in self._nodes:
            return
        above = split(path)[0]
        if above:
            self.make_folder(above)
        self._nodes[path.casefold()] = (path, None, self._clock.now())

    def walk(self) -> dict[str, bytes | None]:
        """See Files."""
        return {name: content for _, (name, content, _) in sorted(self._nodes.items())}

    def _store(self, path: str, content: bytes) -> None:
        known = self._nodes.get(path.casefold())
        name = known[0] if known else join(self._nodes[split(path)[0].casefold()][0], split(path)[1])
        self._nodes[path.casefold()] = (name, content, self._clock.now())

    def _remove(self, path: str) -> None:
        del self._nodes[path.rstrip("\\").casefold()]


class DirectoryFiles(Files):
    """A disk whose files are real ones below `root`; last writes are those of the real file system."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def place(self, path: str) -> Path:
        """The real path of a Windows path; parts that exist are found whatever their case."""
        at = self.root
        for part in path.replace(":", "", 1).split("\\"):
            if not part:
                continue
            exact = at / part
            if not exact.exists() and at.is_dir():
                same = [entry for entry in at.iterdir() if entry.name.casefold() == part.casefold()]
                exact = same[0] if same else exact
            at = exact
        return at

    def read(self, path: str) -> bytes:
        """See Files."""
        self._check_sharing(path)
        place = self.place(path)
        if place.is_dir():
            raise Win32Error(win32.ACCESS_DENIED, path)
        if not place.exists():
            known = place.parent.is_dir()
            raise Win32Error(win32.FILE_NOT_FOUND if known else win32.PATH_NOT_FOUND, path)
        return place.read_bytes()

    def stat(self, path: str) -> FileStat | None:
        """See Files."""
        place = self.place(path)
        return self._entry(place) if place.exists() else None

    def entries(self, folder: str) -> tuple[FileStat, ...]:
        """See Files."""
        place = self.place(folder)
        if not place.is_dir():
            return ()
        return tuple(self._entry(p) for p in sorted(place.iterdir(), key=lambda p: p.name.casefold()))

    def make_folder(self, path: str) -> None:
        """See Files."""
        self.place(path).mkdir(parents=True, exist_ok=True)

    def walk(self) -> dict[str, bytes | None]:
        """See Files."""
        found: dict[str, bytes | None] = {}
        for place in sorted(self.root.rglob("*"), key=lambda p: str(p).casefold()):
            drive, *rest = place.relative_to(self.root).parts
            found["\\".join([f"{drive}:", *rest])] = None if place.is_dir() else place.read_bytes()
        return found

    @staticmethod
    def _entry(place: Path) -> FileStat:
        found = place.stat()
        size = 0 if place.is_dir() else found.st_size
        return FileStat(place.name, size, datetime.fromtimestamp(found.st_mtime, UTC), place.is_dir())

    def _store(self, path: str, content: bytes) -> None:
        place = self.place(path)
        temporary = place.with_name(f"{place.name}.{os.getpid()}.lab")
        temporary.write_bytes(content)
        temporary.replace(place)

    def _remove(self, path: str) -> None:
        place = self.place(path)
        if place.is_dir():
            place.rmdir()
        else:
            place.unlink()
