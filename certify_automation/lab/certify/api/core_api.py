"""The v7 host's API (ASP.NET Core): the routes the lab answers, as recorded from a running host.

On Windows every route but appversion, /health and /alive wants an elevated administrator by Negotiate. Routes the
product has and the lab does not are answered 501 with a text that says so.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any

from certify_automation.lab.certify.api import items, preferences
from certify_automation.lab.certify.api.body import BadRequest, bind
from certify_automation.lab.certify.api.messages import (
    TEXT_TYPE,
    ApiRequest,
    ApiResponse,
    Caller,
    json_response,
)
from certify_automation.lab.certify.data_store import DataStore, UnreadableItem
from certify_automation.lab.windows.win32 import Win32Error

NOT_SIMULATED = re.compile(
    r"/api/(access|accounts|credentials|server|status)(/.*)?|/api/system/(datastores|hub|migration|updatecheck).*"
    r"|/api/managedcertificates/.+/.+|/(refresh|token)"
    r"|/api/managedcertificates/(autorenew|challengeapis|challengecleanup|currentchallenges|deploymentproviders|"
    r"preview|testconfig|update|validatedeploymenttask|maintenance)"
)
DIAGNOSTICS: list[dict[str, Any]] = [
    {"isSuccess": True, "isWarning": False, "message": "Created test temp file OK.", "result": None},
    {
        "isSuccess": True,
        "isWarning": False,
        "message": "Note: Could not confirm system time is correct using NTP server (pool.ntp.org). You should ensure "
        "the system time is always correct to avoid certificate request errors.",
        "result": None,
    },
]
POWERSHELL_MISSING: dict[str, Any] = {
    "isSuccess": False,
    "isWarning": False,
    "message": "PowerShell 5.0 or higher is required for some functionality and does not appear to be available on "
    "this system. See https://docs.microsoft.com/en-us/powershell/scripting/windows-powershell/install/"
    "windows-powershell-system-requirements",
    "result": None,
}
"""What a host without Windows PowerShell answers besides."""

FILTER_TYPES = {
    "orderBy": "Certify.Models.ManagedCertificateFilter+SortMode",
    "pageIndex": "System.Nullable`1[System.Int32]",
    "pageSize": "System.Nullable`1[System.Int32]",
    "lastOCSPCheckMins": "System.Nullable`1[System.Int32]",
    "lastRenewalInfoCheckMins": "System.Nullable`1[System.Int32]",
}
FILTER: dict[str, Any] = {
    "id": None, "name": None, "keyword": None, "includeOnlyNextAutoRenew": False, "maxResults": 0,
    "challengeType": None, "challengeProvider": None, "storedCredentialKey": None, "pageIndex": None,
    "pageSize": None, "includeExternal": False, "lastOCSPCheckMins": None, "lastRenewalInfoCheckMins": None,
    "filterDescription": "", "orderBy": 0,
}  # fmt: skip

Handler = Callable[["CoreApi", ApiRequest, DataStore], ApiResponse]


class CoreApi:
    """Answers requests for one running service."""

    def __init__(self, version: str, clock: Callable[[], datetime], *, windows_powershell: bool = True) -> None:
        self.version = version
        self._now = clock
        self._windows_powershell = windows_powershell

    def answer(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        """The answer to one request."""
        response = self._answer(request, store)
        if request.method == "GET" and request.header("Origin"):
            headers = {**response.headers, "Access-Control-Allow-Origin": "*"}
            return ApiResponse(response.status, headers, response.body)
        return response

    def _answer(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        path = request.path.split("?")[0].rstrip("/").lower()
        routes = _ROUTES.get(path)
        if routes is None and re.fullmatch(r"/api/managedcertificates/[^/]+", path) and not _is_route(path):
            routes = {"GET": CoreApi._item}
        if path not in _ANONYMOUS and (routes or NOT_SIMULATED.fullmatch(path)):
            refusal = _refusal(request)
            if refusal is not None:
                return refusal
        if routes is None:
            return _unknown(path)
        handler = routes.get(request.method)
        if handler is None and request.method == "GET" and path.startswith("/api/managedcertificates/"):
            handler = CoreApi._item
        if handler is None:
            return ApiResponse(405, {"Allow": ", ".join(sorted(routes))})
        try:
            return handler(self, request, store)
        except BadRequest as refused:
            return refused.response
        except (UnreadableItem, sqlite3.DatabaseError, Win32Error):
            return ApiResponse(500)

    def _version(self, request: ApiRequest, store: DataStore) -> ApiResponse:  # noqa: ARG002 - a handler
        if "application/json" in request.header("Accept").lower():
            return json_response(self.version)
        return ApiResponse(200, {"Content-Type": TEXT_TYPE}, self.version.encode())

    def _healthy(self, request: ApiRequest, store: DataStore) -> ApiResponse:  # noqa: ARG002 - a handler
        return ApiResponse(200, {"Content-Type": "text/plain"}, b"Healthy")

    def _diagnostics(self, request: ApiRequest, store: DataStore) -> ApiResponse:  # noqa: ARG002 - a handler
        return json_response([*DIAGNOSTICS, *([] if self._windows_powershell else [POWERSHELL_MISSING])])

    def _preferences(self, request: ApiRequest, store: DataStore) -> ApiResponse:  # noqa: ARG002 - a handler
        return json_response(preferences.read(store))

    def _set_preferences(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        bound = bind(request, items.model_defaults()["Preferences"], preferences.TYPES)
        return json_response(preferences.replace(store, bound))

    def _search(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        wanted = bind(request, FILTER, FILTER_TYPES)
        return json_response(items.paged(items.matching(self.rendered(store), wanted), wanted))

    def _results(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        wanted = bind(request, FILTER, FILTER_TYPES)
        found = items.matching(self.rendered(store), wanted)
        total = len(found) if (wanted["pageSize"] or 0) > 0 else 0
        return json_response({"results": items.paged(found, wanted), "totalResults": total})

    def _summary(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        found = items.matching(self.rendered(store), bind(request, FILTER, FILTER_TYPES))
        return json_response(items.summary(found, str(store.settings["InstanceId"])))

    def _item(self, request: ApiRequest, store: DataStore) -> ApiResponse:
        wanted = request.path.split("?")[0].rstrip("/").rpartition("/")[2]
        found = [item for item in self.rendered(store) if item["id"] == wanted]
        return json_response(found[0]) if found else ApiResponse(204)

    def rendered(self, store: DataStore) -> list[dict[str, Any]]:
        """All items."""
        instance = str(store.settings["InstanceId"])
        return [items.rendered(item, self._now(), instance) for item in store.items()]


def _is_route(path: str) -> bool:
    return NOT_SIMULATED.fullmatch(path) is not None


def _refusal(request: ApiRequest) -> ApiResponse | None:
    if request.caller is Caller.ANONYMOUS:
        return ApiResponse(401, {"WWW-Authenticate": "Negotiate"})
    return ApiResponse(403) if request.caller is Caller.USER else None


def _unknown(path: str) -> ApiResponse:
    if NOT_SIMULATED.fullmatch(path):
        return ApiResponse(501, {"Content-Type": TEXT_TYPE}, b"The lab does not simulate this route of the product.")
    return ApiResponse(404)


_ANONYMOUS = ("/api/system/appversion", "/health", "/alive")
_ROUTES: dict[str, dict[str, Handler]] = {
    "/api/system/appversion": {"GET": CoreApi._version},  # noqa: SLF001 - its own table
    "/health": {"GET": CoreApi._healthy},  # noqa: SLF001
    "/alive": {"GET": CoreApi._healthy},  # noqa: SLF001
    "/api/system/diagnostics": {"GET": CoreApi._diagnostics},  # noqa: SLF001
    "/api/preferences": {"GET": CoreApi._preferences, "POST": CoreApi._set_preferences},  # noqa: SLF001
    "/api/managedcertificates/search": {"POST": CoreApi._search},  # noqa: SLF001
    "/api/managedcertificates/results": {"POST": CoreApi._results},  # noqa: SLF001
    "/api/managedcertificates/summary": {"POST": CoreApi._summary},  # noqa: SLF001
}
