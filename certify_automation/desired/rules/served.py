"""Rules of the endpoints that are to serve managed certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from certify_automation.desired import reference
from certify_automation.desired.endpoints import EndpointUnreadable
from certify_automation.desired.renewals import served
from certify_automation.desired.rules.declared import Declared
from certify_automation.desired.words import shown
from certify_automation.errors import Position, Problem
from certify_automation.model.renewal import Served


def check_served(declared: Declared) -> Iterator[Problem]:
    """Problems of `renewals.served`."""
    known: dict[tuple[str, int, str], tuple[Served, Position]] = {}
    fields = reference.merge_keys()[("renewals", "served")]
    paths = [
        (f"renewals.served[{reference.entry_key(entry, fields)}]", entry) for entry in declared.policy.get("served", ())
    ]
    for path, entry in sorted(paths, key=lambda one: declared.where(f"{one[0]}.certificate")):
        where = declared.where(f"{path}.endpoint")
        if "certificate" not in entry:
            hint = "name the managed certificate that it serves, or give its id"
            yield Problem("CA1269", f"{_shown(entry)} lacks certificate", where, hint)
            continue
        try:
            (one,) = served([entry])
        except EndpointUnreadable as error:
            yield Problem("CA1267", f"{_shown(entry)} cannot be asked: {error}", where, error.hint)
            continue
        place = declared.where(f"{path}.certificate")
        first, there = known.setdefault((one.host, one.port, one.sni), (one, place))
        if first.certificate != one.certificate:
            theirs, ours = shown(first.certificate), shown(one.certificate)
            message = f"{_shown(entry)} is to serve {ours} here and {theirs} at {there}"
            yield Problem("CA1268", message, place, "an endpoint serves one certificate for a name")


def _shown(entry: Mapping[str, Any]) -> str:
    sni = f" with sni {shown(entry['sni'])}" if "sni" in entry else ""
    return f"the endpoint {shown(entry['endpoint'])}{sni}"
