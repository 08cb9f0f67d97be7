"""What is wrong around the product: disks, clock, Windows, PowerShell, virus scanners, runs without an end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.due import moment_text, span_text
from certify_automation.model.examination import Disk
from certify_automation.model.finding import Evidence, Finding, Severity
from certify_automation.model.service import ServiceState

_MIB = 1024 * 1024
_FULL = 256 * _MIB
"""With less, an upgrade of the database or a restart of the service can fail."""
_SCARCE = 1024 * _MIB
_CLOCK_LIMIT_MS = 300_000
"""Kerberos refuses a clock that is further off (Microsoft: maximum tolerance for computer clock synchronization)."""
_NO_SOURCE = "NoSync"
_JOURNAL = 1
_FULL_LANGUAGE = "FullLanguage"
_VERSION = re.compile(r"(\d+)\.(\d+)")
_OLDEST_POWERSHELL = (5, 1)
_REASONS = {
    "component_based_servicing": "a role or an update of Windows (component based servicing)",
    "windows_update": "Windows Update",
    "pending_file_renames": "files that are replaced or removed at the next start",
    "computer_name": "a new computer name",
}


def _disk(case: Case) -> Iterator[Finding]:
    for disk in case.examination.disks:
        if disk.free_bytes < _SCARCE:
            found = finding("CA6801", _disk_text(disk), [Evidence("disks", _disk_text(disk))], subject=disk.name)
            full = disk.free_bytes < _FULL
            yield found if full else replace(found, severity=Severity.WARNING)


def _disk_text(disk: Disk) -> str:
    uses = {"system": "Windows", "data": "the product's data"}
    holds = " and ".join(uses[use] for use in disk.uses if use in uses) or "nothing that is known here"
    free, size = disk.free_bytes // _MIB, disk.size_bytes // _MIB
    return f"{disk.name}, which holds {holds}, has {free} MiB free of {size} MiB"


def _clock(case: Case) -> Iterator[Finding]:
    host, around = case.facts.host.clock_utc_ms, case.examination
    ahead_ms = 0 if case.now_utc_ms is None else host - case.now_utc_ms
    off = abs(ahead_ms) > _CLOCK_LIMIT_MS
    unkept = around.time_source == _NO_SOURCE and around.time_service is not ServiceState.RUNNING
    if not (off or unkept):
        return
    evidence = [Evidence("clock of the server", moment_text(host))]
    if case.now_utc_ms is not None:
        evidence.append(Evidence("clock of this computer", moment_text(case.now_utc_ms)))
    if around.time_source is not None:
        evidence.append(Evidence("W32Time", f"Type {around.time_source}"))
    if around.time_service is not None:
        evidence.append(Evidence("W32Time", f"the service is {around.time_service}"))
    direction = "ahead of" if ahead_ms > 0 else "behind"
    parts = [f"the server's clock is {span_text(abs(ahead_ms) // 1000)} {direction} this computer's"] if off else []
    parts += ["Windows has no source of time, and its time service does not run"] if unkept else []
    yield finding("CA6802", "; ".join(parts), evidence)


def _pending_reboot(case: Case) -> Iterator[Finding]:
    asked = case.facts.host.pending_reboot
    if asked:
        cause = f"Windows waits for a restart because of {', '.join(_REASONS.get(one, one) for one in asked)}"
        boot = case.facts.host.boot_utc_ms
        since = [Evidence("last start of Windows", moment_text(boot))] if boot is not None else []
        yield finding("CA6803", cause, [Evidence("registry", ", ".join(asked)), *since])


def _powershell(case: Case) -> Iterator[Finding]:
    host = case.facts.host
    found = []
    if host.language_mode != _FULL_LANGUAGE:
        found.append(("sessions are restricted", Evidence("PowerShell", f"language mode {host.language_mode}")))
    version = _VERSION.match(host.powershell)
    if version and (int(version[1]), int(version[2])) < _OLDEST_POWERSHELL:
        found.append(("it is older than 5.1", Evidence("PowerShell", f"version {host.powershell}")))
    if not host.administrator:
        found.append(("the visit has no administrator's rights", Evidence("whoami", "not an elevated administrator")))
    if found:
        yield finding("CA6804", "; ".join(text for text, _ in found), [evidence for _, evidence in found])


def _virus_scanner(case: Case) -> Iterator[Finding]:
    running = [one for one in case.examination.virus_scanners or () if one.state is ServiceState.RUNNING]
    if running:
        names = ", ".join(one.name for one in running)
        cause = f"{names} watches files and perhaps connections on this server"
        yield finding(
            "CA6805", cause, [Evidence(f"driver {one.name}", "FSFilter Anti-Virus, running") for one in running]
        )


def _open_run(case: Case) -> Iterator[Finding]:
    run = case.facts.open_run
    if run is None or (case.facts.lock.held and not run.awaiting):
        return
    begun = f" of {moment_text(run.started_utc_ms)}" if run.started_utc_ms is not None else ""
    who = f"run {run.run_id} by {run.by}{begun}" if run.by else f"run {run.run_id}"
    evidence = [Evidence("journal", f"{one.kind}: {one.status}") for one in run.steps]
    evidence = evidence or [Evidence("journal", run.error or "no step is recorded")]
    if run.error or run.journal != _JOURNAL:
        cause = f"{who} has no end, and its journal cannot be read: {run.error or f'version {run.journal}'}"
        remedy = Remedy(person="see docs/safety.md for how to undo it by hand and put its folder away")
    elif run.awaiting and run.timer:
        cause = f"{who} waits for its confirmation"
        remedy = Remedy(fix="wait: without a confirmation the server puts everything back by itself")
    else:
        cause = f"{who} was {'not confirmed' if run.awaiting else 'cut off'}"
        remedy = Remedy()
    yield finding("CA6806", cause, evidence, remedy)


SURROUNDINGS: tuple[Rule, ...] = (_disk, _clock, _pending_reboot, _powershell, _virus_scanner, _open_run)
