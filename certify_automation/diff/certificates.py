"""Preferences of the product as declared and as its API answers them; renewals where it does not answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from certify_automation import bundled
from certify_automation.model.certificate import ApiFailure, CertificateInventory
from certify_automation.model.config_files import JsonValue
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.plan import Difference
from certify_automation.model.renewal import PreferenceSet

ISSUER_CACHE = "enableIssuerCache"
"""GET answers false whatever it is; the truth is in appsettings.json."""
_LISTS = {"featureFlags"}
"""Preferences of which null says as much as an empty list."""


@dataclass(frozen=True, slots=True)
class _Preference:
    """A preference as users write it: its name, and words for values of the product."""

    name: str
    words: Mapping[str, JsonValue]


@cache
def _preferences() -> Mapping[str, _Preference]:
    """By the product's name."""
    definitions = json.loads(bundled.text("schemas", "desired-state.schema.json"))["$defs"]
    parts: Mapping[str, Any] = definitions["preferences"]["properties"]
    return {
        part["x-property"]: _Preference(name, part.get("x-values", {}))
        for name, part in parts.items()
        if "x-property" in part
    }


def preference_name(name: str) -> str:
    """A preference of the product as users write it."""
    known = _preferences().get(name)
    return known.name if known else name


def preference_value(name: str, value: JsonValue) -> JsonValue:
    """A value of a preference as users write it; one that has no word as it is."""
    known = _preferences().get(name)
    words = known.words.items() if known else ()
    return next((word for word, stands_for in words if stands_for == value), value)


def preference_changes(desired: HostState, facts: Facts) -> tuple[PreferenceSet, ...]:
    """What gives the declared preferences their values, by name; nothing where they are not known."""
    found = facts.certificates
    if not desired.preferences or found is None or found.preferences is None:
        return ()
    wanted = sorted(desired.preferences.items())
    changes = (PreferenceSet(name, _observed(name, found), after) for name, after in wanted)
    return tuple(change for change in changes if not _same(change))


def certificate_differences(desired: HostState, facts: Facts) -> Iterator[Difference]:
    """One for each preference that is not as declared; one for all where the product was asked and did not say."""
    found = facts.certificates
    if found is None:
        return
    why = f"cannot be compared: {failure_text(found.failure)}"
    if desired.preferences and found.preferences is None:
        yield Difference("preferences", "in effect", None, why)
    for change in preference_changes(desired, facts):
        name = change.name
        declared, observed = (preference_value(name, value) for value in (change.after, change.before))
        yield Difference(f"preferences.{preference_name(name)}", declared, observed)
    if desired.renewals is not None and found.certificates is None:
        yield Difference("renewals", "in effect", None, why)


def failure_text(failure: ApiFailure | None) -> str:
    """Why the product's API did not say all that it was asked, in words."""
    if failure is None:
        return "its API did not say"
    asked = f" to {failure.request}" if failure.request else ""
    said = f" ({failure.message})" if failure.message else ""
    texts = {
        "unreachable": f"the product's API did not answer{asked}{said}",
        "refused": f"the product's API refused whoever asked: status {failure.status}{asked}{said}",
        "status": f"the product's API answered with status {failure.status}{asked}{said}",
        "answer": f"the product's API answered with something else than expected{asked}{said}",
        "task": f"no task could ask the product's API{said}",
    }
    return texts.get(failure.code, f"{failure.code}{asked}{said}")


def _observed(name: str, found: CertificateInventory) -> JsonValue:
    if name == ISSUER_CACHE:
        return found.issuer_cache
    value = (found.preferences or {}).get(name)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _same(change: PreferenceSet) -> bool:
    """Whether two values are one to the product: a number is no truth value, and a missing list has no entries."""
    before, after = change.before, change.after
    if change.name in _LISTS:
        return (before or []) == (after or [])
    return isinstance(before, bool) == isinstance(after, bool) and before == after
