"""The contract's JSON -> what an examination asked; the document has passed its schema."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from certify_automation.model.config_files import FileContent
from certify_automation.model.examination import (
    Disk,
    Examination,
    FilterService,
    FolderFile,
    InstalledProgram,
    ProgramFile,
    ProgramProcess,
    WindowsEvent,
)
from certify_automation.model.log_tail import LogTail
from certify_automation.model.service import state_from_cim

Json = Mapping[str, Any]


def examination_from_json(j: Json) -> Examination:
    """The `examination` of Facts."""
    scanners, folder, excluded = j["virus_scanners"], j["data_folder"], j["excluded_ports"]
    return Examination(
        addresses=_texts(j["addresses"]),
        localhost=_texts(j["localhost"]),
        hosts_file=tuple(j["hosts_file"]),
        excluded_ports=None if excluded is None else tuple((one["first"], one["last"]) for one in excluded),
        disks=tuple(Disk(**{**one, "uses": tuple(one["uses"])}) for one in j["disks"]),
        virus_scanners=None if scanners is None else tuple(_scanner(one) for one in scanners),
        time_source=j["time_source"],
        time_service=None if j["time_service"] is None else state_from_cim(j["time_service"]),
        account_sid=j["account_sid"],
        installed=tuple(InstalledProgram(**one) for one in j["installed"]),
        programs=tuple(
            ProgramFile(one["path"], one["version"], one["bytes"], one["written_utc_ms"]) for one in j["programs"]
        ),
        processes=tuple(ProgramProcess(**one) for one in j["processes"]),
        data_folder=None if folder is None else tuple(_folder_file(one) for one in folder),
        settings=_file(j["settings"]),
        errors=_log(j["errors"]),
        challenges=_log(j["challenges"]),
        events=tuple(WindowsEvent(**{**one, "values": tuple(one["values"])}) for one in j["events"]),
    )


def _texts(items: list[str] | None) -> tuple[str, ...] | None:
    return None if items is None else tuple(items)


def _scanner(j: Json) -> FilterService:
    return FilterService(j["name"], state_from_cim(j["state"]))


def _folder_file(j: Json) -> FolderFile:
    return FolderFile(j["name"], j["bytes"], j["written_utc_ms"])


def _file(j: Json | None) -> FileContent | None:
    if j is None:
        return None
    content = None if j["content"] is None else base64.b64decode(j["content"])
    return FileContent(j["path"], content, j["sha256"], j["error"] or "")


def _log(j: Json | None) -> LogTail | None:
    return None if j is None else LogTail(j["path"], j["exists"], tuple(j["lines"]))
