"""The v6 host's API (Web API 2 on OWIN): the same routes with its own manners.

http.sys negotiates Windows authentication for every request, so whoever has no credentials gets 401 even for
appversion. Texts are always quoted, a missing item is the body `null`, an exception is told with its stack. A property
of a wrong type is left at its default: the controllers do not look at the model state.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from certify_automation.lab.certify.api import items, preferences, renewals
from certify_automation.lab.certify.api.core_api import DIAGNOSTICS, FILTER, NOT_SIMULATED, PATTERNS
from certify_automation.lab.certify.api.messages import TEXT_TYPE, ApiRequest, ApiResponse, Caller, json_response
from certify_automation.lab.certify.api.renewals import NotServing, Process, store_of
from certify_automation.lab.certify.item_rows import Row, UnreadableItem
from certify_automation.lab.windows.win32 import Win32Error

_VERSION = "/api/system/appversion"
_XML = '<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">{}</string>'


class FrameworkApi:
    """Answers requests for one running service."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def answer(self, request: ApiRequest) -> ApiResponse:
        """The answer to one request."""
        path = request.path.split("?")[0].rstrip("/")
        if request.caller is Caller.ANONYMOUS and request.method != "OPTIONS":
            return ApiResponse(401, {"WWW-Authenticate": "Negotiate"})
        if request.caller is not Caller.ADMINISTRATOR and path.lower() != _VERSION:
            return json_response({"message": "Authorization has been denied for this request."}, 401)
        try:
            return self._route(request, path)
        except (UnreadableItem, sqlite3.DatabaseError, Win32Error) as error:
            text = f"Newtonsoft.Json.JsonReaderException: {error}\r\n   at Certify.Service.Controllers"
        except (NotServing, KeyError):
            text = (
                "System.NullReferenceException: Object reference not set to an instance of an object.\r\n   at Certify"
            )
        return json_response({"message": "An error has occurred.", "exception": text}, 500)

    def _route(self, request: ApiRequest, path: str) -> ApiResponse:
        kind = f"{request.method} {path.lower()}"
        if kind == f"GET {_VERSION}":
            return self._version(request)
        answers = {**self._listing(request), **self._acting(request)}
        if kind in answers:
            return json_response(items.without_hidden(answers[kind]()))
        if any(known.endswith(f" {path.lower()}") for known in answers):
            return _wrong_verb()
        for name, answer in self._of_one_item().items():
            match = re.fullmatch(PATTERNS[name], path, re.IGNORECASE)
            if match is None or (name == "item" and NOT_SIMULATED.fullmatch(path.lower())):
                continue
            verb = "DELETE" if name == "delete" else "GET"
            arguments = {key: unquote(value) for key, value in match.groupdict().items()}
            return json_response(items.without_hidden(answer(arguments))) if request.method == verb else _wrong_verb()
        if NOT_SIMULATED.fullmatch(path.lower()):
            text = b"The lab does not simulate this route of the product."
            return ApiResponse(501, {"Content-Type": TEXT_TYPE}, text)
        return json_response({"message": f"No HTTP resource was found that matches the request URI '{path}'."}, 404)

    def _listing(self, request: ApiRequest) -> dict[str, Callable[[], Any]]:
        store = store_of(self._process)
        model = items.model_defaults()["Preferences"]
        instance = str(store.settings["InstanceId"])
        return {
            "GET /api/system/diagnostics": lambda: DIAGNOSTICS,
            "GET /api/preferences": lambda: preferences.read(store),
            "POST /api/preferences": lambda: preferences.replace(store, _bound(request, model)),
            "POST /api/managedcertificates/search": lambda: self._found(request),
            "POST /api/managedcertificates/results": lambda: {
                "results": self._found(request),
                "totalResults": self._total(request),
            },
            "POST /api/managedcertificates/summary": lambda: items.summary(
                items.matching(store.items(), _bound(request, FILTER)), self._now(), instance
            ),
        }

    def _acting(self, request: ApiRequest) -> dict[str, Callable[[], Any]]:
        model = items.model_defaults()["ManagedCertificate"]
        return {
            "POST /api/managedcertificates/update": lambda: renewals.update(self._process, _bound(request, model)),
            "POST /api/managedcertificates/autorenew": lambda: renewals.autorenew(
                self._process, _bound(request, renewals.SETTINGS)
            ),
        }

    def _of_one_item(self) -> dict[str, Callable[[Mapping[str, str]], Any]]:
        process = self._process
        return {
            "delete": lambda said: renewals.delete(process, said["id"]),
            "renewcert": lambda said: renewals.renew(
                process, said["id"], resume_paused=said["resume"].lower() == "true"
            ),
            "revoke": lambda said: renewals.revoke(process, said["id"]),
            "log": lambda said: renewals.log(process, said["id"], int(said["limit"])),
            "item": lambda said: self._item(said["id"]),
        }

    def _version(self, request: ApiRequest) -> ApiResponse:
        accepted = request.header("Accept").lower()
        if "xml" in accepted and "application/json" not in accepted:
            body = _XML.format(self._process.version).encode()
            return ApiResponse(200, {"Content-Type": "application/xml; charset=utf-8"}, body)
        return json_response(self._process.version)

    def _item(self, item_id: str) -> dict[str, Any] | None:
        found = store_of(self._process).item(item_id)
        return None if found is None else self._rendered([found])[0]

    def _found(self, request: ApiRequest) -> list[dict[str, Any]]:
        wanted = _bound(request, FILTER)
        return self._rendered(items.paged(items.matching(store_of(self._process).items(), wanted), wanted))

    def _total(self, request: ApiRequest) -> int:
        wanted = _bound(request, FILTER)
        matching = items.matching(store_of(self._process).items(), wanted)
        return len(matching) if (wanted["pageSize"] or 0) > 0 else 0

    def _rendered(self, found: Sequence[Row]) -> list[dict[str, Any]]:
        instance = str(store_of(self._process).settings["InstanceId"])
        return [items.rendered(item, self._now(), instance) for item in found]

    def _now(self) -> datetime:
        return self._process.computer.clock.now()


def _wrong_verb() -> ApiResponse:
    return json_response({"message": "The requested resource does not support this http method."}, 405)


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
