"""What a visit asks the product's API for: preferences, the summary, and managed certificates, page by page."""

from __future__ import annotations

import json
import re
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
        return self._object("GET", PREFERENCES)[0]

    def summary(self) -> Json:
        """The status summary."""
        return self._object("POST", SUMMARY, {})[0]

    def items(self) -> tuple[int, list[Json]]:
        """How many items there are by the API's own count, and every one that came, by id."""
        found: dict[str, Json] = {}
        index, come, total, more = 0, 0, 0, True
        while more:
            page, answer = self._object("POST", RESULTS, {"pageIndex": index, "pageSize": _PAGE})
            rows, counted = page.get("results"), page.get("totalResults")
            if not isinstance(rows, list) or not isinstance(counted, int) or not all(map(_is_item, rows)):
                raise ApiFailed("answer", _said(answer), f"POST {RESULTS}", answer.status)
            known, total = len(found), counted
            found.update((row["id"], row) for row in rows)
            index, come = index + 1, come + len(rows)
            # A page that brings nothing new would be followed by others without end.
            more = len(rows) >= _PAGE and come < total and len(found) > known
        return total, [found[one] for one in sorted(found)]

    def check(self) -> None:
        """Ask for what an inventory reads, of the items only one; raises ApiFailed."""
        self.preferences()
        self.summary()
        self._object("POST", RESULTS, {"pageIndex": 0, "pageSize": 1})

    def item(self, item_id: str) -> Json | None:
        """The item of this id, which is case-sensitive; None when there is none."""
        page, _ = self._object("POST", RESULTS, {"id": item_id})
        rows = page.get("results")
        return next((row for row in rows or () if _is_item(row) and row["id"] == item_id), None)

    def send(self, path: str, body: Json) -> LocalAnswer:
        """A request that acts: it is sent once, whatever becomes of it."""
        return self._ask("POST", path, body)

    def _object(self, method: str, path: str, body: Json | None = None) -> tuple[Json, LocalAnswer]:
        answer, request = self._ask(method, path, body), f"{method} {path}"
        if answer.status is None:
            raise ApiFailed("unreachable", answer.error or "", request)
        if answer.status != _OK:
            code = "refused" if answer.status in _REFUSED else "status"
            raise ApiFailed(code, _said(answer), request, answer.status)
        value = parsed(answer.body)
        if not isinstance(value, dict):
            raise ApiFailed("answer", _said(answer), request, answer.status)
        return value, answer

    def _ask(self, method: str, path: str, body: Json | None) -> LocalAnswer:
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
    for name, text in value.items() if isinstance(value, dict) else ():
        if name.lower() == "message" and isinstance(text, str):
            line = re.split(r"[\r\n]", text)[0]
            return line[:_SHOWN] if line.strip() else answer.content_type
    return answer.content_type
