"""Rules of the window in which certificates may be requested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from certify_automation.desired import durations, renewals
from certify_automation.desired.rules.declared import Declared, warning
from certify_automation.desired.words import near, shown
from certify_automation.errors import Problem

_NEEDED = ("start", "duration", "timezone")
_NO_ZONES = {"Factory", "localtime"}
"""Names of the zone database that stand for no place, or for another one on each machine."""
_DAY = 86_400
_DAYS_OF_WEEK = 7
_SHORTEST = 10 * 60


def check_window(declared: Declared) -> Iterator[Problem]:
    """Problems of `renewals.window`; none where it is not declared."""
    section = declared.policy.get("window")
    if section is None:
        return
    lacking = [name for name in _NEEDED if name not in section]
    if lacking:
        hint = "for example start: 22:00, duration: 6h, timezone: Europe/Berlin"
        message, where = f"renewals.window lacks {', '.join(lacking)}", declared.where("renewals.window")
        yield Problem("CA1260", message, where, hint)
    yield from _opening(declared, section)
    zone = section.get("timezone")
    if zone is not None and zone not in known_zones():
        where = declared.where("renewals.window.timezone")
        yield Problem("CA1262", f"there is no time zone {shown(zone)}", where, _zone_hint(zone))


def _opening(declared: Declared, section: Mapping[str, Any]) -> Iterator[Problem]:
    if section.get("days") == []:
        message = "the window never opens: days is empty"
        yield Problem("CA1261", message, declared.where("renewals.window.days"), "daily, or for example [mon, thu]")
        return
    if "duration" not in section:
        return
    where, duration = declared.where("renewals.window.duration"), renewals.duration(section)
    if duration == 0:
        yield Problem("CA1261", "the window never opens: its duration is 0", where, "for example 6h")
    elif duration < _SHORTEST:
        message = f"the window is open for {durations.shown(duration)} only: hardly a renewal ends in that time"
        yield warning("CA1281", message, where, "for example 1h; the product itself begins a pass every 5 minutes")
    elif duration >= longest_wait(section):
        message = f"the window never closes: it opens again before {durations.shown(duration)} are over"
        yield warning("CA1263", message, where, "remove the window, or make it shorter")


def longest_wait(section: Mapping[str, Any]) -> int:
    """Seconds between two openings that lie farthest apart, by the calendar; 0 where it never opens."""
    days = sorted(renewals.opening_days(section))
    if not days:
        return 0
    following = [*days[1:], days[0] + _DAYS_OF_WEEK]
    return _DAY * max(after - day for day, after in zip(days, following, strict=True))


def _zone_hint(zone: str) -> str:
    if not known_zones():
        return "this machine has no time zones: `pip install tzdata` brings them"
    usual = "write an IANA name, such as Europe/Berlin or UTC"
    return f"{usual}; names of Windows are not taken" if " " in zone else near(zone, known_zones()) or usual


@cache
def known_zones() -> frozenset[str]:
    """Names of all time zones that this machine knows."""
    return frozenset(available_timezones()) - _NO_ZONES
