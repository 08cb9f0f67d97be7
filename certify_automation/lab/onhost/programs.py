"""What of the product is installed: by the registry, by the files in its folders, by what runs."""

from __future__ import annotations

from fnmatch import fnmatchcase

from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import PROGRAM_FILES, Computer
from certify_automation.lab.windows.files import join

_NAMES = ("certify the web", "certify certificate manager")
_FILES = ("certify*.exe", "*sqlite*.dll")
_NATIVE = "runtimes\\win-x64\\native"
_USUAL = (join(PROGRAM_FILES, "CertifyTheWeb"), join(f"{PROGRAM_FILES} (x86)", "Certify"))
_MOST_FILES = 40


def installed(computer: Computer) -> list[Json]:
    """The `installed` of an examination."""
    entries = [one for one in computer.surroundings.uninstall if one.name.casefold().startswith(_NAMES)]
    return [
        {"name": one.name, "version": one.version, "location": one.location}
        for one in sorted(entries, key=lambda one: (one.name, one.version or "", one.location or ""))
    ]


def programs(computer: Computer, install_folder: str | None) -> list[Json]:
    """The `programs` of an examination."""
    located = [one.location for one in computer.surroundings.uninstall if one.name.casefold().startswith(_NAMES)]
    roots = {place.rstrip("\\").casefold(): place for place in (install_folder, *_USUAL, *located) if place}
    found: dict[str, Json] = {}
    for root in roots.values():
        below = [join(root, one.name) for one in computer.files.entries(root) if one.is_folder]
        for folder in (root, *below, join(root, _NATIVE)):
            found |= {one["path"].casefold(): one for one in _files(computer, folder)}
    return sorted(found.values(), key=lambda one: str(one["path"]))[:_MOST_FILES]


def processes(computer: Computer) -> list[Json]:
    """The `processes` of an examination."""
    sessions = computer.surroundings.sessions
    return [
        {"name": name, "process_id": number, "session_id": sessions.get(number, 0)}
        for number, name in sorted(computer.services.processes.items())
        if _is_product(name.casefold())
    ]


def _is_product(image: str) -> bool:
    return image == "certify.exe" or (image.startswith("certify.") and image.endswith(".exe"))


def _files(computer: Computer, folder: str) -> list[Json]:
    return [
        {
            "path": join(folder, one.name),
            "version": computer.file_versions.get(join(folder, one.name).casefold()),
            "bytes": one.size,
            "written_utc_ms": unix_ms(one.written),
        }
        for one in computer.files.entries(folder)
        if not one.is_folder and any(fnmatchcase(one.name.casefold(), pattern) for pattern in _FILES)
    ]
