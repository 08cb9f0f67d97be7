"""What comes after a run, as records of a plan file and in documents, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from certify_automation.model.change_codec import JsonObject
from certify_automation.model.renewal import AfterCommit, CertificateRenew, Held, Hold, PreferenceSet


def after_commit_to_json(change: AfterCommit) -> JsonObject:
    """The change with its kind, all fields by their names."""
    values = asdict(change)
    if isinstance(change, CertificateRenew):
        values["identifiers"] = list(change.identifiers)
    return {"kind": change.kind, **values}


def after_commit_from_json(item: Mapping[str, Any]) -> AfterCommit:
    """The change of what `after_commit_to_json` wrote.

    Raises:
        LookupError, TypeError, ValueError: it is no such change.
    """
    values = {name: value for name, value in item.items() if name != "kind"}
    if item["kind"] == PreferenceSet.kind:
        return PreferenceSet(**values)
    if item["kind"] == CertificateRenew.kind:
        return CertificateRenew(**{**values, "identifiers": tuple(values["identifiers"])})
    raise ValueError(f"{item['kind']!r} is not done after a run")


def held_to_json(held: Held) -> JsonObject:
    """A certificate that waits, all fields by their names."""
    return {**asdict(held), "hold": held.hold.value}


def held_from_json(item: Mapping[str, Any]) -> Held:
    """What `held_to_json` wrote.

    Raises:
        TypeError, ValueError: it is no such record.
    """
    return Held(**{**item, "hold": Hold(item["hold"])})
