r"""Disks of simulated computers: what keeps the bytes.

`MemoryFiles`, and `DirectoryFiles`, whose files other programs (a PowerShell engine) can share:
`C:\ProgramData\Certify` is `ROOT/C/ProgramData/Certify` there.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.clock import Clock
from certify_automation.lab.windows.files import Files, FileStat, join, split
from certify_automation.lab.windows.win32 import Win32Error


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
        self._check_allowed(path)
        above = split(path)[0]
        if above:
            self.make_folder(above)
        self._nodes[path.casefold()] = (path, None, self._clock.now())

    def set_written(self, path: str, written: datetime) -> None:
        """See Files."""
        name, content, _ = self._nodes[path.casefold()]
        self._nodes[path.casefold()] = (name, content, written)

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
        if not self.exists(path):
            self._check_allowed(path)
        self.place(path).mkdir(parents=True, exist_ok=True)

    def set_written(self, path: str, written: datetime) -> None:
        """See Files."""
        os.utime(self.place(path), (written.timestamp(), written.timestamp()))

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
