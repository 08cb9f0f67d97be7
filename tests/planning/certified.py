"""What a visit learned of certificates, as tables write it: times in days from the host's clock, the rest by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLOCK_UTC_MS = 1_767_322_800_000
"""Of the hosts in the tables."""

PREFERENCES: dict[str, Any] = {
    "renewalIntervalMode": "PercentageLifetime",
    "renewalIntervalDays": 75,
    "maxRenewalRequests": 0,
    "defaultCertificateAuthority": "letsencrypt.org",
    "enableStatusReporting": True,
    "enableIssuerCache": False,
    "featureFlags": None,
    "configDataStoreConnectionId": None,
}
_DAY_MS = 86_400_000
_TIMES = ("start", "expiry", "renewed", "scheduled", "attempted")
_ITEM: dict[str, Any] = {
    "item_type": 1,
    "authority": None,
    "current_authority": "letsencrypt.org",
    "last_authority": "letsencrypt.org",
    "staging": False,
    "auto_renew": True,
    "skip_request": False,
    "interval_mode": None,
    "interval_target": None,
    "preferred_expiry_days": None,
    "status": 3,
    "failures": 0,
    "failure_message": None,
    "thumbprint": "A9993E364706816ABA3E25717850C26C9CD0D89D",
    "previous_thumbprint": None,
    "revoked": False,
    "has_certificate": True,
    "deployment": 5,
    "site": None,
}
_USUAL = {"start": -10, "expiry": 80, "renewed": -10, "scheduled": None, "attempted": -10}


def item(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """One managed certificate of 90 days that was issued 10 days ago, with what the case says instead."""
    days = {**_USUAL, **{key: value for key, value in part.items() if key in _TIMES}}
    rest = {key: value for key, value in part.items() if key not in _TIMES}
    times = {f"{key}_utc_ms": None if at is None else CLOCK_UTC_MS + round(at * _DAY_MS) for key, at in days.items()}
    return {"id": f"id-{name}", "name": name, "identifiers": [name], **_ITEM, **times, **rest}


def certificates_json(part: Mapping[str, Any]) -> dict[str, Any]:
    """`certificates` of Facts: all that is asked was answered, except for what the case says."""
    failure, items = part.get("failure"), part.get("items", {})
    preferences = {**PREFERENCES, **part.get("preferences", {})}
    document = {
        "access": part.get("access", "task"),
        "failure": failure and {"message": "", "request": "", "status": None, **failure},
        "preferences": preferences,
        "issuer_cache": part.get("issuer_cache", False),
        "data_store": None,
        "summary": {"total": len(items)},
        "total": len(items),
        "items": [item(name, one) for name, one in items.items()],
        "passes": part.get("passes", []),
        "service_started_utc_ms": CLOCK_UTC_MS - round(part.get("running_for", 0.02) * _DAY_MS),
        "tls": None,
    }
    for name in part.get("missing", ()):
        document[name] = None
    return document
