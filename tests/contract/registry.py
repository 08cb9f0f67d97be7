"""The registry keys of a simulated computer that the scripts read; names compare ignoring case."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from certify_automation.lab.windows import Computer

Values = dict[str, tuple[str, Any]]
_WINDOWS = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion"
_CONTROL = "HKLM:\\SYSTEM\\CurrentControlSet\\Control"
_SERVICES = "HKLM:\\SYSTEM\\CurrentControlSet\\Services"
_FIREWALL = f"{_SERVICES}\\SharedAccess\\Parameters\\FirewallPolicy\\FirewallRules"
_EVENT_SOURCES = f"{_SERVICES}\\EventLog\\Application"
_START_MODES = ("Boot", "System", "Auto", "Manual", "Disabled")
_HTTP = f"{_SERVICES}\\HTTP\\Parameters"


def key(computer: Computer, path: str) -> Values | None:
    """The values of a key as name -> (type, data), None when there is no such key."""
    return {name.casefold(): values for name, values in _keys(computer).items()}.get(path.casefold())


def subkeys(computer: Computer, path: str) -> list[str]:
    """The names of the keys right below a key, in no order that means anything."""
    below = f"{path}\\".casefold()
    found = [name[len(below) :] for name in _keys(computer) if name.casefold().startswith(below)]
    return [name for name in reversed(found) if "\\" not in name]


def named_values(computer: Computer, path: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The keys right below a key with those of their values that are named, None for one that is not there."""
    found = []
    for name in subkeys(computer, path):
        values = key(computer, f"{path}\\{name}") or {}
        found.append({"name": name, "values": {one: values.get(one, ("", None))[1] for one in names}})
    return found


def _keys(computer: Computer) -> dict[str, Values]:
    machine = {name: ("REG_SZ", value) for name, value in computer.environment.items()}
    http: Values = {"Start": ("REG_DWORD", 3)}
    if computer.http.registry is not None:
        http["ListenOnlyList"] = ("REG_MULTI_SZ", list(computer.http.registry))
    keys: dict[str, Values] = {
        f"{_CONTROL}\\Session Manager\\Environment": {"windir": ("REG_EXPAND_SZ", "C:\\Windows"), **machine},
        f"{_CONTROL}\\Session Manager": _renames(computer),
        f"{_CONTROL}\\ComputerName\\ActiveComputerName": {"ComputerName": ("REG_SZ", computer.name)},
        f"{_CONTROL}\\ComputerName\\ComputerName": {
            "ComputerName": ("REG_SZ", "RENAMED" if "computer_name" in computer.pending_reboot else computer.name)
        },
        _HTTP: http,
        f"{_HTTP}\\UrlAclInfo": {url: _binary(data) for url, data in computer.http.reservations.items()},
    }
    if computer.firewall.rules is not None:
        keys[_FIREWALL] = {name: ("REG_SZ", text) for name, text in computer.firewall.rules.items()}
    keys[_EVENT_SOURCES] = {"MaxSize": ("REG_DWORD", 20_971_520)}
    for source, file in computer.events.sources.items():
        keys[f"{_EVENT_SOURCES}\\{source}"] = {"EventMessageFile": ("REG_EXPAND_SZ", file)}
    keys.update(_bindings("SslBindingInfo", computer.ssl_bindings))
    keys.update(_bindings("SslSniBindingInfo", computer.sni_bindings))
    keys.update(_bindings("SslCcsBindingInfo", computer.ccs_bindings))
    keys.update(_surroundings(computer))
    for service in (*computer.services.services(), *computer.services.services(drivers=True)):
        own = computer.service_environment.get(service.name, {})
        lines = [f"{name}={value}" for name, value in own.items()]
        keys[f"{_SERVICES}\\{service.name}"] = {
            "ObjectName": ("REG_SZ", service.account or ""),
            "Start": ("REG_DWORD", _START_MODES.index(service.start_mode)),
            **({"Group": ("REG_SZ", service.group)} if service.group else {}),
            **({"Environment": ("REG_MULTI_SZ", lines)} if lines else {}),
            **({} if service.failure_actions is None else {"FailureActions": _binary(service.failure_actions)}),
            **({"FailureActionsOnNonCrashFailures": ("REG_DWORD", 1)} if service.failure_flag else {}),
        }
    if "component_based_servicing" in computer.pending_reboot:
        keys[f"{_WINDOWS}\\Component Based Servicing\\RebootPending"] = {}
    if "windows_update" in computer.pending_reboot:
        keys[f"{_WINDOWS}\\WindowsUpdate\\Auto Update\\RebootRequired"] = {}
    return keys


def _surroundings(computer: Computer) -> dict[str, Values]:
    """The time service's settings, and what is installed, by turns in the list of 64 and in that of 32 bits."""
    source = computer.surroundings.time_source
    time: Values = {} if source is None else {"Type": ("REG_SZ", source)}
    keys: dict[str, Values] = {f"{_SERVICES}\\W32Time\\Parameters": time}
    branches = ("Microsoft", "WOW6432Node\\Microsoft")
    for number, entry in enumerate(computer.surroundings.uninstall):
        below = f"HKLM:\\SOFTWARE\\{branches[number % 2]}\\Windows\\CurrentVersion\\Uninstall"
        named = {"DisplayName": entry.name, "DisplayVersion": entry.version, "InstallLocation": entry.location}
        values: Values = {name: ("REG_SZ", value) for name, value in named.items() if value is not None}
        keys |= {below: {}, f"{below}\\{{{number}}}_is1": values}
    return keys


def _bindings(parent: str, bindings: Mapping[str, Mapping[str, bytes | str]]) -> dict[str, Values]:
    """The key of one kind of binding, which is not there without any, and one below it for each."""
    keys: dict[str, Values] = {f"{_HTTP}\\{parent}": {}} if bindings else {}
    for name, values in bindings.items():
        keys[f"{_HTTP}\\{parent}\\{name}"] = {
            key: ("REG_SZ", value) if isinstance(value, str) else _binary(value) for key, value in values.items()
        }
    return keys


def _binary(value: bytes) -> tuple[str, str]:
    return ("REG_BINARY", base64.b64encode(value).decode())


def _renames(computer: Computer) -> Values:
    if "pending_file_renames" not in computer.pending_reboot:
        return {"BootExecute": ("REG_MULTI_SZ", ["autocheck autochk *"])}
    return {"PendingFileRenameOperations": ("REG_MULTI_SZ", ["\\??\\C:\\Windows\\Temp\\old.dll", ""])}
