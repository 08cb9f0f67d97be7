"""Whether the service came up, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from certify_automation.lab.onhost.api import ask
from certify_automation.lab.onhost.file import last_lines, startup_log
from certify_automation.lab.onhost.http_sys import sockets, url_owners
from certify_automation.lab.onhost.service import process_of
from certify_automation.lab.onhost.visit import Json, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Computer, Win32Error

_ENDPOINT = re.compile(r"(https?://(?:\[[^\]/]+\]|[^:/\[\]]+):\d+)(?::[^/]+)?/?", re.IGNORECASE)
_STARTED = re.compile(r"Core service started (.*)$")
_BOUND = re.compile(r"Service API bound OK to (\S+)")
_VERSION = re.compile(r'\s*"?\d+(?:\.\d+)+"?\s*', re.ASCII)
_PORT = re.compile(r":(\d+)/?$")
_LOG_BYTES = 65536
_POLL = 2.0
_SETTLING_MS = 10000
_OK, _UNAUTHORISED = 200, 401


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one moment shows: the API's status, whether the answer is the service's own, and the URLs it has."""

    status: int | None
    answers: bool
    effective: tuple[str, ...]
    error: str = ""


def plain_url(url: str) -> str:
    """`scheme://host:port` in lower case, without path and without the address http.sys may append."""
    match = _ENDPOINT.fullmatch(url.strip())
    return match[1].lower() if match else url.strip()


def started_urls(lines: Iterable[str]) -> list[str]:
    """The v7 log's word on where the last start listens."""
    urls: list[str] = []
    for line in lines:
        if "Service Startup" in line:
            urls = []
        match = _STARTED.search(line)
        if match is not None:
            urls = [url for url in match[1].split(";") if url.strip()]
    return urls


def bound_urls(lines: Iterable[str]) -> list[str]:
    """The v6 log's word on where the last start listens; a later failure takes it back."""
    urls: list[str] = []
    for line in lines:
        if "Service failed to listen on " in line:
            urls = []
        match = _BOUND.search(line)
        if match is not None:
            urls = [match[1]]
    return urls


def wait_for_health(run: Run, health: Json, product: Json) -> Waiting[Json | None]:
    """Wait until the API answers at the declared address and nothing says that it listens elsewhere.

    A log may be written after the first answer, so a contradiction has ten seconds to go away. Sets `run.health`;
    the failure, or None.
    """
    visit = run.visit
    started = visit.monotonic_ms()
    until = run.limit(health["wait_seconds"])
    wanted = plain_url(health["url"])
    answered: int | None = None
    while True:
        seen = _look(run, health, product)
        now = visit.monotonic_ms()
        same = " ".join(seen.effective) == wanted
        if seen.answers and answered is None:
            answered = now
        settled = answered is not None and now >= answered + _SETTLING_MS
        if (seen.answers and same) or settled or now >= until:
            break
        yield _POLL
    run.health = {
        "url": health["url"],
        "healthy": seen.answers and same,
        "status": seen.status,
        "effective": list(seen.effective),
        "waited_ms": now - started,
    }
    if run.health["healthy"]:
        return None
    code = "endpoint_differs" if seen.effective and not same else "health_timeout"
    if code == "health_timeout" and now >= run.until:
        code = "deadline"
    shown = "" if seen.status is None else seen.status
    where = ", ".join(seen.effective)
    message = f"{health['url']}: status '{shown}', listening at '{where}' {seen.error}"
    return {"code": code, "message": message, "step": None}


def _look(run: Run, health: Json, product: Json) -> Evidence:
    """What can be seen now; what cannot be read proves nothing."""
    try:
        return _evidence(run, health, product)
    except Win32Error as error:
        return Evidence(None, answers=False, effective=(), error=error.text)


def _log_lines(computer: Computer, product: Json) -> list[str]:
    if not product["data_dir"]:
        return []
    path = startup_log(product)
    return last_lines(computer.files.read(path), _LOG_BYTES) if computer.files.exists(path) else []


def _evidence(run: Run, health: Json, product: Json) -> Evidence:
    computer = run.visit.computer
    process = process_of(computer, health["service"])
    answer = ask(run.visit, "GET", health["url"], "/api/system/appversion")
    lines = _log_lines(computer, product)
    urls = started_urls(lines) if health["generation"] == "v7" else bound_urls(lines)
    effective = {plain_url(url) for url in urls}
    if health["generation"] == "v7":
        match = _PORT.search(health["url"])
        port = int(match[1]) if match else 0
        owned = any(one["process_id"] == process for one in sockets(computer, [port]))
    else:
        registered = {
            plain_url(one["url"]) for one in url_owners(computer) if process and process in one["process_ids"]
        }
        owned = plain_url(health["url"]) in registered
        effective |= registered
    versioned = answer.status == _OK and _VERSION.fullmatch(answer.body or "") is not None
    asks = answer.status == _UNAUTHORISED and "Negotiate" in answer.authenticate
    answers = versioned or (owned and (asks or answer.untrusted))
    return Evidence(answer.status, answers, tuple(sorted(effective)), answer.error or "")
