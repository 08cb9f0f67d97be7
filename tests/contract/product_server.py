"""A plain HTTP server that answers as the product's API does, or as it must not, on a real loopback socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contract.engine import HERE

CASES = HERE.parent / "cases" / "contract" / "product_api"
RECORDED: dict[str, Any] = json.loads((CASES / "recorded.json").read_text("utf-8"))
"""What a running product answered: preferences of a default installation, a summary, and 13 items in every state."""

_ROUTES = {
    "GET /api/preferences": "preferences",
    "POST /api/managedcertificates/summary": "summary",
    "POST /api/managedcertificates/results": "results",
}
_JSON = "application/json; charset=utf-8"
_PIECE = 7000


@dataclass(slots=True)
class Api:
    """What is answered.

    Attributes:
        items: of the product, in the order in which pages have them.
        answers: `preferences`, `summary`, `results` -> `status`, `type`, `text` or `json`, `headers`, and `fault`:
            `broken` (the connection ends in the body), `short` (the same, with Content-Length), `silent` (no answer),
            `stalled` (none comes after the first bytes), `endless`, `trickling`.
        chunked: without Content-Length, as v7 answers; otherwise with it, as v6 does.
        asked: verb and path, headers and body of every request, in order.
    """

    items: list[Any] = field(default_factory=lambda: list(RECORDED["items"]))
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    chunked: bool = True
    asked: list[tuple[str, Mapping[str, str], str]] = field(default_factory=list)
    leaving: threading.Event = field(default_factory=threading.Event)

    def page(self, asked: Mapping[str, int]) -> dict[str, Any]:
        """One page."""
        first = asked["pageIndex"] * asked["pageSize"]
        return {"results": self.items[first : first + asked["pageSize"]], "totalResults": len(self.items)}


@contextmanager
def serving(api: Api) -> Iterator[int]:
    """Answer on a free port of 127.0.0.1, until the end of the block."""

    class Handler(_Handler):
        answering = api

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            api.leaving.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answering: Api

    def do_GET(self) -> None:
        api = self.answering
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        route = f"{self.command} {self.path}"
        api.asked.append((route, dict(self.headers.items()), body))
        name = _ROUTES[route]
        answer = dict(api.answers.get(name, {}))
        if "json" not in answer and "text" not in answer:
            answer["json"] = api.page(json.loads(body)) if name == "results" else RECORDED[name]
        with suppress(ConnectionError):
            self._answer(answer)

    do_POST = do_GET  # noqa: N815 - the names http.server looks for

    def _answer(self, answer: Mapping[str, Any]) -> None:
        fault = answer.get("fault")
        if fault == "silent":
            self.answering.leaving.wait()
            return
        text = answer["text"] if "text" in answer else json.dumps(answer["json"], ensure_ascii=False)
        content = text.encode("utf-8", "surrogatepass")
        self.send_response(answer.get("status", 200))
        for name, value in {"Content-Type": answer.get("type", _JSON), **answer.get("headers", {})}.items():
            if value is not None:
                self.send_header(name, value)
        if fault == "short":
            self.send_header("Content-Length", str(len(content) + 1))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True
        elif self.answering.chunked or fault:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._write_chunks(content, fault)
        else:
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _write_chunks(self, content: bytes, fault: str | None) -> None:
        while fault in ("endless", "trickling"):
            self._write_chunk(b" " * (65536 if fault == "endless" else 1))
            if self.answering.leaving.wait(0.0 if fault == "endless" else 0.1):
                return
        for start in range(0, len(content), _PIECE):
            self._write_chunk(content[start : start + _PIECE])
        if fault == "stalled":
            self.answering.leaving.wait()
        if fault in ("broken", "stalled"):
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _write_chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Say nothing."""
