"""Managed certificates: from the rows of the database to what the API answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from certify_automation.lab.certify.item_rows import Row, UnreadableItem, date_of

UNKNOWN, OK, AWAITING_USER, WARNING, ERROR = range(5)
"""ManagedCertificateHealth."""

_STATUS_ERROR, _STATUS_PAUSED, _STATUS_WARNING = 2, 4, 5
_FAILURES_TOLERATED = 5
_ELAPSED_ERROR, _ELAPSED_WARNING = 95, 75
_NESTED = {
    "domainOptions": "DomainOption",
    "challenges": "CertRequestChallengeConfig",
    "preRequestTasks": "DeploymentTaskConfig",
    "postRequestTasks": "DeploymentTaskConfig",
}


@cache
def model_defaults() -> dict[str, dict[str, Any]]:
    """Type name -> its properties with the values a new object has, in the order they are written."""
    text = files(__package__).joinpath("defaults.json").read_text("utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded


@cache
def camel_case(name: str) -> str:
    """A property's name on the wire."""
    match = re.match(r"[A-Z]+(?![a-z])|[A-Z]", name)
    return name if match is None else match[0].lower() + name[match.end() :]


def rendered(stored: Row, now: datetime, instance_id: str | None) -> dict[str, Any]:
    """An item as Server.Core answers it: every property, computed ones too.

    Args:
        stored: the item.
        now: for its health.
        instance_id: of the service; None in the results of a renewal pass, which do not tell it.
    """
    item = _complete("ManagedCertificate", stored)
    if item["requestConfig"] is not None:
        item["requestConfig"] = _complete("CertRequestConfig", stored.get("RequestConfig") or {})
    item["instanceId"] = instance_id
    start, expiry = item["dateStart"], item["dateExpiry"]
    item["certificateLifetime"] = {"dateStart": start, "dateEnd": expiry} if start and expiry else None
    item["health"] = health(stored, now)
    return item


def without_hidden(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same without what the v6 host does not write."""
    hidden = ("isChanged", "health", "deleted", "certificateLifetime")
    if isinstance(value, dict):
        return {name: without_hidden(part) for name, part in value.items() if name not in hidden}
    return [without_hidden(part) for part in value] if isinstance(value, list) else value


def elapsed(item: Row, now: datetime) -> int | None:
    """How much of the certificate's lifetime has passed, in whole per cent; None without a certificate."""
    start, end = date_of(item, "DateStart"), date_of(item, "DateExpiry")
    if start is None or end is None:
        return None
    if now >= end or end <= start:
        return 100
    return int((now - start) / (end - start) * 100)


def health(item: Row, now: datetime) -> int:
    """The stored item's health; an item that was never attempted is unknown, whatever its certificate."""
    passed = elapsed(item, now) or 0
    status = item.get("LastRenewalStatus")
    if status == _STATUS_ERROR:
        failures = item.get("RenewalFailureCount", 0)
        return ERROR if failures > _FAILURES_TOLERATED or passed > _ELAPSED_ERROR else WARNING
    if status is None:
        return UNKNOWN
    if status == _STATUS_PAUSED:
        return AWAITING_USER
    if item.get("CertificateRevoked") or passed > _ELAPSED_ERROR:
        return ERROR
    return WARNING if passed > _ELAPSED_WARNING or status == _STATUS_WARNING else OK


def matching(items: Sequence[Row], wanted: Mapping[str, Any]) -> list[Row]:
    """The stored items a filter selects, before paging."""
    found = [item for item in items if wanted["id"] in (None, item.get("Id"))]
    if wanted["name"] is not None:
        pattern = re.escape(wanted["name"]).replace("%", ".*").replace("_", ".")
        found = [item for item in found if re.fullmatch(pattern, item.get("Name") or "", re.IGNORECASE)]
    if wanted["keyword"]:
        found = [item for item in found if wanted["keyword"].lower() in (item.get("Name") or "").lower()]
    if wanted["orderBy"] == 1:
        found.sort(key=lambda item: item.get("DateLastRenewalAttempt") or "")
    return found[: wanted["maxResults"]] if wanted["maxResults"] > 0 else found


def paged(items: Sequence[Row], wanted: Mapping[str, Any]) -> list[Row]:
    """One page; a page number or a page size alone selects nothing."""
    index, size = wanted["pageIndex"], wanted["pageSize"]
    if index is None or size is None:
        return list(items)
    return list(items[index * size : (index + 1) * size])


def summary(items: Sequence[Row], now: datetime, instance_id: str) -> dict[str, Any]:
    """StatusSummary; raises UnreadableItem for an item that says it has no request settings, or no domains."""
    if any(item.get(name, ()) is None for item in items for name in ("RequestConfig", "DomainOptions")):
        raise UnreadableItem("Object reference not set to an instance of an object.")
    kinds = [health(item, now) for item in items]
    domains: list[Sequence[Row]] = [item.get("DomainOptions", ()) for item in items]
    primaries = [sum(bool(option.get("IsPrimaryDomain")) for option in some) for some in domains]
    return {
        "instanceId": instance_id,
        "total": len(items),
        "healthy": kinds.count(OK),
        "error": kinds.count(ERROR),
        "warning": kinds.count(WARNING),
        "awaitingUser": kinds.count(AWAITING_USER),
        "invalidConfig": sum(count > 1 for count in primaries),
        "noCertificate": sum(not item.get("CertificatePath") for item in items),
        "totalDomains": sum(len(some) for some in domains),
        "isChanged": False,
    }


def _lower(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {camel_case(name): value for name, value in stored.items()}


def _complete(kind: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    given = _lower(stored)
    whole: dict[str, Any] = {}
    for name, default in model_defaults()[kind].items():
        value = given.get(name, default)
        if isinstance(value, list):
            value = _parts(kind, name, value)
        elif value is default and isinstance(value, dict):
            value = dict(value)
        whole[name] = value
    return whole


def _parts(kind: str, name: str, values: list[Any]) -> list[Any]:
    """The parts of a list; a task's parameter is a key and a value, a challenge's describes itself."""
    if name == "parameters":
        if kind == "DeploymentTaskConfig":
            return [_lower(part) for part in values]
        return [_complete("ProviderParameter", part) for part in values]
    nested = _NESTED.get(name)
    return list(values) if nested is None else [_complete(nested, part) for part in values]
