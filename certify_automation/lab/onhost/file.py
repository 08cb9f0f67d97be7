"""Files of the product as a visit reads them: configuration, logs, databases, and the data folder's rights."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.visit import Json, in_automation_folder
from certify_automation.lab.windows import Computer, Win32Error, security, win32
from certify_automation.lab.windows.files import join

LARGEST = 1048576
DATABASES = ("manageditems.db", "manageditems.db-wal", "manageditems.db.bak", "manageditems.db.bak.old")
SESSION_MARKS = ("[ERR]", "FATAL", "Certify Manager Started")

_OWNER = re.compile(r"O:(?P<owner>[A-Z]{2}|S-[0-9-]+)")


def digest(content: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def net_message(error: Win32Error) -> str:
    """The text of the .NET exception for a failed file access."""
    shown = {
        win32.ACCESS_DENIED: f"Access to the path '{error.subject}' is denied.",
        win32.SHARING_VIOLATION: f"The process cannot access the file '{error.subject}' because it is being used by "
        "another process.",
    }
    return shown.get(error.code, error.text)


def config_files(computer: Computer, product: Json) -> Json:
    """The `files` of Facts."""
    facts: Json = {"serviceconfig": None, "servers": None, "appsettings_core": None}
    if product["data_dir"]:
        facts["serviceconfig"] = file_facts(computer, join(product["data_dir"], "serviceconfig.json"))
        facts["servers"] = file_facts(computer, join(product["data_dir"], "servers.json"))
    if product["install_dir"]:
        facts["appsettings_core"] = file_facts(computer, join(product["install_dir"], "appsettings-core.json"))
    return facts


def file_facts(computer: Computer, path: str) -> Json:
    """One entry of the `files` of Facts."""
    facts: Json = {"path": path, "exists": computer.files.exists(path), "content": None, "sha256": None, "error": None}
    if not facts["exists"]:
        return facts
    try:
        content = computer.files.read(path)
    except Win32Error as error:
        facts["error"] = net_message(error)
        return facts
    if len(content) > LARGEST:
        facts["error"] = "The file is larger than 1 MiB."
    else:
        facts["content"] = base64.b64encode(content).decode()
        facts["sha256"] = digest(content)
    return facts


def last_lines(content: bytes, limit: int) -> list[str]:
    """The complete lines among the last `limit` bytes, oldest first."""
    tail = content[-limit:]
    lines = [line.rstrip("\r") for line in tail.decode("utf-8", "replace").lstrip("\ufeff").split("\n")]
    if len(content) > limit:
        lines = lines[1:]
    return lines[:-1] if lines and lines[-1] == "" else lines


def log_facts(computer: Computer, path: str, limit: int, count: int, marks: Sequence[str] = ()) -> Json:
    """One entry of the `logs` of Facts: the last `count` lines, of those that have a mark when marks are given."""
    entry = computer.files.stat(path)
    facts: Json = {"path": path, "exists": entry is not None and not entry.is_folder, "lines": []}
    if not facts["exists"]:
        return facts
    try:
        lines = last_lines(computer.files.read(path), limit)
    except Win32Error:
        return facts
    if marks:
        lines = [line for line in lines if any(mark in line for mark in marks)]
    facts["lines"] = lines[-count:]
    return facts


def startup_log(product: Json) -> str:
    """The path of the log that says where the service listens."""
    name = "service_startup.log" if product["generation"] == "v7" else "service.exceptions.log"
    return join(join(product["data_dir"], "logs"), name)


def start_logs(product: Json) -> tuple[str, ...]:
    """The paths of the logs in which a start says that it failed."""
    if not product["data_dir"]:
        return ()
    first = "unhandled_exceptions.log" if product["generation"] == "v7" else "service.exceptions.log"
    folder = join(product["data_dir"], "logs")
    return (join(folder, first), join(folder, "session.log"))


def logs(computer: Computer, product: Json) -> Json:
    """The `logs` of Facts."""
    facts: Json = {"startup": None, "unhandled": None, "session": None}
    if not product["data_dir"]:
        return facts
    folder = join(product["data_dir"], "logs")
    facts["startup"] = log_facts(computer, startup_log(product), 16384, 40)
    if product["generation"] == "v7":
        facts["unhandled"] = log_facts(computer, join(folder, "unhandled_exceptions.log"), 16384, 40)
    facts["session"] = log_facts(computer, join(folder, "session.log"), 65536, 20, SESSION_MARKS)
    return facts


def data(computer: Computer, product: Json) -> Json:
    """The `data` of Facts."""
    return {
        "files": _databases(computer, product["data_dir"]) if product["data_dir"] else [],
        "copies": _databases(computer, in_automation_folder("data-copy")),
    }


def _databases(computer: Computer, folder: str) -> list[Json]:
    found = []
    for name in DATABASES:
        entry = computer.files.stat(join(folder, name))
        if entry is not None and not entry.is_folder:
            found.append({"name": name, "bytes": entry.size, "written_utc_ms": unix_ms(entry.written)})
    return found


def data_access(computer: Computer, product: Json) -> Json | None:
    """The `data_acl` of Facts."""
    return folder_access(computer, product["data_dir"]) if product["data_dir"] else None


def folder_access(computer: Computer, path: str) -> Json | None:
    """Owner (SID) and descriptor of a folder, or None when there is none."""
    entry = computer.files.stat(path)
    if entry is None or not entry.is_folder:
        return None
    sddl = computer.files.security(path)
    match = _OWNER.match(sddl)
    owner = match["owner"] if match else None
    return {"owner": security.ALIASES.get(owner, owner) if owner else None, "sddl": sddl}
