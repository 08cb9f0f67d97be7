"""Managed certificates, preferences and policies as tables on disk write them: moments as text in UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from certify_automation.model.certificate import CertificateInventory, ManagedCertificate, RequestState
from certify_automation.model.renewal import RenewalPolicy, Window

DEFAULTS: dict[str, Any] = {
    "renewalIntervalMode": "PercentageLifetime",
    "renewalIntervalDays": 75,
    "maxRenewalRequests": 0,
    "defaultCertificateAuthority": "letsencrypt.org",
    "ignoreStoppedSites": True,
}
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def moment(text: Any) -> int:
    """`2026-11-23`, `2026-11-23 10:00`, with seconds or an offset; milliseconds as they are."""
    if isinstance(text, int):
        return text
    read = datetime.fromisoformat(str(text))
    return round((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)


def seconds(text: str | int) -> int:
    """`21d`, `6h`, `10m`."""
    if isinstance(text, int):
        return text
    found = re.fullmatch(r"(\d+)([dhms])", text)
    assert found, text
    return int(found[1]) * _UNITS[found[2]]


def certificate(written: Mapping[str, Any], **otherwise: Any) -> ManagedCertificate:
    """One item; `start`, `expiry`, `renewed`, `scheduled` and `attempted` are moments, `status` is a name."""
    fields: dict[str, Any] = {"id": "1", "name": "www", **otherwise}
    for name, value in written.items():
        if name in {"start", "expiry", "renewed", "scheduled", "attempted"}:
            fields[f"{name}_utc_ms"] = None if value is None else moment(value)
        elif name == "status" and isinstance(value, str):
            fields[name] = RequestState[value.upper()].value
        else:
            fields[name] = tuple(value) if isinstance(value, list) else value
    return ManagedCertificate(**fields)


def preferences(written: Mapping[str, Any] | None) -> dict[str, Any]:
    """The defaults of the product with these over them; a member `absent` is left out."""
    return {name: value for name, value in {**DEFAULTS, **(written or {})}.items() if value != "absent"}


def window(written: Mapping[str, Any]) -> Window:
    """`days` as numbers (0 = Monday), `start` as HH:MM."""
    hours, minutes = written["start"].split(":")
    days = frozenset(written.get("days", range(7)))
    return Window(days, int(hours) * 60 + int(minutes), seconds(written["duration"]), written["timezone"])


def policy(written: Mapping[str, Any] | None) -> RenewalPolicy:
    """As in a state document."""
    fields: dict[str, Any] = {}
    for name, value in (written or {}).items():
        if name in {"ensure_valid_for", "jitter", "retry_after"}:
            fields[f"{name}_seconds"] = seconds(value)
        elif name == "window":
            fields[name] = window(value)
        else:
            fields[name] = tuple(value) if isinstance(value, list) else value
    return RenewalPolicy(**fields)


def inventory(*certificates: ManagedCertificate, **fields: Any) -> CertificateInventory:
    """What a visit learned, all of it answered."""
    return CertificateInventory(
        **{
            "access": "task",
            "preferences": DEFAULTS,
            "total": len(certificates),
            "certificates": certificates,
            **fields,
        }
    )
