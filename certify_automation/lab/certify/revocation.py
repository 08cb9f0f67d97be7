"""What the product learns of its certificates every hour: revoked (OCSP), better renewed soon (ARI).

An item about which nothing is found stays as it is here; the product itself would note when it has looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from certify_automation.lab.certify import due
from certify_automation.lab.certify.acme import AcmeAuthority, Authorities
from certify_automation.lab.certify.certificate_requests import text
from certify_automation.lab.certify.item_rows import Row, date_of

_TOO_LATE = timedelta(hours=1)


def tell_anything(authorities: Authorities | None) -> list[AcmeAuthority]:
    """The authorities that have anything to say about certificates."""
    return [one for one in (authorities or {}).values() if one.revoked or one.suggested]


def learned(
    items: Sequence[Row], authorities: Sequence[AcmeAuthority], settings: Mapping[str, Any], now: datetime
) -> list[Row]:
    """The items that change by what the authorities say, as they are to be stored."""
    changed = []
    for item in items:
        thumbprint = str(item.get("CertificateThumbprintHash"))
        for authority in authorities:
            if thumbprint in authority.revoked:
                changed += _revoked(item, now)
            elif thumbprint in authority.suggested:
                changed += _suggested(item, authority.suggested[thumbprint], settings, now)
    return changed


def _revoked(item: Row, now: datetime) -> list[Row]:
    """It is renewed at once, unless it is as good as expired."""
    if item.get("CertificateRevoked"):
        return []
    changed = {**item, "CertificateRevoked": True, "DateLastOcspCheck": text(now)}
    expiry = date_of(item, "DateExpiry")
    if item.get("IncludeInAutoRenew", True) and expiry is not None and expiry > now + _TOO_LATE:
        changed["DateNextScheduledRenewalAttempt"] = text(now)
    return [changed]


def _suggested(item: Row, window: tuple[datetime, datetime], settings: Mapping[str, Any], now: datetime) -> list[Row]:
    """A renewal planned behind the window's start moves into the window, to a minute of its own; never to later."""
    planned = due.check(item, settings, now).planned
    if item.get("DateNextScheduledRenewalAttempt") is not None or planned is None or planned <= window[0]:
        return []
    minutes = int((window[1] - window[0]) / timedelta(minutes=1))
    chosen = window[0] + timedelta(minutes=Random(str(item["Id"])).randint(0, minutes))  # noqa: S311 - no secret
    return [{**item, "DateLastRenewalInfoCheck": text(now), "DateNextScheduledRenewalAttempt": text(chosen)}]
