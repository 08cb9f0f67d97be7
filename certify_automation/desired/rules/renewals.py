"""Rules of the policy by which certificates are renewed."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.desired import durations
from certify_automation.desired.rules.declared import Declared, warning
from certify_automation.desired.rules.patterns import check_patterns
from certify_automation.desired.rules.served import check_served
from certify_automation.desired.rules.windows import check_window, longest_wait
from certify_automation.errors import Problem

_HOUR = 3600
_DAY = 86_400
_LONGEST_JITTER = 7 * _DAY
_LONGEST_RETRY = _DAY
_USUAL_PASS = 50
_USUAL_LIFETIME = 90 * _DAY


def check_renewals(declared: Declared) -> Iterator[Problem]:
    """Problems of the section renewals, and of what contradicts it in preferences."""
    section = declared.policy
    if "percent" in section and "ensure_valid_for" in section:
        message = (
            f"ensure_valid_for stands beside percent, at {declared.where('renewals.percent')}: one of them decides"
        )
        where = declared.where("renewals.ensure_valid_for")
        yield Problem("CA1264", message, where, "keep one; null takes the other back")
    yield from check_window(declared)
    yield from check_patterns(declared)
    yield from check_served(declared)
    yield from _too_much(declared)
    yield from _times(declared)
    yield from _before_expiry(declared)
    yield from _against_preferences(declared)


def _too_much(declared: Declared) -> Iterator[Problem]:
    valid = durations.seconds(declared.policy.get("ensure_valid_for"))
    if valid is not None and 3 * valid >= 2 * _USUAL_LIFETIME:
        message = (
            f"ensure_valid_for is {durations.shown(valid)}, and most certificates live for 90 days: of those it would "
            "be two thirds or more, and the product's own rule decides"
        )
        where = declared.where("renewals.ensure_valid_for")
        yield warning("CA1277", message, where, "use less, or percent, which fits every lifetime")


def _times(declared: Declared) -> Iterator[Problem]:
    valid, jitter, retry = (
        durations.seconds(declared.policy.get(name)) for name in ("ensure_valid_for", "jitter", "retry_after")
    )
    if jitter is not None and jitter > (_LONGEST_JITTER if valid is None else valid // 2):
        than = "some certificates live" if valid is None else f"half of ensure_valid_for, {durations.shown(valid)}"
        message = f"a jitter of {durations.shown(jitter)} is longer than {than}"
        yield warning("CA1270", message, declared.where("renewals.jitter"), "hours are enough to spread requests")
    where = declared.where("renewals.retry_after")
    if retry is not None and retry < _HOUR:
        message = "authorities count failed validations by the hour, and refuse further ones after a few"
        yield warning("CA1271", message, where, "use 1h or more")
    elif retry is not None and retry > (_LONGEST_RETRY if valid is None else valid // 2):
        message = f"a certificate that failed is left alone for {durations.shown(retry)}, and may expire meanwhile"
        yield warning("CA1271", message, where, "use hours")


def _before_expiry(declared: Declared) -> Iterator[Problem]:
    valid, window = durations.seconds(declared.policy.get("ensure_valid_for")), declared.policy.get("window")
    if valid is None or window is None or valid >= (wait := longest_wait(window)):
        return
    left, every = durations.shown(valid), durations.shown(wait)
    message = f"up to {every} pass until the window opens again: a certificate with {left} left may expire before"
    where = declared.where("renewals.ensure_valid_for")
    yield warning("CA1272", message, where, f"use more than {every}, or open the window more often")


def _against_preferences(declared: Declared) -> Iterator[Problem]:
    section, preferences = declared.policy, declared.preferences
    number, mode = preferences.get("renewal_interval"), preferences.get("renewal_interval_mode")
    percent, valid = section.get("percent"), durations.seconds(section.get("ensure_valid_for"))
    place, hint = declared.where("preferences.renewal_interval"), "whichever comes first acts"
    if number and percent is not None and mode == "percentage_lifetime" and percent > number:
        message = f"the product itself renews at {number} percent, as {place} says, before the {percent} of this policy"
        yield warning("CA1273", message, declared.where("renewals.percent"), hint)
    if number and valid is not None and mode == "days_before_expiry" and valid < number * _DAY:
        message = f"the product itself renews {number} days before expiry, as {place} says, earlier than this policy"
        yield warning("CA1273", message, declared.where("renewals.ensure_valid_for"), hint)
    most, run = preferences.get("max_renewal_requests"), section.get("max_per_run")
    if run is not None and most is not None and run > (most or _USUAL_PASS):
        message = f"max_per_run is {run}, but the product requests {most or _USUAL_PASS} in one pass"
        hint = f"preferences.max_renewal_requests decides, at {declared.where('preferences.max_renewal_requests')}"
        yield warning("CA1274", message, declared.where("renewals.max_per_run"), hint)
