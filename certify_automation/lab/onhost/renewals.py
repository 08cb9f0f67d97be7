"""Requesting renewals of the product and seeing what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from certify_automation.lab.onhost.certificates import item_facts
from certify_automation.lab.onhost.preferences import set_preferences
from certify_automation.lab.onhost.product_api import ApiFailed, ProductApi
from certify_automation.lab.onhost.visit import Json, Waiting

AUTO_RENEW = "/api/managedcertificates/autorenew"

_POLL = 5.0
_ANSWERING_MS = 30_000
_RUNNING, _ERROR, _PAUSED, _QUEUED = 1, 2, 4, 6
_UNDER_WAY = (_RUNNING, _QUEUED)


def preferences_and_renewals(api: ProductApi, parameters: Json, settings: Json, until: int) -> Waiting[Json]:
    """`refusal`, `preferences` and `renewals` of Renewed; nothing of it is ever undone.

    Args:
        api: the API, asked by whom it accepts.
        parameters: of Renew.
        settings: `data_dir`: where appsettings.json is; None = not known.
        until: on the computer's stopwatch, in milliseconds.
    """
    renewals = _Renewals(api, parameters)
    try:
        api.preferences()
        api.summary()
        api.items()
    except ApiFailed as failed:
        return refused(parameters, f"api_{failed.failure['code']}", failed.failure["message"])
    preferences = set_preferences(api, parameters["preferences"], settings["data_dir"])
    yield from renewals.carry_out(until - _ANSWERING_MS)
    return {"refusal": None, "preferences": preferences, "renewals": renewals.results}


def refused(parameters: Json, code: str, message: str) -> Json:
    """The same when nothing is done."""
    preferences = {"status": "not_run", "failure": None} if parameters["preferences"] else None
    return {
        "refusal": {"code": code, "message": message},
        "preferences": preferences,
        "renewals": [_result(one["id"], "not_run") for one in parameters["renewals"]],
    }


@dataclass(slots=True)
class _Renewals:
    """The renewals asked for.

    Attributes:
        results: one for each, in their order.
        waiting: the places of those that were requested and have not ended, with the items they were requested for.
    """

    api: ProductApi
    parameters: Json
    results: list[Json] = field(default_factory=list)
    waiting: dict[int, Json] = field(default_factory=dict)

    def carry_out(self, until: int) -> Waiting[None]:
        """Look, request, and wait as long as is asked for, but not beyond `until`."""
        try:
            items = self._items()
        except ApiFailed as failed:
            message = failed.failure["message"]
            self.results = [_result(one["id"], "not_run", message=message) for one in self.parameters["renewals"]]
            return
        for place, wanted in enumerate(self.parameters["renewals"]):
            item = items.get(wanted["id"])
            self.results.append(_before(wanted, item))
            if item is not None and self.results[-1]["status"] == "requested":
                self.waiting[place] = item
        if not self.waiting:
            return
        ids = [item["id"] for item in self.waiting.values()]
        settings = {"mode": 0, "isPreviewMode": False, "awaitResults": False, "targetManagedCertificates": ids}
        self.api.send(AUTO_RENEW, settings)
        if self.parameters["wait_seconds"] > 0:
            yield from self._wait(until)

    def _wait(self, until: int) -> Waiting[None]:
        visit = self.api.visit
        begun = visit.monotonic_ms()
        end = min(until, begun + 1000 * self.parameters["wait_seconds"])
        started = False
        while True:
            yield _POLL
            started = self._look() or started
            now = visit.monotonic_ms()
            idle = not started and now >= begun + 1000 * self.parameters["start_seconds"]
            if not self.waiting or idle or now >= end:
                break
        for place in self.waiting:
            self.results[place]["status"] = "not_started" if idle else "running"

    def _look(self) -> bool:
        """See which have ended; whether any attempt has been begun since the request."""
        try:
            items = self._items()
        except ApiFailed:
            return False
        started = False
        for place, before in list(self.waiting.items()):
            item = items.get(before["id"])
            if item is None:
                self.results[place] = _result(before["id"], "missing")
                del self.waiting[place]
                continue
            under_way = item["status"] in _UNDER_WAY
            moved = item["attempted_utc_ms"] != before["attempted_utc_ms"]
            started = started or under_way or moved
            if moved and not under_way:
                self.results[place] = _ended(before, item)
                del self.waiting[place]
        return started

    def _items(self) -> dict[str, Json]:
        _, items = self.api.items()
        wanted = {one["id"] for one in self.parameters["renewals"]}
        return {item["id"]: item_facts(item) for item in items if item["id"] in wanted}


def _before(wanted: Json, item: Json | None) -> Json:
    """What is known of a renewal before any is requested; `requested` when it is to be."""
    if item is None:
        return _result(wanted["id"], "missing")
    if any(item[name] != wanted[name] for name in ("attempted_utc_ms", "thumbprint")):
        return _of(item, "moved")
    if item["status"] in _UNDER_WAY:
        return _of(item, "running")
    return _of(item, "paused") if item["status"] == _PAUSED else _of(item, "requested")


def _ended(before: Json, after: Json) -> Json:
    if after["status"] == _PAUSED:
        return _of(after, "paused")
    later = (after["renewed_utc_ms"] or 0) > (before["renewed_utc_ms"] or 0)
    renewed = after["status"] != _ERROR and (later or after["thumbprint"] != before["thumbprint"])
    return _of(after, "renewed" if renewed else "failed")


def _of(item: Json, status: str) -> Json:
    message = item["failure_message"] if status in ("failed", "paused") else None
    return _result(item["id"], status, message=message, item=item)


def _result(one: str, status: str, *, message: Any = None, item: Json | None = None) -> Json:  # noqa: ANN401
    return {
        "id": one,
        "status": status,
        "message": message,
        "thumbprint": item["thumbprint"] if item else None,
        "attempted_utc_ms": item["attempted_utc_ms"] if item else None,
    }
