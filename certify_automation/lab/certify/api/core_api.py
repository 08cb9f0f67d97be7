"""The v7 host's API (ASP.NET Core): the routes the lab answers, as recorded from a running host.

On Windows every route but appversion, /health and /alive wants an elevated administrator by Negotiate. Routes the
product has and the lab does not are answered 501 with a text that says so.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from certify_automation.lab.certify.api import items, preferences, renewals
from certify_automation.lab.certify.api.body import BadRequest, bind
from certify_automation.lab.certify.api.messages import (
    TEXT_TYPE,
    ApiRequest,
    ApiResponse,
    Caller,
    json_response,
)
from certify_automation.lab.certify.api.renewals import NotServing, Process, store_of
from certify_automation.lab.certify.data_store import DataStore
from certify_automation.lab.certify.item_rows import Row, UnreadableItem
from certify_automation.lab.windows.win32 import Win32Error

NOT_SIMULATED = re.compile(
    r"/api/(access|accounts|credentials|server|status)(/.*)?|/api/system/(datastores|hub|migration|updatecheck).*"
    r"|/api/managedcertificates/.+/.+|/(refresh|token)"
    r"|/api/managedcertificates/(challengeapis|currentchallenges|deploymentproviders|preview|testconfig|"
    r"validatedeploymenttask|maintenance)"
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

Arguments = Mapping[str, str]
Handler = Callable[["CoreApi", ApiRequest, Arguments], ApiResponse]


class CoreApi:
    """Answers requests for one running service."""

    def __init__(self, process: Process, *, windows_powershell: bool = True) -> None:
        self._process = process
        self._windows_powershell = windows_powershell

    def answer(self, request: ApiRequest) -> ApiResponse:
        """The answer to one request."""
        response = self._answer(request)
        if request.method == "GET" and request.header("Origin"):
            headers = {**response.headers, "Access-Control-Allow-Origin": "*"}
            return ApiResponse(response.status, headers, response.body)
        return response

    def _answer(self, request: ApiRequest) -> ApiResponse:
        path = request.path.split("?")[0].rstrip("/")
        routes, arguments = _routes(path)
        known = NOT_SIMULATED.fullmatch(path.lower()) is not None
        if path.lower() not in _ANONYMOUS and (routes or known):
            refusal = _refusal(request)
            if refusal is not None:
                return refusal
        if not routes:
            return ApiResponse(501, {"Content-Type": TEXT_TYPE}, _NOT_SIMULATED) if known else ApiResponse(404)
        handler = routes.get(request.method)
        if handler is None and request.method == "GET" and path.count("/") == _ITEM_SLASHES:
            handler, arguments = CoreApi._item, {"id": path.rpartition("/")[2]}
        if handler is None:
            return ApiResponse(405, {"Allow": ", ".join(sorted(routes))})
        try:
            return handler(self, request, {name: unquote(value) for name, value in arguments.items()})
        except BadRequest as refused:
            return refused.response
        except (UnreadableItem, sqlite3.DatabaseError, Win32Error, NotServing, KeyError):
            return ApiResponse(500)

    def _version(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        if "application/json" in request.header("Accept").lower():
            return json_response(self._process.version)
        return ApiResponse(200, {"Content-Type": TEXT_TYPE}, self._process.version.encode())

    def _healthy(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        return ApiResponse(200, {"Content-Type": "text/plain"}, b"Healthy")

    def _diagnostics(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        return json_response([*DIAGNOSTICS, *([] if self._windows_powershell else [POWERSHELL_MISSING])])

    def _preferences(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        return json_response(preferences.read(self._store))

    def _set_preferences(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        bound = bind(request, items.model_defaults()["Preferences"], preferences.TYPES)
        return json_response(preferences.replace(self._store, bound))

    def _search(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        wanted = bind(request, FILTER, FILTER_TYPES)
        return json_response(self._rendered(items.paged(items.matching(self._store.items(), wanted), wanted)))

    def _results(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        wanted = bind(request, FILTER, FILTER_TYPES)
        found = items.matching(self._store.items(), wanted)
        total = len(found) if (wanted["pageSize"] or 0) > 0 else 0
        page = self._rendered(items.paged(found, wanted))
        return json_response({"results": page, "totalResults": total})

    def _summary(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        found = items.matching(self._store.items(), bind(request, FILTER, FILTER_TYPES))
        return json_response(items.summary(found, self._now(), str(self._store.settings["InstanceId"])))

    def _item(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        found = self._store.item(arguments["id"])
        return ApiResponse(204) if found is None else json_response(self._rendered([found])[0])

    def _update(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        bound = bind(request, items.model_defaults()["ManagedCertificate"], renewals.ITEM_TYPES)
        return json_response(renewals.update(self._process, bound))

    def _delete(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        return json_response(renewals.delete(self._process, arguments["id"]))

    def _autorenew(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        bound = bind(request, renewals.SETTINGS, renewals.SETTINGS_TYPES)
        return json_response(renewals.autorenew(self._process, bound))

    def _renew(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        resume = arguments["resume"].lower() == "true"
        return json_response(renewals.renew(self._process, arguments["id"], resume_paused=resume))

    def _revoke(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        return json_response(renewals.revoke(self._process, arguments["id"]))

    def _log(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        return json_response(renewals.log(self._process, arguments["id"], int(arguments["limit"])))

    def _clean_up(self, request: ApiRequest, arguments: Arguments) -> ApiResponse:  # noqa: ARG002
        bound = bind(request, items.model_defaults()["ManagedCertificate"], renewals.ITEM_TYPES)
        return json_response(renewals.clean_up_challenges(bound))

    def _rendered(self, found: Sequence[Row]) -> list[dict[str, Any]]:
        return [items.rendered(item, self._now(), str(self._store.settings["InstanceId"])) for item in found]

    def _now(self) -> datetime:
        return self._process.computer.clock.now()

    @property
    def _store(self) -> DataStore:
        return store_of(self._process)


def _routes(path: str) -> tuple[Mapping[str, Handler], Arguments]:
    """The handlers of a path by verb, and what the path says; both empty for none."""
    fixed = _ROUTES.get(path.lower())
    if fixed is not None:
        return fixed, {}
    for pattern, routes in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None and not (routes is _HANDLERS["item"] and NOT_SIMULATED.fullmatch(path.lower())):
            return routes, match.groupdict()
    return {}, {}


def _refusal(request: ApiRequest) -> ApiResponse | None:
    if request.caller is Caller.ANONYMOUS:
        return ApiResponse(401, {"WWW-Authenticate": "Negotiate"})
    return ApiResponse(403) if request.caller is Caller.USER else None


_NOT_SIMULATED = b"The lab does not simulate this route of the product."
_ITEM_SLASHES = 3
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
    "/api/managedcertificates/update": {"POST": CoreApi._update},  # noqa: SLF001
    "/api/managedcertificates/autorenew": {"POST": CoreApi._autorenew},  # noqa: SLF001
    "/api/managedcertificates/challengecleanup": {"POST": CoreApi._clean_up},  # noqa: SLF001
}
PATTERNS = {
    "delete": r"/api/managedcertificates/delete/(?P<id>[^/]+)",
    "renewcert": r"/api/managedcertificates/renewcert/(?P<id>[^/]+)/(?P<resume>true|false)/(?:true|false)",
    "revoke": r"/api/managedcertificates/revoke/(?P<id>[^/]+)",
    "log": r"/api/managedcertificates/log/(?P<id>[^/]+)/(?P<limit>-?\d+)",
    "item": r"/api/managedcertificates/(?P<id>[^/]+)",
}
"""Routes with an id in them."""
_HANDLERS: dict[str, dict[str, Handler]] = {
    "delete": {"DELETE": CoreApi._delete},  # noqa: SLF001
    "renewcert": {"GET": CoreApi._renew},  # noqa: SLF001
    "revoke": {"GET": CoreApi._revoke},  # noqa: SLF001
    "log": {"GET": CoreApi._log},  # noqa: SLF001
    "item": {"GET": CoreApi._item},  # noqa: SLF001
}
_PATTERNS = [(re.compile(PATTERNS[name], re.IGNORECASE), routes) for name, routes in _HANDLERS.items()]
