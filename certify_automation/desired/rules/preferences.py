"""Rules of the product's preferences."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.desired.rules.declared import Declared, warning
from certify_automation.errors import Problem

_USUAL_LIFETIME_DAYS = 90
_HIGHEST_PERCENT = 95
_WHOLE = 100


def check_preferences(declared: Declared) -> Iterator[Problem]:
    """Preferences that are no such thing, or legal and hardly what is meant; the API itself checks nothing."""
    section = declared.preferences
    yield from _interval(declared)
    yield from _cleanup(declared)
    if section.get("enable_automatic_ca_failover") is True:
        message = "without accounts at two certification authorities enable_automatic_ca_failover does nothing"
        where = declared.where("preferences.enable_automatic_ca_failover")
        yield warning("CA1254", message, where, "see to it that every host has a second account")


def _interval(declared: Declared) -> Iterator[Problem]:
    mode, number = (declared.preferences.get(name) for name in ("renewal_interval_mode", "renewal_interval"))
    where = declared.where("preferences.renewal_interval", "preferences.renewal_interval_mode")
    if (mode is None) is not (number is None):
        there, lacking = ("renewal_interval_mode", "renewal_interval")[:: 1 if number is None else -1]
        message = f"{there} is declared without {lacking}: they mean something together, and each host has its own"
        yield warning("CA1253", message, where, f"declare {lacking} too")
    if mode is None or number is None:
        return
    if mode == "percentage_lifetime":
        if number > _WHOLE:
            message = f"renewal_interval is {number} percent: a lifetime has no more than {_WHOLE}"
            yield Problem("CA1276", message, where, f"use 1 to {_HIGHEST_PERCENT}; 75 is usual")
        elif not 1 <= number <= _HIGHEST_PERCENT:
            why = "little or no time is left when one fails" if number else "the product takes it for 75"
            message = f"renewal_interval is {number} percent of the lifetime: {why}"
            yield warning("CA1251", message, where, f"use 1 to {_HIGHEST_PERCENT}; 75 is usual")
    elif not number:
        message = "with a renewal_interval of 0 days every certificate with an interval of its own is due at every pass"
        yield warning("CA1252", message, where, "use 1 or more")
    elif number >= _USUAL_LIFETIME_DAYS:
        message = (
            f"certificates that live for fewer than {number} days, as those of many authorities do, are renewed at "
            "75 percent of their lifetime, whatever the mode says"
        )
        yield warning("CA1252", message, where, "use percentage_lifetime, which fits every lifetime")


def _cleanup(declared: Declared) -> Iterator[Problem]:
    mode = declared.preferences.get("certificate_cleanup_mode")
    enabled = declared.preferences.get("enable_certificate_cleanup")
    where = declared.where("preferences.certificate_cleanup_mode")
    if mode == "full_cleanup":
        message = "full_cleanup deletes every certificate of the product that is not managed now, and files with it"
        yield warning("CA1250", message, where, "use after_expiry unless nothing else uses those certificates")
    if enabled is not None and mode is not None and enabled is (mode == "none"):
        message = (
            f"certificate_cleanup_mode {mode} contradicts enable_certificate_cleanup {str(enabled).lower()}: newer "
            "versions of the product make one follow the other"
        )
        yield warning("CA1255", message, where, "declare certificate_cleanup_mode alone")
