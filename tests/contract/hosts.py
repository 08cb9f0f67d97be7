"""Simulated computers as a case describes them, each with a disk whose files are real ones."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from certify_automation.lab.certify import NOT_TRUSTED, ApiRequest, Caller, send
from certify_automation.lab.windows import Computer, DirectoryFiles, Installation, StillClock, make_computer
from contract.acts import ACTS, AUTOMATION, DATA
from contract.commands import Commands
from contract.paths import Paths

__all__ = ["AUTOMATION", "DATA", "NOW", "Host", "arrange", "make_host", "make_plan"]

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FILES = {
    "serviceconfig": f"{DATA}\\serviceconfig.json",
    "servers": f"{DATA}\\servers.json",
    "appsettings": f"{DATA}\\appsettings.json",
    "appsettings_core": "C:\\Program Files\\CertifyTheWeb\\appsettings-core.json",
}


@dataclass(frozen=True, slots=True)
class Host:
    """A computer, and who visits it."""

    computer: Computer
    paths: Paths
    caller: Caller
    administrator: bool

    def commands(self) -> Commands:
        """Windows' commands on it."""
        return Commands(self.computer, self.paths, self.api, administrator=self.administrator)

    def api(self, method: str, url: str, body: str) -> dict[str, Any]:
        """A request made on the computer itself."""
        origin, slash, path = url.partition("/api/")
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        request = ApiRequest(method, slash + path, headers, body.encode(), self.caller)
        answer = send(self.computer, origin, request)
        if isinstance(answer, str):
            return {
                "status": None,
                "authenticate": [],
                "type": "",
                "body": None,
                "error": answer,
                "untrusted": answer == NOT_TRUSTED,
            }
        schemes = answer.headers.get("WWW-Authenticate", "")
        return {
            "status": answer.status,
            "authenticate": [schemes] if schemes else [],
            "type": answer.headers.get("Content-Type", ""),
            "body": answer.body.decode("utf-8", "replace"),
            "error": None,
            "untrusted": False,
        }


def make_host(case: Mapping[str, Any], root: Path) -> Host:
    """The computer of a case: `computer`, `product`, `files`, then `arrange`, each act in order."""
    settings = dict(case.get("computer", {}))
    host_settings = {key: settings.pop(key) for key in ("caller", "administrator") if key in settings}
    computer = make_computer(Installation("WEB01", **settings), StillClock(NOW), DirectoryFiles(root))
    host = Host(
        computer,
        Paths(root),
        Caller(host_settings.get("caller", "anonymous")),
        host_settings.get("administrator", True),
    )
    for act in [*_installation(case), *case.get("arrange", [])]:
        arrange(host, act)
    for entry in root.rglob("*"):
        os.utime(entry, (NOW.timestamp(), NOW.timestamp()))
    return host


def _installation(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    product = case.get("product")
    if product is None:
        return []
    content = [{"write": {"path": f"{DATA}\\{name}", "text": text}} for name, text in case.get("files", {}).items()]
    return [{"install": product}, *content, {"start": case.get("service", _service_name(product))}]


def _service_name(product: Mapping[str, Any]) -> str:
    return str(
        product.get("service_name") or {"v6": "Certify.Service", "v7": "Certify.Server.Core"}[product["generation"]]
    )


def arrange(host: Host, act: Mapping[str, Any]) -> None:
    """One act, named by the only key of the mapping."""
    ((name, value),) = act.items()
    ACTS[name](host.computer, value)


def make_plan(case: Mapping[str, Any], host: Host) -> dict[str, Any]:
    """The Plan of a case: file contents and their digests filled in from the text and from the disk."""
    changes = [_change(dict(change), host) for change in case["changes"]]
    endpoint = {"host": "127.0.0.2", "port": 9696, "https": False, **case.get("endpoint", {})}
    return {
        "run_id": hashlib.sha256(case["name"].encode()).hexdigest()[:32],
        "plan_id": "0" * 64,
        "origin": {"by": "ops@admin01", "commit": None, "rolls_back": None, **case.get("origin", {})},
        "expects": [{"name": name, "value": value} for name, value in case.get("expects", {}).items()],
        "changes": changes,
        "health": case.get("health"),
        "port_check": case.get("port_check"),
        "confirm_seconds": case.get("confirm_seconds"),
        "observe": {"endpoint": endpoint, "ports": case.get("ports", [9696, 9700]), "run": None},
    }


def _change(change: dict[str, Any], host: Host) -> dict[str, Any]:
    if change["kind"] == "data_store.restore":
        return _restore(change, host)
    if change["kind"] != "file.write":
        return change
    text = change.pop("text")
    content = None if text is None else text.encode()
    path = _FILES[change["file"]]
    before = host.computer.files.read(path) if host.computer.files.exists(path) else None
    return {
        "path": path,
        "before_sha256": None if before is None else hashlib.sha256(before).hexdigest(),
        "after_sha256": None if content is None else hashlib.sha256(content).hexdigest(),
        "content": None if content is None else base64.b64encode(content).decode("ascii"),
        **change,
    }


def _restore(change: dict[str, Any], host: Host) -> dict[str, Any]:
    entry = host.computer.files.stat(f"{DATA}\\{change['backup']}")
    written = (entry.written - _EPOCH) // timedelta(milliseconds=1) if entry else 0
    path = f"{DATA}\\manageditems.db"
    return {"path": path, "backup_bytes": entry.size if entry else 0, "backup_written_utc_ms": written, **change}
