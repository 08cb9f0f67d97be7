"""The computer itself: versions, clock, pending reboot, and whether the scripts may run on it."""

from __future__ import annotations

from datetime import datetime

from certify_automation.lab.onhost.visit import Json, Visit

OLDEST = (10, 0, 14393)
"""Windows Server 2016."""

PENDING = ("component_based_servicing", "windows_update", "pending_file_renames", "computer_name")


def unix_ms(time: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return round(time.timestamp() * 1000)


def host_facts(visit: Visit) -> Json:
    """The `host` of Facts."""
    computer = visit.computer
    installation = computer.installation
    return {
        "name": computer.name,
        "os_version": installation.os_version,
        "powershell": installation.powershell_version,
        "edition": "Core" if not installation.powershell_version.startswith("5.") else "Desktop",
        "language_mode": installation.language_mode,
        "administrator": visit.administrator,
        "culture": installation.culture,
        "clock_utc_ms": unix_ms(computer.clock.now()),
        "boot_utc_ms": unix_ms(computer.booted),
        "pending_reboot": [name for name in PENDING if name in computer.pending_reboot],
    }


def host_refusal(visit: Visit) -> Json | None:
    """Why nothing is done on this computer, or None."""
    if not visit.administrator:
        return {"code": "not_administrator", "message": visit.account, "at": ""}
    version = visit.computer.installation.os_version
    if tuple(int(part) for part in version.split(".")) < OLDEST:
        return {"code": "unsupported_windows", "message": version, "at": ""}
    return None
