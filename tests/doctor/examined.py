"""A case of a table of findings: a computer of the plan tables, and what an examination sees around it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from planning.certified import CLOCK_UTC_MS, certificates_json
from planning.computer import DATA, INSTALL, file_json
from planning.observing import checked
from planning.situations import computer

from certify_automation.model.facts import Facts

DAY_MS = 86_400_000
GIB = 1024**3
_PROGRAMS = {
    "v6": (("Certify.Service.exe", "6.1.0.0"), ("Certify.exe", "6.1.0.0"), ("x64\\SQLite.Interop.dll", "1.0.118.0")),
    "v7": (
        ("Certify.Server.Core.exe", "7.0.1.0"),
        ("Certify.exe", "7.0.1.0"),
        ("runtimes\\win-x64\\native\\e_sqlite3.dll", None),
    ),
}
_INSTALLED = {"v6": ("Certify The Web", "6.1.0.0"), "v7": ("Certify Certificate Manager", "7.0.1.0")}
SETTINGS = '{"InstanceId": "6e7d2f8e-3a4e-4d57-9a55-0f5f2f3a6d11", "ConfigDataStoreConnectionId": "(default)"}'


def examination_json(generation: str) -> dict[str, Any]:
    """What is around a healthy host."""
    name, version = _INSTALLED[generation]
    return {
        "addresses": ["10.0.0.5", "fe80::1"],
        "localhost": ["127.0.0.1"],
        "hosts_file": [],
        "excluded_ports": [{"first": 5357, "last": 5357}],
        "disks": [{"name": "C:", "uses": ["system", "data"], "free_bytes": 40 * GIB, "size_bytes": 100 * GIB}],
        "virus_scanners": [{"name": "WdFilter", "state": "Running"}],
        "time_source": "NT5DS",
        "time_service": "Running",
        "account_sid": "S-1-5-18",
        "installed": [{"name": name, "version": version, "location": f"{INSTALL}\\"}],
        "programs": [program_json(f"{INSTALL}\\{name}", version) for name, version in _PROGRAMS[generation]],
        "processes": [],
        "data_folder": [_folder_file(name) for name in ("appsettings.json", "manageditems.db", "serviceconfig.json")],
        "settings": settings_json(SETTINGS),
        "errors": {"path": f"{DATA}\\logs\\session.log", "exists": True, "lines": []},
        "challenges": None,
        "events": [],
    }


def program_json(path: str, version: str | None) -> dict[str, Any]:
    """A program or library as an examination lists it."""
    return {"path": path, "version": version, "bytes": 4096, "written_utc_ms": CLOCK_UTC_MS - 100 * DAY_MS}


def settings_json(content: str | None) -> dict[str, Any]:
    """appsettings.json with this text."""
    data = None if content is None else content.encode()
    return {
        "path": f"{DATA}\\appsettings.json",
        "exists": data is not None,
        "content": None if data is None else base64.b64encode(data).decode(),
        "sha256": None if data is None else hashlib.sha256(data).hexdigest(),
        "error": None,
    }


def document(case: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a visit to a case's host.

    Beside what the plan tables know a case may have: `data` (file -> [bytes, days old]), `certificates` (as in the plan
    tables, null = not asked), `settings` (text of appsettings.json), `folder` (names), `programs` (path -> version),
    `examination` (members to be replaced, null = a visit of another script), `facts` (values by path).
    """
    generation = case.get("generation", "v6")
    made = deepcopy(computer(case).facts_json())
    files = case.get("data", {"manageditems.db": [40960, 0.1], "manageditems.db.bak": [40960, 0.5]})
    made["data"]["files"] = [
        {"name": name, "bytes": size, "written_utc_ms": CLOCK_UTC_MS - round(days * DAY_MS)}
        for name, (size, days) in files.items()
    ]
    if case.get("certificates", {}) is not None:
        made["certificates"] = certificates_json({"items": {"www.example.com": {}}, **case.get("certificates", {})})
    around = examination_json(generation)
    if "settings" in case:
        around["settings"] = settings_json(case["settings"])
    if "folder" in case:
        around["data_folder"] = [_folder_file(name) for name in case["folder"]]
    if "programs" in case:
        around["programs"] = [program_json(path, version) for path, version in case["programs"].items()]
    parts = case.get("examination", {})
    made["examination"] = None if parts is None else {**around, **parts}
    for path, value in case.get("facts", {}).items():
        _put(made, path, value)
    for name, error in case.get("unreadable", {}).items():
        made["files"][name] = file_json(name, None, error)
    if made["examination"] is None:
        del made["examination"]
    return made


def facts(case: Mapping[str, Any]) -> Facts:
    """The facts of a case, which keep the contract."""
    return checked(document(case))


def _put(part: Any, path: str, value: object) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        part = part[int(folder)] if isinstance(part, list) else part[folder]
    if isinstance(part, list):
        part[int(last)] = value
    else:
        part[last] = value


def _folder_file(name: str) -> dict[str, Any]:
    return {"name": name, "bytes": 100, "written_utc_ms": CLOCK_UTC_MS - DAY_MS}
