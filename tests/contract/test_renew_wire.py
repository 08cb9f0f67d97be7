"""Renewing through real sockets: the scripts' own functions, and the simulated product behind HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.certify import ApiRequest, Caller, send
from certify_automation.onhost import FILES
from contract.engine import HERE, Engine
from contract.renew_scene import AUTO_RENEW, PREFERENCES, RenewScene, make_scene

FOLDER = HERE.parents[1] / "certify_automation" / "onhost"
RESULTS = "/api/managedcertificates/results"
SLEEP = "/sleep/"
JSON = "application/json; charset=utf-8"
HTML = "<html><body>Sign in to the proxy</body></html>"
TRACE = {
    "message": "Object reference not set.\r\n   at Certify.Management.X()",
    "exception": "at Certify.Y() secret-marker",
}
PROBLEM = {
    "title": "One or more validation errors occurred.",
    "status": 400,
    "errors": {"NtpServer": ["secret-marker"]},
}
CASE: dict[str, Any] = {
    "name": "wire",
    "generation": "v7",
    "items": ["web-1", "web-2"],
    "renew": ["web-1", "web-2"],
    "preferences": [["renewalIntervalDays", 75, 60]],
}
PRELUDE = r"""
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 3.0
$env:http_proxy = 'http://127.0.0.1:9'
$script:passed = 0
function Get-ProductFacts { @{ data_dir = $env:LAB_DATA } }
function Get-MonotonicMs { $script:passed }
function Start-Sleep([int]$Milliseconds) {
    $script:passed += $Milliseconds
    $null = (Invoke-LocalApi "$env:LAB_URL/sleep/$Milliseconds").Status
}
$call = @{ Parameters = ConvertFrom-Json -InputObject (@($input) -join ''); DeadlineSeconds = 600 }
$work = New-Work $call
$work.Url = $env:LAB_URL
[Console]::Out.WriteLine((Invoke-Work $work))
"""


@dataclass(slots=True)
class Wire:
    """The product of a scene behind a port.

    Attributes:
        answers: verb and path -> what is answered in the product's place: status and content; for a list, the first
            ones of it. `lost`: the product has the request, and the connection ends without an answer; `unheard`: it
            has not.
        unseen: ids of items that cannot be read any more once they were.
        asked: every request that arrived.
    """

    scene: RenewScene
    answers: dict[str, Any] = field(default_factory=dict)
    unseen: Sequence[str] = ()
    asked: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes] | None:
        if path.startswith(SLEEP):
            self.scene.host.computer.pass_time(int(path.removeprefix(SLEEP)) / 1000)
            return 200, JSON, b"{}"
        self.asked.append(f"{method} {path}")
        self.types.append(headers.get("Content-Type", ""))
        planned = self.answers.get(f"{method} {path}")
        if path == RESULTS and self._hides(json.loads(body).get("id")):
            planned = (500, TRACE)
        if isinstance(planned, list):
            planned = planned.pop(0) if planned else None
        if planned == "unheard":
            return None
        if planned is None or planned == "lost":
            request = ApiRequest(method, path, dict(headers), body, Caller.ADMINISTRATOR)
            answer = send(self.scene.host.computer, "http://127.0.0.2:9696", request)
            if planned == "lost" or isinstance(answer, str):
                return None
            return answer.status, answer.headers.get("Content-Type", ""), answer.body
        status, content = planned
        if isinstance(content, str):
            return status, "text/html", content.encode()
        return status, "application/problem+json" if "title" in content else JSON, json.dumps(content).encode()

    def _hides(self, item_id: str | None) -> bool:
        """Whether this item cannot be read: it was requested."""
        return item_id in self.unseen and f"POST {AUTO_RENEW}" in self.asked


@contextmanager
def served(wire: Wire) -> Iterator[int]:
    """On a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = wire.answer(self.command, self.path, dict(self.headers.items()), body)
            if answer is None:
                self.close_connection = True
                return
            status, kind, content = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def done(engine: Engine, wire: Wire) -> dict[str, Any]:
    """What the scripts make of it."""
    names = [name for name in FILES["Renew"] if name != "WindowsCertificates.ps1"]
    text = "".join(f". '{FOLDER / name}'\n" for name in names) + PRELUDE
    data = wire.scene.host.paths.root / "C" / "ProgramData" / "certify"
    with served(wire) as port:
        variables = {"LAB_DATA": str(data), "LAB_URL": f"http://127.0.0.1:{port}"}
        finished = engine.run(text, json.dumps(wire.scene.parameters()).encode("ascii"), variables)
    assert finished.stderr == "", finished.stderr
    assert "secret-marker" not in finished.stdout
    assert "at Certify" not in finished.stdout
    wire.scene.check_requests()
    return dict(json.loads(finished.stdout))


def outcome(found: dict[str, Any]) -> tuple[Any, Any, list[str]]:
    """The code of the refusal; the status or code of preferences; the statuses of the renewals."""
    preferences = found["preferences"]
    failure = preferences and preferences["failure"]
    refused = found["refusal"] and found["refusal"]["code"]
    said = preferences and (failure["code"] if failure else preferences["status"])
    return refused, said, [one["status"] for one in found["renewals"]]


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_what_is_sent_is_understood(engine: Engine, tmp_path: Path, generation: str) -> None:
    wire = Wire(make_scene({**CASE, "generation": generation}, tmp_path))
    assert outcome(done(engine, wire)) == (None, "done", ["renewed", "renewed"])
    assert set(wire.types) == {"", "application/json"}
    assert wire.asked.count(f"POST {AUTO_RENEW}") == 1
    assert wire.asked.count(f"POST {PREFERENCES}") == 1


TROUBLE: dict[str, tuple[dict[str, Any], tuple[Any, Any, list[str]], str]] = {
    "the answer to the request is lost": ({f"POST {AUTO_RENEW}": "lost"}, (None, "done", ["renewed", "renewed"]), ""),
    "the request is lost": (
        {f"POST {AUTO_RENEW}": "unheard"},
        (None, "done", ["not_started", "not_started"]),
        "POST /api/managedcertificates/autorenew: ",
    ),
    "the request ends in an exception": (
        {f"POST {AUTO_RENEW}": (500, TRACE)},
        (None, "done", ["not_started", "not_started"]),
        "POST /api/managedcertificates/autorenew: 500 Object reference not set.",
    ),
    "the request is refused": (
        {f"POST {AUTO_RENEW}": (401, HTML)},
        (None, "done", ["not_started", "not_started"]),
        "POST /api/managedcertificates/autorenew: 401 text/html",
    ),
    "the API is gone for two looks": (
        {f"POST {RESULTS}": [None, None, None, (500, TRACE), (503, HTML)]},
        (None, "done", ["renewed", "renewed"]),
        "",
    ),
    "items cannot be looked at": (
        {f"POST {RESULTS}": [None, (500, TRACE)]},
        (None, "done", ["not_run", "not_run"]),
        "Object reference not set.",
    ),
    "preferences are lost": (
        {f"POST {PREFERENCES}": "lost"},
        (None, "preferences_refused", ["renewed", "renewed"]),
        "",
    ),
    "preferences are refused": (
        {f"POST {PREFERENCES}": (400, PROBLEM)},
        (None, "preferences_refused", ["renewed", "renewed"]),
        "POST /api/preferences: 400 application/problem+json NtpServer",
    ),
    "a proxy takes the preferences": (
        {f"POST {PREFERENCES}": (200, HTML)},
        (None, "preferences_refused", ["renewed", "renewed"]),
        "Afterwards these read otherwise: renewalIntervalDays",
    ),
    "a page instead of preferences": (
        {f"GET {PREFERENCES}": (200, HTML)},
        ("api_answer", "not_run", ["not_run"] * 2),
        "text/html",
    ),
    "nothing instead of preferences": (
        {f"GET {PREFERENCES}": (200, "null")},
        ("api_answer", "not_run", ["not_run"] * 2),
        "text/html",
    ),
    "an exception instead of preferences": (
        {f"GET {PREFERENCES}": (500, TRACE)},
        ("api_status", "not_run", ["not_run"] * 2),
        "Object reference not set.",
    ),
    "no access to preferences": (
        {f"GET {PREFERENCES}": (403, HTML)},
        ("api_refused", "not_run", ["not_run"] * 2),
        "text/html",
    ),
    "no answer": ({f"GET {PREFERENCES}": "unheard"}, ("api_unreachable", "not_run", ["not_run"] * 2), ""),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_an_api_in_trouble(engine: Engine, tmp_path: Path, name: str) -> None:
    answers, expected, message = TROUBLE[name]
    wire = Wire(make_scene(CASE, tmp_path), dict(answers))
    found = done(engine, wire)
    assert outcome(found) == expected, found
    assert wire.asked.count(f"POST {AUTO_RENEW}") == (0 if "not_run" in expected[2] else 1)
    said = [found["refusal"], found["preferences"]["failure"], *found["renewals"]]
    messages = [one["message"] for one in said if one and one["message"]]
    assert bool(messages) == (message != "" or name in ("no answer", "preferences are lost"))
    assert all(one.startswith(message) for one in messages), messages


@pytest.mark.parametrize(
    ("unseen", "answers", "expected"),
    [
        (("web-1",), {}, ["running", "renewed"]),
        (("web-1", "web-2"), {}, ["running", "running"]),
        (("web-1",), {f"POST {AUTO_RENEW}": "unheard"}, ["running", "not_started"]),
        (("web-1", "web-2"), {f"POST {AUTO_RENEW}": "unheard"}, ["running", "running"]),
    ],
)
def test_an_item_that_cannot_be_read_hides_no_other(
    engine: Engine, tmp_path: Path, unseen: Sequence[str], answers: dict[str, Any], expected: list[str]
) -> None:
    wire = Wire(make_scene(CASE, tmp_path), answers, unseen)
    assert outcome(done(engine, wire)) == (None, "done", expected)


def test_an_answer_that_is_lost_and_not_waited_for(engine: Engine, tmp_path: Path) -> None:
    wire = Wire(make_scene({**CASE, "wait_seconds": 0}, tmp_path), {f"POST {AUTO_RENEW}": "lost"})
    found = done(engine, wire)
    assert outcome(found) == (None, "done", ["requested", "requested"])
    assert all(one["message"].startswith("POST /api/managedcertificates/autorenew: ") for one in found["renewals"])
    assert wire.asked.count(f"POST {AUTO_RENEW}") == 1


def test_a_look_that_fails_does_not_hide_that_the_product_is_at_work(engine: Engine, tmp_path: Path) -> None:
    """The first one has ended when the second one cannot be looked at, which then takes longer than a start may."""
    looks = [None] * 6 + [(500, TRACE)]
    wire = Wire(make_scene({**CASE, "conditions": {"slow": {"web-2": 200}}}, tmp_path), {f"POST {RESULTS}": looks})
    assert outcome(done(engine, wire)) == (None, "done", ["renewed", "renewed"])
    assert looks == []
