"""What a visit asks the product's API for: preferences, the summary, and managed certificates, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from certify_automation.lab.onhost.api import LocalAnswer, ask
from certify_automation.lab.onhost.visit import Json, Visit

PREFERENCES = "/api/preferences"
SUMMARY = "/api/managedcertificates/summary"
RESULTS = "/api/managedcertificates/results"

_PAGE = 250
_SHOWN = 200
_OK = 200
_REFUSED = (401, 403)


class ApiFailed(Exception):
    """The API did not say what was asked; `failure` is that of `certificates` in Facts."""

    def __init__(self, code: str, message: str, request: str, status: int | None = None) -> None:
        super().__init__(message)
        self.failure: Json = {"code": code, "message": message, "request": request, "status": status}


@dataclass(frozen=True, slots=True)
class ProductApi:
    """The API at one URL, asked by the visit's own process; what it answers is JSON, or ApiFailed is raised."""

    visit: Visit
    url: str

    def preferences(self) -> Json:
        """GET preferences."""
        return self._object("GET", PREFERENCES)

    def summary(self) -> Json:
        """The status summary."""
        return self._object("POST", SUMMARY, {})

    def items(self) -> tuple[int, list[Json]]:
        """How many items there are by the API's own count, and every one that came, by id."""
        found: dict[str, Json] = {}
        index = 0
        while True:
            page = self._object("POST", RESULTS, {"pageIndex": index, "pageSize": _PAGE})
            rows, total = page.get("results"), page.get("totalResults")
            if not isinstance(rows, list) or not isinstance(total, int) or not all(map(_is_item, rows)):
                raise ApiFailed("answer", "", f"POST {RESULTS}", _OK)
            found.update((row["id"], row) for row in rows)
            if len(rows) < _PAGE or len(found) >= total:
                return total, [found[one] for one in sorted(found)]
            index += 1

    def send(self, path: str, body: Any) -> LocalAnswer:  # noqa: ANN401 - any JSON value
        """A request that acts: it is sent once, whatever becomes of it."""
        return self._ask("POST", path, body)

    def _object(self, method: str, path: str, body: Json | None = None) -> Json:
        answer, request = self._ask(method, path, body), f"{method} {path}"
        if answer.status is None:
            raise ApiFailed("unreachable", answer.error or "", request)
        if answer.status != _OK:
            code = "refused" if answer.status in _REFUSED else "status"
            raise ApiFailed(code, _said(answer), request, answer.status)
        value = parsed(answer.body)
        if not isinstance(value, dict):
            raise ApiFailed("answer", _said(answer), request, answer.status)
        return value

    def _ask(self, method: str, path: str, body: Any) -> LocalAnswer:  # noqa: ANN401 - any JSON value
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        return ask(self.visit, method, self.url, path, text)


def parsed(text: str | None) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of an answer; None when it is none."""
    try:
        return json.loads((text or "").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _is_item(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str)


def _said(answer: LocalAnswer) -> str:
    """The first line of an error's `message`, else what kind of content came: never a stack trace."""
    value = parsed(answer.body)
    message = next(_messages(value), "")
    return message[:_SHOWN] or answer.content_type


def _messages(value: object) -> Iterator[str]:
    for name, text in value.items() if isinstance(value, dict) else ():
        if name.lower() == "message" and isinstance(text, str):
            yield from text.splitlines()[:1]
