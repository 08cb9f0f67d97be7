"""Managed certificates: from the rows of the database to what the API answers."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from certify_automation.lab.certify.data_store import UnreadableItem

UNKNOWN, OK, AWAITING_USER, WARNING, ERROR = range(5)
"""ManagedCertificateHealth."""

_STATUS_ERROR, _STATUS_PAUSED, _STATUS_WARNING = 2, 4, 5
_FAILURES_TOLERATED = 5
_ELAPSED_ERROR, _ELAPSED_WARNING = 95, 75
_NESTED = {
    "requestConfig": "CertRequestConfig",
    "domainOptions": "DomainOption",
    "challenges": "CertRequestChallengeConfig",
}


@cache
def model_defaults() -> dict[str, dict[str, Any]]:
    """Type name -> its properties with the values a new object has, in the order they are written."""
    text = files(__package__).joinpath("defaults.json").read_text("utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded


def camel_case(name: str) -> str:
    """A property's name on the wire."""
    match = re.match(r"[A-Z]+(?![a-z])|[A-Z]", name)
    return name if match is None else match[0].lower() + name[match.end() :]


def rendered(stored: Mapping[str, Any], now: datetime, instance_id: str) -> dict[str, Any]:
    """An item as Server.Core answers it: every property, computed ones too.

    Raises:
        UnreadableItem: a date that is none.
    """
    item = _complete("ManagedCertificate", stored)
    if item["requestConfig"] is not None:
        item["requestConfig"] = _complete("CertRequestConfig", _lower(stored).get("requestConfig") or {})
    item["instanceId"] = instance_id
    start, expiry = item["dateStart"], item["dateExpiry"]
    item["certificateLifetime"] = {"dateStart": start, "dateEnd": expiry} if start and expiry else None
    item["health"] = health(item, now)
    return item


def without_hidden(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same without what the v6 host does not write."""
    hidden = ("isChanged", "health", "deleted", "certificateLifetime")
    if isinstance(value, dict):
        return {name: without_hidden(part) for name, part in value.items() if name not in hidden}
    return [without_hidden(part) for part in value] if isinstance(value, list) else value


def elapsed(item: Mapping[str, Any], now: datetime) -> int | None:
    """How much of the certificate's lifetime has passed, in whole per cent; None without a certificate."""
    if not item["dateStart"] or not item["dateExpiry"]:
        return None
    start, end = _date(item["dateStart"]), _date(item["dateExpiry"])
    if now >= end or end <= start:
        return 100
    return int((now - start) / (end - start) * 100)


def health(item: Mapping[str, Any], now: datetime) -> int:
    """The item's health; an item that was never attempted is unknown, whatever its certificate."""
    passed = elapsed(item, now) or 0
    status = item["lastRenewalStatus"]
    if status == _STATUS_ERROR:
        return ERROR if item["renewalFailureCount"] > _FAILURES_TOLERATED or passed > _ELAPSED_ERROR else WARNING
    if status is None:
        return UNKNOWN
    if status == _STATUS_PAUSED:
        return AWAITING_USER
    if item["certificateRevoked"] or passed > _ELAPSED_ERROR:
        return ERROR
    return WARNING if passed > _ELAPSED_WARNING or status == _STATUS_WARNING else OK


def matching(items: Sequence[dict[str, Any]], wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items a filter selects, before paging."""
    found = [item for item in items if wanted["id"] in (None, item["id"])]
    if wanted["name"] is not None:
        pattern = re.escape(wanted["name"]).replace("%", ".*").replace("_", ".")
        found = [item for item in found if re.fullmatch(pattern, item["name"] or "", re.IGNORECASE)]
    if wanted["keyword"]:
        found = [item for item in found if wanted["keyword"].lower() in (item["name"] or "").lower()]
    if wanted["orderBy"] == 1:
        found.sort(key=lambda item: item["dateLastRenewalAttempt"] or "")
    return found[: wanted["maxResults"]] if wanted["maxResults"] > 0 else found


def paged(items: Sequence[dict[str, Any]], wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One page; a page number or a page size alone selects nothing."""
    index, size = wanted["pageIndex"], wanted["pageSize"]
    if index is None or size is None:
        return list(items)
    return list(items[index * size : (index + 1) * size])


def summary(items: Sequence[dict[str, Any]], instance_id: str) -> dict[str, Any]:
    """StatusSummary; raises UnreadableItem for an item without request settings or domains."""
    if any(item["requestConfig"] is None or item["domainOptions"] is None for item in items):
        raise UnreadableItem("Object reference not set to an instance of an object.")
    kinds = [item["health"] for item in items]
    primaries = [sum(option["isPrimaryDomain"] for option in item["domainOptions"]) for item in items]
    return {
        "instanceId": instance_id,
        "total": len(items),
        "healthy": kinds.count(OK),
        "error": kinds.count(ERROR),
        "warning": kinds.count(WARNING),
        "awaitingUser": kinds.count(AWAITING_USER),
        "invalidConfig": sum(count > 1 for count in primaries),
        "noCertificate": sum(not item["certificatePath"] for item in items),
        "totalDomains": sum(len(item["domainOptions"]) for item in items),
        "isChanged": False,
    }


def _lower(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {camel_case(name): value for name, value in stored.items()}


def _complete(kind: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    given = _lower(stored)
    whole = copy.deepcopy(model_defaults()[kind])
    for name in whole:
        if name not in given:
            continue
        value = given[name]
        if name in _NESTED and isinstance(value, list):
            whole[name] = [_complete(_NESTED[name], part) for part in value]
        elif name == "parameters" and isinstance(value, list):
            whole[name] = [_parameter(kind, part) for part in value]
        elif name in ("preRequestTasks", "postRequestTasks") and isinstance(value, list):
            whole[name] = [_complete("DeploymentTaskConfig", part) for part in value]
        else:
            whole[name] = value
    return whole


def _parameter(kind: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A task's parameter is a key and a value, a challenge's describes itself."""
    return _lower(stored) if kind == "DeploymentTaskConfig" else _complete("ProviderParameter", stored)


def _date(text: Any) -> datetime:  # noqa: ANN401 - as stored
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise UnreadableItem(f"The JSON value could not be converted to System.DateTimeOffset: {text}") from error
