"""Reasons to act on nothing."""

from __future__ import annotations

import re

from certify_automation.lab.onhost.file import folder_access
from certify_automation.lab.onhost.health import plain_url
from certify_automation.lab.onhost.http_sys import sockets, url_owners
from certify_automation.lab.onhost.managed import managed_now
from certify_automation.lab.onhost.service import process_of
from certify_automation.lab.onhost.visit import AUTOMATION_FOLDER, Json, Visit
from certify_automation.lab.windows import SYSTEM_PROCESS, Win32Error
from certify_automation.lab.windows.files import FileStat, join

_NEW_FOLDER = "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
_WHO = "(?:SY|BA|S-1-5-18|S-1-5-32-544)"
_OWNED = rf"O:{_WHO}(?:G:[^(]*)?D:"
_TRUSTED = rf"\(A;[A-Z]*;[^;()]*;;;{_WHO}\)"
_CLOSED_LIST = re.compile(rf"{_OWNED}[A-Z]*P[A-Z]*(?:{_TRUSTED})+")
_INHERITED_LIST = re.compile(rf"{_OWNED}[A-Z]*(?:{_TRUSTED}|\([^;()]*;[A-Z]*ID;[^()]*\))+")
_COPIES = "data-copy"
_CLOSED = "D:P(A;OICI;FA;;;S-1-5-18)(A;OICI;FA;;;S-1-5-32-544)"


def refusal(code: str, message: str, moved: list[str] | None = None) -> Json:
    """The `refusal` of an Outcome."""
    return {"code": code, "message": message, "moved": moved or []}


def folder_refusal(visit: Visit) -> Json | None:
    """The protected folder is made, or closed; it is refused when it is anybody else's, or neither can be done."""
    try:
        return _folder_refusal(visit)
    except Win32Error as error:
        return refusal("lock_folder", error.text)


def _folder_refusal(visit: Visit) -> Json | None:
    files = visit.computer.files
    if not files.exists(AUTOMATION_FOLDER):
        visit.effect("protected folder", lambda: _make_folder(visit))
    access = folder_access(visit.computer, AUTOMATION_FOLDER)
    if access is not None and _CLOSED_LIST.fullmatch(access["sddl"]):
        return None
    others = [
        join(AUTOMATION_FOLDER, entry.name) for entry in files.entries(AUTOMATION_FOLDER) if not _is_copies(entry)
    ]
    copies = join(AUTOMATION_FOLDER, _COPIES)
    inner = folder_access(visit.computer, copies) if files.exists(copies) and copies not in others else None
    others += [] if inner is None or _INHERITED_LIST.fullmatch(inner["sddl"]) else [copies]
    if access is None or others or not _INHERITED_LIST.fullmatch(access["sddl"]):
        said = " ".join([*others, AUTOMATION_FOLDER])
        return refusal("lock_folder", f"Others may act on: {said}")
    closed = access["sddl"].split("D:")[0] + _CLOSED
    visit.effect(f"icacls.exe {AUTOMATION_FOLDER}", lambda: files.set_security(AUTOMATION_FOLDER, closed))
    return None


def _is_copies(entry: FileStat) -> bool:
    """Copies of data are made by hand; anything else in a folder that inherits may be anybody's."""
    return entry.is_folder and entry.name == _COPIES


def _make_folder(visit: Visit) -> None:
    visit.computer.files.make_folder(AUTOMATION_FOLDER)
    visit.computer.files.set_security(AUTOMATION_FOLDER, _NEW_FOLDER)


def stale_refusal(visit: Visit, expects: list[Json]) -> Json | None:
    """The names whose values are no longer those the plan was made from."""
    values = managed_now(visit.computer)
    moved = [one["name"] for one in expects if values.get(one["name"], "absent") != one["value"]]
    return refusal("stale", "The host has changed since the plan was made.", moved) if moved else None


def port_refusal(visit: Visit, check: Json | None, generation: str | None) -> Json | None:
    """A process that is not the service listens at the declared address, or holds its URL."""
    if check is None:
        return None
    own = process_of(visit.computer, check["service"])
    for one in sockets(visit.computer, [check["port"]]):
        if one["process_id"] == own or (generation == "v6" and one["process_id"] == SYSTEM_PROCESS):
            continue
        if _overlaps(one["address"], check["host"]):
            where = f"{one['address']}:{one['port']}"
            return refusal("port_owned", f"{one['process_name'] or ''} ({one['process_id']}) on {where}")
    return _url_refusal(visit, check, own) if generation == "v6" else None


def _url_refusal(visit: Visit, check: Json, own: int) -> Json | None:
    host = f"[{check['host']}]" if ":" in check["host"] else check["host"]
    taken = (f"http://{host}:{check['port']}".lower(), f"http://+:{check['port']}")
    for one in url_owners(visit.computer):
        if own in one["process_ids"]:
            continue
        if plain_url(one["url"]).replace("https://", "http://") in taken:
            holders = " ".join(map(str, one["process_ids"]))
            return refusal("port_owned", f"{one['url']} ({holders})")
    return None


def _overlaps(listener: str, wanted: str) -> bool:
    if listener == "::":
        return True
    addresses = ("127.0.0.1", "::1") if wanted == "localhost" else (wanted,)
    return any(listener in (one, "0.0.0.0") and (listener == one or ":" not in one) for one in addresses)  # noqa: S104
