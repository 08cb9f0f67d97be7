"""Rules of the environment variables that the product reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PureWindowsPath

from certify_automation.desired.rules.declared import Declared, warning
from certify_automation.desired.words import shown
from certify_automation.errors import Problem

_AUTH_MODE = "CERTIFY_SERVICE_AUTH_MODE"
_TRANSPORT = "CERTIFY_SERVICE_TRANSPORT"
_PER_INSTANCE = "CERTIFY_ENABLE_PER_INSTANCE_SETTINGS"
_FOLDERS = ("CERTIFY_APPDATA_PATH", "CERTIFY_APP_DATA")


def check_environment(declared: Declared) -> Iterator[Problem]:
    """Problems of the environment section, and of what contradicts it in service.config."""
    if (declared.variable(_AUTH_MODE) or "").strip().casefold() == "none":
        message = f"{_AUTH_MODE}: none makes every caller of the API an administrator of it"
        hint = "write {state: absent}: Windows authentication is the default"
        yield Problem("CA1244", message, declared.where(f"environment.{_AUTH_MODE}"), hint)
    yield from _folders(declared)
    yield from _transport(declared)
    yield from _endpoints(declared)


def _folders(declared: Declared) -> Iterator[Problem]:
    """The data folder: one of the variables counts for version 6, two for version 7."""
    folders = {name: value for name in _FOLDERS if (value := declared.variable(name)) is not None}
    for name, value in folders.items():
        if not PureWindowsPath(value).is_absolute():
            message = f"{name} is {shown(value)}, which is not a full path"
            yield Problem("CA1247", message, declared.where(f"environment.{name}"), "for example D:\\certify")
    if len({PureWindowsPath(value) for value in folders.values()}) > 1:
        first, second = (declared.where(f"environment.{name}") for name in _FOLDERS)
        message = f"{_FOLDERS[1]} names another data folder than {_FOLDERS[0]} at {first}"
        yield Problem("CA1245", message, second, "give both one value, or declare one of them {state: absent}")
    per_instance, where = declared.variable(_PER_INSTANCE), declared.where(f"environment.{_PER_INSTANCE}")
    if per_instance is not None and per_instance.casefold() not in {"true", "false"}:
        message = f"the product takes {_PER_INSTANCE}: {shown(per_instance)} for false"
        yield warning("CA1246", message, where, 'write "true" or "false"')
    if per_instance is not None and per_instance.casefold() == "true" and _FOLDERS[0] in folders:
        message = f"with {_FOLDERS[0]} version 7 does not read {_PER_INSTANCE}, and version 6 reads nothing else"
        yield warning("CA1246", message, where, "declare one of them {state: absent}")


def _transport(declared: Declared) -> Iterator[Problem]:
    """The variable wins over serviceconfig.json; both know one word, and take every other for http."""
    variable, written = declared.variable(_TRANSPORT), declared.service.get("config", {}).get("transport")
    if variable is None or written is None:
        return
    if (variable.casefold() == "namedpipe") is not (written == "namedpipe"):
        place = declared.where("service.config.transport")
        message = f"{_TRANSPORT} is {shown(variable)} and wins over service.config.transport, {written} at {place}"
        yield Problem("CA1248", message, declared.where(f"environment.{_TRANSPORT}"), "declare the same in both")


def _endpoints(declared: Declared) -> Iterator[Problem]:
    for name, _ in declared.endpoint_variables():
        if declared.config is not None:
            message = f"with {name} version 7 may listen elsewhere than service.config says"
            hint = "write {state: absent}"
            yield warning("CA1249", message, declared.where(f"environment.{name}"), hint)
