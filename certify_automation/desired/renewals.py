"""The sections `preferences` and `renewals` -> what a HostState says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from certify_automation.desired import durations, reference
from certify_automation.desired.endpoints import EndpointUnreadable, is_address, read_endpoint, read_host
from certify_automation.model.config_files import JsonValue
from certify_automation.model.renewal import RETRY_AFTER_SECONDS, RenewalPolicy, Served, Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week as the files write them, Monday first as Python counts them."""


def preferences(section: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Declared preferences under the product's names and with its values, in the schema's order."""
    names = reference.product_names("preferences")
    found = {}
    for name, product_name in names.items():
        if name in section:
            value = section[name]
            words = reference.product_words("preferences", name)
            found[product_name] = words.get(value, value) if isinstance(value, str) else value
    return found


def policy(section: Mapping[str, Any]) -> RenewalPolicy:
    """The policy of a section that fits the schema and the rules; an empty one follows the product's own rule."""
    retry_after = durations.seconds(section.get("retry_after"))
    return RenewalPolicy(
        durations.seconds(section.get("ensure_valid_for")),
        section.get("percent"),
        section.get("retry_failed", reference.declared_default("renewals", "retry_failed")),
        tuple(section.get("include", ())),
        tuple(section.get("exclude", ())),
        window(section["window"]) if section.get("window") else None,
        durations.seconds(section.get("jitter")) or 0,
        section.get("max_per_run"),
        RETRY_AFTER_SECONDS if retry_after is None else retry_after,
        served(section.get("served", ())),
    )


def window(section: Mapping[str, Any]) -> Window:
    """The window of a section that has all it needs."""
    hours, minutes = map(int, section["start"].split(":"))
    return Window(opening_days(section), 60 * hours + minutes, duration(section), section["timezone"])


def opening_days(section: Mapping[str, Any]) -> frozenset[int]:
    """The days on which a window opens, 0 = Monday."""
    days = section.get("days", "daily")
    return frozenset(range(len(DAYS)) if days == "daily" else map(DAYS.index, days))


def duration(section: Mapping[str, Any]) -> int:
    """How many seconds a window stays open."""
    return durations.seconds(section["duration"]) or 0


def served(entries: Iterable[Mapping[str, Any]]) -> tuple[Served, ...]:
    """Endpoints in the order of host, port and name; an entry that says what another says counts once.

    Raises:
        EndpointUnreadable: an endpoint or a name for the handshake is not one.
    """
    found = {_served(entry) for entry in entries}
    return tuple(sorted(found, key=lambda one: (one.host, one.port, one.sni, one.certificate)))


def _served(entry: Mapping[str, Any]) -> Served:
    host, port = read_endpoint(entry["endpoint"])
    sni = read_host(entry.get("sni", host))
    if is_address(sni):
        if "sni" in entry:
            raise EndpointUnreadable("sni is an address, and a handshake can ask for a name only", "leave sni out")
        sni = ""
    return Served(host, port, sni, entry["certificate"])
