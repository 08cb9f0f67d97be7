"""Requesting renewals of the product and seeing what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from certify_automation.lab.onhost.certificates import item_facts, passes
from certify_automation.lab.onhost.preferences import set_preferences
from certify_automation.lab.onhost.product_api import ApiFailed, ProductApi
from certify_automation.lab.onhost.progress import Progress
from certify_automation.lab.onhost.visit import Json, Waiting

AUTO_RENEW = "/api/managedcertificates/autorenew"

_POLL = 5.0
_ANSWERING_MS = 30_000
_OK = 200
_RUNNING, _ERROR, _PAUSED, _QUEUED = 1, 2, 4, 6
_UNDER_WAY = (_RUNNING, _QUEUED)


def preferences_and_renewals(api: ProductApi, call: Json, until: int, progress: Progress) -> Waiting[Json]:
    """`refusal`, `preferences` and `renewals` of Renewed; nothing of it is ever undone.

    Args:
        api: the API, asked by whom it accepts.
        call: `parameters` of Renew; `data_folder` of the product, None = not known.
        until: on the computer's stopwatch, in milliseconds.
        progress: told of what is known before every request that acts.

    Raises:
        VisitEnded: nobody waits for this any more.
    """
    parameters = call["parameters"]
    try:
        api.check()
    except ApiFailed as failed:
        return refused(parameters, f"api_{failed.failure['code']}", failed.failure["message"])
    work = _Work(api, parameters, progress, call["data_folder"])
    work.set_preferences()
    yield from work.renew(until - _ANSWERING_MS)
    return work.done()


def refused(parameters: Json, code: str, message: str) -> Json:
    """The same when nothing is done."""
    preferences = {"status": "not_run", "failure": None} if parameters["preferences"] else None
    return {
        "refusal": {"code": code, "message": message},
        "preferences": preferences,
        "renewals": [_result(one["id"], "not_run") for one in parameters["renewals"]],
    }


@dataclass(slots=True)
class _Work:
    """What there is to do, and what became of it.

    Attributes:
        results: one for each renewal, in their order.
        waiting: the places of those that were requested and have not ended, with the items they were requested for.
        begun: the product has begun with any since the request.
        known: what its log said of passes before that.
    """

    api: ProductApi
    parameters: Json
    progress: Progress
    data_folder: str | None
    preferences: Json | None = None
    results: list[Json] = field(init=False)
    waiting: dict[int, Json] = field(default_factory=dict)
    begun: bool = False
    known: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.results = [_result(one["id"], "not_run") for one in self.parameters["renewals"]]

    def done(self) -> Json:
        """The parts of Renewed as they are now."""
        return {"refusal": None, "preferences": self.preferences, "renewals": self.results}

    def save(self) -> None:
        """Note how far it has come; raises VisitEnded."""
        self.progress.save(self.done())

    def set_preferences(self) -> None:
        """Set those that are asked for; raises VisitEnded."""

        def about_to_send(known: Json) -> None:
            self.preferences = known
            self.save()

        self.preferences = set_preferences(self.api, self.parameters["preferences"], self.data_folder, about_to_send)

    def renew(self, until: int) -> Waiting[None]:
        """Look, request, and wait as long as is asked for, but not beyond `until`; raises VisitEnded."""
        try:
            self._look_first()
        except ApiFailed as failed:
            self.waiting.clear()
            self.results = [_result(one["id"], "not_run", str(failed)) for one in self.parameters["renewals"]]
        if not self.waiting:
            return
        self.known = self._passes()
        self.save()
        ids = [item["id"] for item in self.waiting.values()]
        settings = {"mode": 0, "isPreviewMode": False, "awaitResults": False, "targetManagedCertificates": ids}
        answer = self.api.send(AUTO_RENEW, settings)
        if answer.status != _OK:
            for place in self.waiting:
                self.results[place]["message"] = f"POST {AUTO_RENEW}: {answer.error or answer.status}"
        if self.parameters["wait_seconds"] > 0:
            yield from self._wait(until)

    def _look_first(self) -> None:
        for place, wanted in enumerate(self.parameters["renewals"]):
            item = self._item(wanted["id"])
            self.results[place] = _before(wanted, item)
            if item is not None and self.results[place]["status"] == "requested":
                self.waiting[place] = item

    def _wait(self, until: int) -> Waiting[None]:
        visit = self.api.visit
        asked = visit.monotonic_ms()
        end = min(until, asked + 1000 * self.parameters["wait_seconds"])
        idle, unseen = False, set[int]()
        while self.waiting and not idle and visit.monotonic_ms() < end:
            yield _POLL
            self.progress.check()
            unseen = self._look_again()
            late = visit.monotonic_ms() >= asked + 1000 * self.parameters["start_seconds"]
            # One that was not seen may have begun.
            idle = late and not self.begun and len(unseen) < len(self.waiting)
        for place in self.waiting:
            self.results[place]["status"] = "not_started" if idle and place not in unseen else "running"

    def _look_again(self) -> set[int]:
        """See which have begun or ended, and hand back the places of those that cannot be seen; raises VisitEnded.

        The product may store nothing of an item before its attempt has ended, however long that takes: that it has
        begun with any is in its log.
        """
        unseen = set()
        for place in list(self.waiting):
            try:
                self._look_at(place)
            except ApiFailed:
                unseen.add(place)
        self.begun = self.begun or any(line not in self.known for line in self._passes())
        return unseen

    def _look_at(self, place: int) -> None:
        """Note an attempt if it has ended; raises ApiFailed, VisitEnded."""
        before = self.waiting[place]
        item = self._item(before["id"])
        if item is not None:
            active = item["status"] in _UNDER_WAY
            moved = item["attempted_utc_ms"] != before["attempted_utc_ms"]
            self.begun = self.begun or active or moved
            if active or not moved:
                return
        self.results[place] = _result(before["id"], "missing") if item is None else _ended(before, item)
        del self.waiting[place]
        self.save()

    def _passes(self) -> list[str]:
        return passes(self.api.visit.computer, self.data_folder)

    def _item(self, item_id: str) -> Json | None:
        item = self.api.item(item_id)
        return None if item is None else item_facts(item)


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
    return _result(item["id"], status, message, item)


def _result(item_id: str, status: str, message: str | None = None, item: Json | None = None) -> Json:
    return {
        "id": item_id,
        "status": status,
        "message": message,
        "thumbprint": item["thumbprint"] if item else None,
        "attempted_utc_ms": item["attempted_utc_ms"] if item else None,
    }
