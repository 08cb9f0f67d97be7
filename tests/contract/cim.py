"""What CIM answers on a simulated computer: the classes and properties the scripts ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from certify_automation.lab.windows import Computer, Service, accounts
from contract import wql

_LISTEN = 2
_LOCAL_DISK, _DISC = 3, 5


def instances(computer: Computer, query: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of `Get-CimInstance`, with the properties that were asked for and no others.

    A class, property or name that Windows does not have is a KeyError.
    """
    rows = _CLASSES[query["namespace"], query["class_name"]](computer)
    wanted = query["property"]
    found = [row for row in rows if wql.matches(query["filter"], row)]
    return [{name: row[name] for name in wanted} if wanted else row for row in found]


def _operating_system(computer: Computer) -> Iterator[dict[str, Any]]:
    yield {
        "Version": computer.installation.os_version,
        "LastBootUpTime": round(computer.booted.timestamp() * 1000),
        "ProductType": 3,
    }


def _services(computer: Computer) -> Iterator[dict[str, Any]]:
    for one in computer.services.services():
        yield {
            **_row(one),
            "DelayedAutoStart": one.delayed,
            "StartName": one.account,
            "ProcessId": one.process_id,
        }


def _drivers(computer: Computer) -> Iterator[dict[str, Any]]:
    return map(_row, computer.services.services(drivers=True))


def _row(one: Service) -> dict[str, Any]:
    return {
        "Name": one.name,
        "DisplayName": one.display_name,
        "State": one.state,
        "StartMode": one.start_mode,
        "PathName": one.path_name,
        "ExitCode": one.exit_code,
        "ServiceSpecificExitCode": one.service_exit_code,
    }


def _processes(computer: Computer) -> Iterator[dict[str, Any]]:
    for process_id, image in computer.services.processes.items():
        begun = computer.services.begun.get(process_id)
        yield {
            "ProcessId": process_id,
            "Name": image,
            "SessionId": computer.surroundings.sessions.get(process_id, 0),
            "CreationDate": None if begun is None else round(begun.timestamp() * 1000),
        }


def _connections(computer: Computer) -> Iterator[dict[str, Any]]:
    for one in computer.sockets.listeners():
        yield {
            "LocalAddress": one.address,
            "LocalPort": one.port,
            "OwningProcess": one.process_id,
            "State": _LISTEN,
        }


def _adapters(computer: Computer) -> Iterator[dict[str, Any]]:
    yield {"IPEnabled": False, "IPAddress": None}
    for addresses in ([computer.installation.address], [computer.installation.address]):
        yield {"IPEnabled": True, "IPAddress": addresses}


def _volumes(computer: Computer) -> Iterator[dict[str, Any]]:
    hidden = "\\\\?\\Volume{00000000-0000-0000-0000-100000000000}\\"
    yield {"Name": hidden, "DriveType": _LOCAL_DISK, "FreeSpace": 1, "Capacity": 1}
    yield {"Name": "D:\\", "DriveType": _DISC, "FreeSpace": None, "Capacity": None}
    for name, disk in computer.surroundings.disks.items():
        free = 0 if computer.files.disk_full else disk.free_bytes
        yield {"Name": f"{name}\\", "DriveType": _LOCAL_DISK, "FreeSpace": free, "Capacity": disk.size_bytes}


def _accounts(computer: Computer) -> Iterator[dict[str, Any]]:
    sid = accounts.account_sid(computer.name, f"{computer.name}\\Administrator")
    yield {"Name": "Administrator", "LocalAccount": True, "SID": sid}


_CLASSES = {
    ("root/cimv2", "Win32_OperatingSystem"): _operating_system,
    ("root/cimv2", "Win32_Service"): _services,
    ("root/cimv2", "Win32_SystemDriver"): _drivers,
    ("root/cimv2", "Win32_Process"): _processes,
    ("root/cimv2", "Win32_NetworkAdapterConfiguration"): _adapters,
    ("root/cimv2", "Win32_Volume"): _volumes,
    ("root/cimv2", "Win32_UserAccount"): _accounts,
    ("root/StandardCimv2", "MSFT_NetTCPConnection"): _connections,
}
