"""The v6 host's API (Web API 2 on OWIN): the same routes with its own manners.

http.sys negotiates Windows authentication for every request, so whoever has no credentials gets 401 even for
appversion. Texts are always quoted, a missing item is the body `null`, an exception is told with its stack. A property
of a wrong type is left at its default: the controllers do not look at the model state.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from certify_automation.lab.certify.api import items, preferences
from certify_automation.lab.certify.api.core_api import DIAGNOSTICS, FILTER, NOT_SIMULATED
from certify_automation.lab.certify.api.messages import TEXT_TYPE, ApiRequest, ApiResponse, Caller, json_response
from certify_automation.lab.certify.data_store import DataStore, UnreadableItem
from certify_automation.lab.windows.win32 import Win32Error

_VERSION = "/api/system/appversion"
_XML = '<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">{}</string>'


class FrameworkApi:
    """Answers requests for one running service."""

    def __init__(self, version: str, clock: Callable[[], datetime]) -> None:
        self.version = version
        self._now = clock

    def answer(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        """The answer to one request."""
        path = request.path.split("?")[0].rstrip("/").lower()
        if request.caller is Caller.ANONYMOUS and request.method != "OPTIONS":
            return ApiResponse(401, {"WWW-Authenticate": "Negotiate"})
        if request.caller is not Caller.ADMINISTRATOR and path != _VERSION:
            return json_response({"message": "Authorization has been denied for this request."}, 401)
        try:
            return self._route(request, path, store)
        except (UnreadableItem, sqlite3.DatabaseError, Win32Error) as error:
            text = f"Newtonsoft.Json.JsonReaderException: {error}\r\n   at Certify.Service.Controllers"
            return json_response({"message": "An error has occurred.", "exception": text}, 500)

    def _route(self, request: ApiRequest, path: str, store: DataStore) -> ApiResponse:
        kind = f"{request.method} {path}"
        if kind == f"GET {_VERSION}":
            return self._version(request)
        answers: dict[str, Callable[[], Any]] = {
            "GET /api/system/diagnostics": lambda: DIAGNOSTICS,
            "GET /api/preferences": lambda: preferences.read(store),
            "POST /api/preferences": lambda: preferences.replace(
                store, _bound(request, items.model_defaults()["Preferences"])
            ),
            "POST /api/managedcertificates/search": lambda: self._found(request, store),
            "POST /api/managedcertificates/results": lambda: {
                "results": self._found(request, store),
                "totalResults": len(self._all(store)) if _bound(request, FILTER)["pageSize"] else 0,
            },
            "POST /api/managedcertificates/summary": lambda: items.summary(
                self._found(request, store), str(store.settings["InstanceId"])
            ),
        }
        if kind in answers:
            return json_response(items.without_hidden(answers[kind]()))
        if any(known.endswith(f" {path}") for known in answers):
            return json_response({"message": "The requested resource does not support this http method."}, 405)
        if NOT_SIMULATED.fullmatch(path):
            text = b"The lab does not simulate this route of the product."
            return ApiResponse(501, {"Content-Type": TEXT_TYPE}, text)
        above, _, wanted = request.path.split("?")[0].rstrip("/").rpartition("/")
        if request.method == "GET" and above.lower() == "/api/managedcertificates":
            found = [item for item in self._all(store) if item["id"] == wanted]
            return json_response(items.without_hidden(found[0]) if found else None)
        return json_response({"message": f"No HTTP resource was found that matches the request URI '{path}'."}, 404)

    def _version(self, request: ApiRequest) -> ApiResponse:
        accepted = request.header("Accept").lower()
        if "xml" in accepted and "application/json" not in accepted:
            body = _XML.format(self.version).encode()
            return ApiResponse(200, {"Content-Type": "application/xml; charset=utf-8"}, body)
        return json_response(self.version)

    def _all(self, store: DataStore) -> list[dict[str, Any]]:
        instance = str(store.settings["InstanceId"])
        return [items.rendered(item, self._now(), instance) for item in store.items()]

    def _found(self, request: ApiRequest, store: DataStore) -> list[dict[str, Any]]:
        wanted = _bound(request, FILTER)
        return items.paged(items.matching(self._all(store), wanted), wanted)


def _bound(request: ApiRequest, defaults: Mapping[str, Any]) -> dict[str, Any]:
    try:
        given = json.loads(request.body or b"{}")
    except ValueError:
        given = {}
    names = {name.lower(): name for name in defaults}
    bound = dict(defaults)
    for key, value in given.items() if isinstance(given, dict) else ():
        name = names.get(str(key).lower())
        if name is None:
            continue
        default = defaults[name]
        if default is None or isinstance(value, type(default)) or value is None:
            bound[name] = default if value is None and isinstance(default, bool | int) else value
    return bound
