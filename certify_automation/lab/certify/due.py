"""When the product renews: its own rules, for one stored item and the core settings.

A per-item interval in days is not what it seems: without a percentage the product counts with the global mode and the
global number, so 30 days before expiry on an item mean 75 days after its last renewal where the usual number is 75.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from certify_automation.lab.certify.item_rows import Row, UnreadableItem, date_of, number_of

NOT_RUNNING, RUNNING, ERROR, SUCCESS, PAUSED, WARNING, QUEUED, SKIPPED = range(8)
"""RequestState."""

PERCENTAGE = "PercentageLifetime"
BEFORE_EXPIRY = "DaysBeforeExpiry"

_USUAL_PERCENTAGE = 75.0
_RETRIED_AT_ONCE = 4
_TERMINAL = 1000
_LONGEST_HOLD = 48.0
_HOLD_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """What the product makes of an item at a moment.

    Attributes:
        due: whether a renewal is due.
        hold_until: it waits until then although it is due; None = it does not wait.
        for_good: it waits until somebody asks for it.
        planned: when it becomes due by the interval; None where that is now or has passed by another rule.
        reason: in the product's words.
    """

    due: bool
    hold_until: datetime | None
    for_good: bool
    planned: datetime | None
    reason: str

    @property
    def attempted(self) -> bool:
        """Whether a pass attempts it, if nothing else is in its way."""
        return self.due and self.hold_until is None and not self.for_good


def check(item: Row, settings: Mapping[str, Any], now: datetime) -> Check:
    """Whether the item is due now, or on hold.

    Raises:
        UnreadableItem: an interval that leads to no date, at which the product throws as well.
    """
    try:
        due, planned, reason = _interval(item, settings, now)
    except OverflowError as error:
        raise UnreadableItem("The added or subtracted value results in an un-representable DateTime.") from error
    status, failures = item.get("LastRenewalStatus"), int(item.get("RenewalFailureCount") or 0)
    if not due or not (status in (ERROR, WARNING) or failures > 0):
        return Check(due, None, for_good=False, planned=planned, reason=reason)
    failed = f"Renewal attempt is due, item has failed {failures} times"
    if failures < _RETRIED_AT_ONCE:
        return Check(due=True, hold_until=None, for_good=False, planned=planned, reason=f"{failed}.")
    attempted = date_of(item, "DateLastRenewalAttempt")
    if attempted is None:
        reason = "Renewal attempt is due, item has not yet been attempted."
        return Check(due=True, hold_until=None, for_good=False, planned=planned, reason=reason)
    hours = hold_hours(item, failures)
    until = attempted + timedelta(hours=hours)
    if now < until:
        reason = (
            f"Renewal attempt is on hold for {hours:.0f}hrs because item has failed {failures} times and attempts are "
            "subject to periodic limits."
        )
        return Check(due=True, hold_until=until, for_good=failures > _TERMINAL, planned=planned, reason=reason)
    if failures > _TERMINAL:
        reason = f"Renewal will no longer be attempted because the item has failed {failures} times."
        return Check(due=True, hold_until=None, for_good=True, planned=planned, reason=reason)
    reason = f"{failed} and renewal will be periodically attempted."
    return Check(due=True, hold_until=None, for_good=False, planned=planned, reason=reason)


def hold_hours(item: Row, failures: int) -> float:
    """How long an item with so many failures waits after its last attempt, in hours."""
    preferred = number_of((item.get("RequestConfig") or {}).get("PreferredExpiryDays"))
    start, expiry = date_of(item, "DateStart"), date_of(item, "DateExpiry")
    if preferred is not None:
        longest = preferred * 24 * _HOLD_SHARE
    elif start is not None and expiry is not None:
        longest = (expiry - start) / timedelta(hours=1) * _HOLD_SHARE
    else:
        longest = max(0.25 * failures, 1.0)
    longest = min(longest, _LONGEST_HOLD)
    return float(min((1 + longest / 10) * failures, longest))


def next_moment(item: Row, settings: Mapping[str, Any], now: datetime) -> datetime | None:
    """When a pass will attempt the item at the earliest, if nothing changes; None = never by itself."""
    found = check(item, settings, now)
    if found.for_good or item.get("LastRenewalStatus") == PAUSED:
        return None
    if found.due:
        return found.hold_until or now
    scheduled = date_of(item, "DateNextScheduledRenewalAttempt")
    moments = [moment for moment in (found.planned, scheduled) if moment is not None]
    return min(moments, default=None)


def _interval(item: Row, settings: Mapping[str, Any], now: datetime) -> tuple[bool, datetime | None, str]:
    renewed = date_of(item, "DateRenewed")
    if renewed is None:
        return True, None, "Certificate has not yet been successfully requested, so a renewal attempt is required."
    scheduled = date_of(item, "DateNextScheduledRenewalAttempt")
    if scheduled is not None and scheduled <= now:
        return True, None, "Certificate scheduled renewal is now due."
    start, expiry = date_of(item, "DateStart"), date_of(item, "DateExpiry")
    mode, number = settings.get("RenewalIntervalMode"), number_of(settings.get("RenewalIntervalDays")) or 0.0
    own = item.get("CustomRenewalIntervalMode") or mode
    lifetime = expiry - start if start is not None and expiry is not None else None
    if start is not None and lifetime is not None and (lifetime < timedelta(days=number) or own == PERCENTAGE):
        target = number_of(item.get("CustomRenewalTarget"))
        share = min(number if target is None else target, 100.0)
        share = share if own == PERCENTAGE and share > 0 else _USUAL_PERCENTAGE
        planned = start + lifetime * (share / 100)
        passed = "has exceeded" if planned <= now else "has not yet exceeded"
        return planned <= now, planned, f"Certificate {passed} {share:g}% of its lifetime."
    if mode == BEFORE_EXPIRY and expiry is not None:
        planned = expiry - timedelta(days=number)
        said = "is due to expire within" if planned <= now else "has remaining days before"
        return planned <= now, planned, f"Certificate {said} the default renewal interval."
    planned = renewed + timedelta(days=number)
    said = "is due for renewal" if planned <= now else "does not yet require renewal"
    return planned <= now, planned, f"Certificate {said}, based on the default renewal settings."
