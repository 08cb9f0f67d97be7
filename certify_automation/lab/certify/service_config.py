"""serviceconfig.json as the service reads it: leniently, and all or nothing.

A type error in any one property discards the whole file silently; the service then starts on its defaults. Nothing is
logged about it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from certify_automation.lab.certify.json_reader import MalformedJson, Members, decode_text, read_object
from certify_automation.lab.windows.files import Files
from certify_automation.lab.windows.win32 import Win32Error

DEFAULTS: dict[str, Any] = {
    "UseHTTPS": False,
    "Port": 9696,
    "Host": "127.0.0.2",
    "HttpChallengeServerPort": 80,
    "LogLevel": "information",
    "ServiceFaultMsg": "",
    "PowershellExecutionPolicy": "Unrestricted",
    "AuthenticationModes": "windows",
    "EnableAutoPortNegotiation": False,
    "ManagementServerHubUri": "",
}
"""The properties of a file the service itself writes, in its order."""

_V7_DEFAULTS: dict[str, Any] = {
    "Transport": "http",
    "PreferModernPowershell": False,
    "CustomPowerShellPaths": [],
    "ManagementServerHubAPI": "",
    "ManagementServerHubEndpoint": "",
    "HubAssignedInstanceId": "",
    "IsManagementHub": False,
}
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_INT32 = range(-(2**31), 2**31)


class Status(Enum):
    """ConfigStatus, which is never written."""

    NEW = 0
    NOT_MODIFIED = 1
    DEFAULT_FAILED = 4


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The settings a start works with; `fault` is why the file was discarded, for the desktop UI only."""

    settings: dict[str, Any]
    status: Status
    fault: str = ""

    @property
    def host(self) -> str | None:
        """Host."""
        value = self.settings["Host"]
        return value if isinstance(value, str) else None

    @property
    def port(self) -> int:
        """Port."""
        return int(self.settings["Port"])


def load(files: Files, path: str) -> LoadedConfig:
    """What the service starts with, given this file (or its absence)."""
    defaults = {**DEFAULTS, **_V7_DEFAULTS}
    entry = files.stat(path)
    if entry is None or entry.is_folder:
        return LoadedConfig(defaults, Status.NEW)
    try:
        text = decode_text(files.read(path))
        if not text.strip():
            return LoadedConfig(defaults, Status.NOT_MODIFIED)
        return LoadedConfig({**defaults, **_typed(read_object(text), defaults)}, Status.NOT_MODIFIED)
    except (MalformedJson, Win32Error) as error:
        return LoadedConfig(
            defaults, Status.DEFAULT_FAILED, f"There was a problem loading the service configuration {path}: {error}"
        )


def written(settings: dict[str, Any]) -> bytes:
    """The file as the v6 service writes it: indented, PascalCase, UTF-8 without a byte order mark, CRLF."""
    kept = {name: settings[name] for name in DEFAULTS}
    return json.dumps(kept, indent=2, ensure_ascii=False).replace("\n", "\r\n").encode()


def _typed(document: Members, defaults: dict[str, Any]) -> dict[str, Any]:
    names = {name.casefold(): name for name in defaults}
    settings: dict[str, Any] = {}
    for member in document:
        name = names.get(member.name.casefold())
        if name is None:
            continue
        settings[name] = _converted(name, member.value, defaults[name])
    return settings


def _converted(name: str, value: Any, default: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(default, bool):
        return _boolean(name, value)
    if isinstance(default, int):
        return _integer(name, value)
    if isinstance(default, list):
        return _strings(name, value)
    return _string(name, value)


def _boolean(name: str, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value != 0
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise _mismatch(name, value, "System.Boolean")


def _integer(name: str, value: Any) -> int:  # noqa: ANN401 - any JSON value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT32:
        raise _mismatch(name, value, "System.Int32")
    return value


def _string(name: str, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise _mismatch(name, value, "System.String")


def _strings(name: str, value: Any) -> list[str | None] | None:  # noqa: ANN401 - any JSON value
    if value is None:
        return None
    if not isinstance(value, list) or isinstance(value, Members):
        raise _mismatch(name, value, "System.String[]")
    return [_string(name, item) for item in value]


def _mismatch(name: str, value: object, wanted: str) -> MalformedJson:
    shown = "{null}" if value is None else value
    return MalformedJson(f"Error converting value {shown} to type '{wanted}'. Path \"{name}\".")
