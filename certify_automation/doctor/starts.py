"""What the product's logs say of its last start. Pure."""

from __future__ import annotations

import re

from certify_automation.doctor.diagnosis import Case
from certify_automation.model.finding import Evidence

_BOUND, _NOT_BOUND = "Service API bound OK to ", "Service failed to listen on "
_GAVE_UP = "Port negotiation not enabled"
_MARK, _STARTED, _TERMINATING = "Service Startup", "Core service started", "IsTerminating="
_ENTRY = re.compile(r"(?:Service Exception :: )?\[[^\]]*\] :: (?P<text>.*)")
_MOST = 3
_SHOWN = 300
_JUST_STARTED_MS = 180_000
_AFTER_BOOT_MS = 600_000
_NEVER_STARTED = 1077  # ERROR_SERVICE_NEVER_STARTED: not since Windows was started


def failed_start(case: Case) -> tuple[str, ...]:
    """The lines with which the last start failed, oldest first; none when it succeeded or nothing is known of it.

    Version 6 writes nothing at a clean stop, so that the last entry about listening is what counts. Version 7 writes a
    mark when a start begins; one that died has no line of success after it.
    """
    lines = case.log("startup")
    if case.generation != "v7":
        last = _last(lines, _BOUND), _last(lines, _NOT_BOUND)
        return lines[last[1] :] if last[1] > last[0] else ()
    begun = _last(lines, _MARK)
    after = lines[begun + 1 :]
    if begun < 0 or any(_STARTED in line for line in after):
        return ()
    return (lines[begun], *after, *_unhandled(case))


def _unhandled(case: Case) -> tuple[str, ...]:
    lines = case.log("unhandled")
    at = _last(lines, _TERMINATING)
    return lines[at:] if at >= 0 else ()


def _last(lines: tuple[str, ...], text: str) -> int:
    """Index of the last line with the text, -1 without one."""
    return next((index for index in range(len(lines) - 1, -1, -1) if text in lines[index]), -1)


def start_said(case: Case, *texts: str) -> bool:
    """Whether the lines of a failed start have one of these texts, ignoring case."""
    said = "\n".join(failed_start(case)).casefold()
    return any(text.casefold() in said for text in texts)


def start_evidence(case: Case) -> tuple[Evidence, ...]:
    """The telling lines of a failed start: that it failed, and the exception; none without such a start."""
    failed = [line for line in failed_start(case) if line.strip() and not line.lstrip().startswith("at ")]
    died = _last(case.log("unhandled"), _TERMINATING) >= 0
    exceptions = [line for line in failed if _TERMINATING in line or "Exception" in line]
    if case.generation != "v7":
        told = [line for line in failed if _ENTRY.match(line) and _GAVE_UP not in line][:_MOST]
        return tuple(Evidence(case.log_path("startup"), _shown(line)) for line in told)
    startup = [line for line in failed if line in case.log("startup")]
    found = [Evidence(case.log_path("startup"), _shown(line)) for line in startup[-1:]]
    found += [Evidence(case.log_path("unhandled"), _shown(line)) for line in exceptions[:1] if died]
    return tuple(found)


def success_evidence(case: Case) -> tuple[Evidence, ...]:
    """The line that says where the last start listened; none when it failed or nothing is known of it."""
    mark = _STARTED if case.generation == "v7" else _BOUND
    lines = case.log("startup")
    at = _last(lines, mark)
    known = at >= 0 and not failed_start(case)
    return (Evidence(case.log_path("startup"), _shown(lines[at])),) if known else ()


def _shown(line: str) -> str:
    """One line, without the outer exceptions that only pass the inner one on."""
    text = " ".join(line.split())
    if " ---> " in text:
        text = text.rpartition(" ---> ")[2]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def starting(case: Case) -> bool:
    """Whether the service's process began so recently that a listener may still come; its log says nothing else."""
    certificates = case.facts.certificates
    started = certificates.service_started_utc_ms if certificates else None
    if started is None or failed_start(case):
        return False
    return 0 <= case.facts.host.clock_utc_ms - started < _JUST_STARTED_MS


def not_yet_started(case: Case) -> bool:
    """Whether Windows was started so recently that a delayed start is still to come."""
    service, boot = case.service, case.facts.host.boot_utc_ms
    if service is None or boot is None or service.exit_code != _NEVER_STARTED:
        return False
    return 0 <= case.facts.host.clock_utc_ms - boot < _AFTER_BOOT_MS
