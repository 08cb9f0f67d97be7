"""Managed certificates as a visit brings them home: of what the API answers, only what is needed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from certify_automation.lab.onhost.file import last_lines
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.product_api import ApiFailed, ProductApi
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import Computer, Win32Error
from certify_automation.lab.windows.files import join

_DATE = re.compile(r"\d{4}-\d\d-\d\dT", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_MESSAGE = 500
_LOG_BYTES = 65536
_PASSES = 5
_LOG = re.compile(r"session(_\d+)?\.log", re.IGNORECASE)
_PASS = "renewal tasks"  # noqa: S105 - words of a log


def asked(api: ProductApi) -> Json:
    """The members of `certificates` that the API answers, up to the first that fails."""
    found: Json = dict.fromkeys(("failure", "preferences", "summary", "total", "items"))
    try:
        found["preferences"] = api.preferences()
        found["summary"] = api.summary()
        found["total"], items = api.items()
        found["items"] = [item_facts(item) for item in items]
    except ApiFailed as failed:
        found["failure"] = failed.failure
    return found


def item_facts(item: Json) -> Json:
    """One of `items`."""
    config = item.get("requestConfig") or {}
    return {
        "id": item["id"],
        "name": _text(item.get("name")),
        "item_type": _integer(item.get("itemType")) or 0,
        "identifiers": _identifiers(config),
        "authority": _text(item.get("certificateAuthorityId")),
        "current_authority": _text(item.get("certificateCurrentCA")),
        "last_authority": _text(item.get("lastAttemptedCA")),
        "staging": item.get("useStagingMode") is True,
        "auto_renew": item.get("includeInAutoRenew") is True,
        "skip_request": item.get("skipCertificateRequest") is True,
        "interval_mode": _text(item.get("customRenewalIntervalMode")),
        "interval_target": _number(item.get("customRenewalTarget")),
        "preferred_expiry_days": _number(config.get("preferredExpiryDays")),
        "start_utc_ms": time_ms(item.get("dateStart")),
        "expiry_utc_ms": time_ms(item.get("dateExpiry")),
        "renewed_utc_ms": time_ms(item.get("dateRenewed")),
        "scheduled_utc_ms": time_ms(item.get("dateNextScheduledRenewalAttempt")),
        "attempted_utc_ms": time_ms(item.get("dateLastRenewalAttempt")),
        "status": _integer(item.get("lastRenewalStatus")),
        "failures": _integer(item.get("renewalFailureCount")) or 0,
        "failure_message": _shortened(_text(item.get("renewalFailureMessage"))),
        "thumbprint": _upper(item.get("certificateThumbprintHash")),
        "previous_thumbprint": _upper(item.get("certificatePreviousThumbprintHash")),
        "revoked": item.get("certificateRevoked") is True,
        "has_certificate": _text(item.get("certificatePath")) is not None,
        "deployment": _integer(config.get("deploymentSiteOption")),
        "site": _text(item.get("serverSiteId")),
    }


def time_ms(value: object) -> int | None:
    """Milliseconds since 1970-01-01 UTC of a date in JSON; None when it is none.

    One without an offset is local time, and simulated computers are set to UTC.
    """
    if not isinstance(value, str) or _DATE.match(value) is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def settings_facts(computer: Computer, data_folder: str | None) -> Json:
    """`issuer_cache` and `data_store`: what appsettings.json says and GET preferences does not."""
    settings: dict[str, Any] = {}
    if data_folder:
        try:
            content = computer.files.read(join(data_folder, "appsettings.json"))
            read = json.loads(content.decode("utf-8-sig"))
            settings = {name.lower(): value for name, value in read.items()} if isinstance(read, dict) else {}
        except (Win32Error, ValueError, RecursionError):
            pass
    cache, store = settings.get("enableissuercache"), settings.get("configdatastoreconnectionid")
    return {
        "issuer_cache": cache if isinstance(cache, bool) else None,
        "data_store": store if isinstance(store, str) else None,
    }


def activity_facts(computer: Computer, product: Json) -> Json:
    """`passes` and `service_started_utc_ms`: what the product did by itself, and since when."""
    begun = None
    if len(product["services"]) == 1:
        begun = computer.services.begun.get(product["services"][0]["process_id"])
    return {
        "passes": passes(computer, product["data_dir"]),
        "service_started_utc_ms": unix_ms(begun) if begun else None,
    }


def passes(computer: Computer, data_folder: str | None) -> list[str]:
    """The last lines of the product's log that say with how much a pass began."""
    if not data_folder:
        return []
    try:
        path = newest_log(computer, data_folder)
        content = computer.files.read(path) if computer.files.exists(path) else b""
    except Win32Error:
        return []
    return [line for line in last_lines(content, _LOG_BYTES) if _PASS in line][-_PASSES:]


def newest_log(computer: Computer, data_folder: str) -> str:
    """The path of the product's newest log; that of its first one when there is none."""
    folder = join(data_folder, "logs")
    logs = [one.name for one in computer.files.entries(folder) if _LOG.fullmatch(one.name)]
    return join(folder, max(logs, default="session.log"))


def _identifiers(config: Json) -> list[str]:
    names = [config.get("primaryDomain"), *(config.get("subjectAlternativeNames") or ())]
    known: dict[str, str] = {}
    for name in (*names, *(config.get("subjectIPAddresses") or ())):
        if isinstance(name, str) and name:
            known.setdefault(name.lower(), name)
    return list(known.values())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _upper(value: object) -> str | None:
    text = _text(value)
    return text.upper() if text else None


def _integer(value: object) -> int | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else round(value)


def _number(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if value == int(value) else repr(value)


def _shortened(text: str | None) -> str | None:
    """At most 500 characters as .NET counts them, in UTF-16, and no half of one."""
    if text is None:
        return None
    return text.encode("utf-16-le", "surrogatepass")[: 2 * _LONGEST_MESSAGE].decode("utf-16-le", "ignore")
