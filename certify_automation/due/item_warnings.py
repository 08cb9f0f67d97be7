"""Settings of an item that do not do what they seem to."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.due.interval import DAYS_BEFORE, MODES, PERCENTAGE, Interval, warning
from certify_automation.errors import Problem
from certify_automation.model.certificate import ManagedCertificate


def item_warnings(
    certificate: ManagedCertificate, interval: Interval, effect: str, planned_utc_ms: int | None
) -> tuple[Problem, ...]:
    """Warnings CA3101 to CA3106, in words that follow the certificate's name.

    Args:
        certificate: whose settings are looked at.
        interval: of all items.
        effect: when the item really is renewed, in words.
        planned_utc_ms: the same as a moment; None = at once, or never.
    """
    found = [*_own_interval(certificate, interval, effect)]
    if not certificate.auto_renew:
        found.append(
            warning(
                "CA3102",
                "it is taken out of automatic renewal (includeInAutoRenew), which some builds of the product do not "
                "honour: they renew it nevertheless",
                "to be sure that it is not renewed, delete the item",
            )
        )
    expiry = certificate.expiry_utc_ms
    if certificate.renewed_utc_ms is not None and planned_utc_ms is not None and expiry is not None:
        found.extend(_too_late(planned_utc_ms, expiry, effect))
    return tuple(found)


def _own_interval(certificate: ManagedCertificate, interval: Interval, effect: str) -> Iterator[Problem]:
    mode, target = certificate.interval_mode, certificate.interval_target
    acting = interval.mode if mode is None else mode
    own = " ".join(part for part in (mode, None if target is None else f"{target:g}") if part) or "''"
    if mode is not None and mode not in MODES:
        yield warning(
            "CA3104",
            f"its own renewal interval {own} has a mode that the product does not know: it is really renewed {effect}",
            f"clear the item's own mode, or set {PERCENTAGE}",
        )
    elif acting != PERCENTAGE and interval.number <= 0 and mode is not None and interval.mode != DAYS_BEFORE:
        yield warning(
            "CA3103",
            f"its own renewal interval {own} is ignored, and renewalIntervalDays is {interval.number:g}: it is really "
            f"renewed {effect}",
            f"declare preferences.renewal_interval, or set the item's own mode to {PERCENTAGE}",
        )
    elif acting != PERCENTAGE and (acting != interval.mode or target not in {None, interval.number}):
        yield warning(
            "CA3101",
            f"its own renewal interval {own} is ignored by the product: it is really renewed {effect}",
            f"only an item's own {PERCENTAGE} is honoured; set that, or clear the item's own interval",
        )
    elif mode == PERCENTAGE and target is None and interval.mode != PERCENTAGE and interval.number > 0:
        yield warning(
            "CA3105",
            f"its own mode {PERCENTAGE} has no percentage, and the product takes renewalIntervalDays for it, which are "
            f"days: it is really renewed {effect}",
            "set the item's own percentage",
        )


def _too_late(planned_utc_ms: int, expiry_utc_ms: int, effect: str) -> Iterator[Problem]:
    if planned_utc_ms >= expiry_utc_ms:
        yield warning(
            "CA3106",
            f"it is renewed {effect}, which is not before it expires",
            "set a lower percentage or number of days",
        )
