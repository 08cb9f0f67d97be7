"""When the product renews a certificate by itself: its rules for the moment, and how it holds back what fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite

from certify_automation.due.interval import DAYS_BEFORE, PERCENTAGE, Interval, interval_of
from certify_automation.due.item_warnings import item_warnings
from certify_automation.due.wording import moment_text
from certify_automation.errors import Problem
from certify_automation.model.certificate import ManagedCertificate
from certify_automation.model.config_files import JsonValue

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_SHARE = 75.0
"""Percent of the lifetime where no other share applies."""
_FAILURES_AT_ONCE = 4
"""Fewer failures than this are tried again at the next pass, 5 minutes later."""
_FAILURES_FOR_GOOD = 1000
_LONGEST_WAIT_HOURS = 48.0


class Rule(StrEnum):
    """Which rule of the product decides; POLICY is none of them, but what is declared, where that comes first."""

    NEVER_RENEWED = "never_renewed"
    SCHEDULED = "scheduled"
    LIFETIME = "lifetime"
    AFTER_RENEWAL = "after_renewal"
    BEFORE_EXPIRY = "before_expiry"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Due:
    """What the product makes of a certificate.

    Attributes:
        due: before any hold.
        due_utc_ms: when it becomes or became due; None = at once when it is due, otherwise never by these rules.
        rule: what decides that.
        text: why it is or is not due, ready to show.
        held_until_utc_ms: due, but not tried again before then because it failed.
        held_for_good: due, but not tried again until somebody requests it.
        warnings: what of the item's own settings does not do what it seems to (CA3101 to CA3106).
    """

    due: bool
    due_utc_ms: int | None
    rule: Rule
    text: str
    held_until_utc_ms: int | None = None
    held_for_good: bool = False
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Back:
    """How the product holds back an item that failed; until_utc_ms None = it does not, or for good."""

    until_utc_ms: int | None = None
    for_good: bool = False

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.for_good or self.until_utc_ms is not None


@dataclass(frozen=True, slots=True)
class _Moment:
    """When a rule makes an item due: -inf = at once, inf = never."""

    at: float
    rule: Rule
    share: float = 0.0

    @property
    def utc_ms(self) -> int | None:
        return round(self.at) if isfinite(self.at) else None

    def reached(self, now_utc_ms: int) -> bool:
        return (self.at if self.utc_ms is None else self.utc_ms) <= now_utc_ms


def due(certificate: ManagedCertificate, preferences: Mapping[str, JsonValue], now_utc_ms: int) -> Due:
    """Whether and why the product would renew this certificate in its next pass.

    Args:
        certificate: as the API shows it.
        preferences: as GET preferences answers them.
        now_utc_ms: by the host's own clock, which is the product's.
    """
    interval = interval_of(preferences)
    planned = _planned(certificate, interval)
    moment = _moment(certificate, planned)
    is_due = moment.reached(now_utc_ms)
    back = back_off(certificate, now_utc_ms) if is_due else Back()
    return Due(
        is_due,
        moment.utc_ms,
        moment.rule,
        _text(moment, is_due, interval),
        back.until_utc_ms,
        back.for_good,
        item_warnings(certificate, interval, _effect(planned, interval), planned.utc_ms),
    )


def back_off(certificate: ManagedCertificate, now_utc_ms: int) -> Back:
    """How the product holds the item back after failures in a row.

    With 4 failures or more it waits, after the last attempt, (1 + longest / 10) hours for each failure but no longer
    than the longest: 10 % of the lifetime asked for, else of the certificate's, else a quarter of an hour for each
    failure; never more than 48 hours. After more than 1000 it waits for a person.
    """
    failures, attempted = certificate.failures, certificate.attempted_utc_ms
    if failures < _FAILURES_AT_ONCE or attempted is None:
        return Back()
    if failures > _FAILURES_FOR_GOOD:
        return Back(for_good=True)
    longest = min(max(_tenth_hours(certificate), 0.0), _LONGEST_WAIT_HOURS)
    wait = min((1 + longest / 10) * failures, longest)
    until = attempted + round(wait * HOUR_MS)
    return Back(until) if now_utc_ms < until else Back()


def _tenth_hours(certificate: ManagedCertificate) -> float:
    asked, lifetime = certificate.preferred_expiry_days, lifetime_ms(certificate)
    if asked is not None and isfinite(asked):
        return asked * 24 / 10
    if lifetime is not None:
        return lifetime / HOUR_MS / 10
    return certificate.failures / 4


def lifetime_ms(certificate: ManagedCertificate) -> int | None:
    """How long the certificate is valid in all; None = not known."""
    if certificate.start_utc_ms is None or certificate.expiry_utc_ms is None:
        return None
    return certificate.expiry_utc_ms - certificate.start_utc_ms


def urgency(certificate: ManagedCertificate, due: Due, now_utc_ms: int) -> tuple[bool, bool, float, str, str]:
    """A sort key, the most urgent first: what is due, revoked ones before the rest, by what is left of the lifetime.

    What is not due follows in the order in which it becomes so.
    """
    if due.due:
        order = inf if certificate.expiry_utc_ms is None else float(certificate.expiry_utc_ms - now_utc_ms)
    else:
        order = inf if due.due_utc_ms is None else float(due.due_utc_ms)
    return (not due.due, not certificate.revoked, order, certificate.name.casefold(), certificate.id)


def _moment(certificate: ManagedCertificate, planned: _Moment) -> _Moment:
    scheduled = certificate.scheduled_utc_ms
    if certificate.renewed_utc_ms is None:
        return _Moment(-inf, Rule.NEVER_RENEWED)
    return planned if scheduled is None or scheduled > planned.at else _Moment(scheduled, Rule.SCHEDULED)


def _planned(certificate: ManagedCertificate, interval: Interval) -> _Moment:
    """When the interval makes it due; by days always those of the preferences, whatever the item itself says."""
    start, expiry, days_ms = certificate.start_utc_ms, certificate.expiry_utc_ms, interval.number * DAY_MS
    percentage = _mode(certificate, interval) == PERCENTAGE
    if start is not None and expiry is not None and (percentage or expiry - start < days_ms):
        share = _share(certificate, interval)
        return _Moment(start + (expiry - start) * share / 100, Rule.LIFETIME, share)
    if interval.mode != DAYS_BEFORE:
        return _Moment((certificate.renewed_utc_ms or 0) + days_ms, Rule.AFTER_RENEWAL)
    if expiry is not None:
        return _Moment(expiry - days_ms, Rule.BEFORE_EXPIRY)
    return _Moment(-inf if interval.number >= 0 else inf, Rule.BEFORE_EXPIRY)


def _mode(certificate: ManagedCertificate, interval: Interval) -> str:
    return interval.mode if certificate.interval_mode is None else certificate.interval_mode


def _share(certificate: ManagedCertificate, interval: Interval) -> float:
    own = certificate.interval_target
    share = interval.number if own is None or not isfinite(own) else own
    return min(share, 100.0) if _mode(certificate, interval) == PERCENTAGE and share > 0 else _SHARE


def _effect(planned: _Moment, interval: Interval) -> str:
    """What the interval really does: `after 75 % of its lifetime`."""
    match planned.rule:
        case Rule.LIFETIME:
            return f"after {planned.share:g} % of its lifetime"
        case Rule.BEFORE_EXPIRY:
            return f"{interval.number:g} days before it expires"
    if interval.number <= 0:
        return "at every pass of the product, whenever it was renewed last"
    return f"{interval.number:g} days after its last renewal"


def _text(moment: _Moment, is_due: bool, interval: Interval) -> str:
    when = "" if moment.utc_ms is None else moment_text(moment.utc_ms)
    passed = f"passed on {when}" if is_due else f"will have passed on {when}"
    match moment.rule:
        case Rule.NEVER_RENEWED:
            return "it has never been renewed"
        case Rule.SCHEDULED:
            why = "because the authority suggests it or has revoked the certificate"
            return f"the product has scheduled it for {when}, {why}"
        case Rule.LIFETIME:
            return f"{moment.share:g} % of its lifetime {passed}"
        case Rule.AFTER_RENEWAL:
            return f"{interval.number:g} days since its last renewal {passed}"
    if moment.utc_ms is None:
        return f"its expiry is not known, and renewal is {interval.number:g} days before that"
    return f"{interval.number:g} days before its expiry {'began' if is_due else 'will begin'} on {when}"
