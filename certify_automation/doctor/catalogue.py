"""Everything that can be found, by its id: what it means, what ends it, who does that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from certify_automation.errors import UsageError
from certify_automation.model.finding import Repair, Severity

_DATA = Path(__file__).resolve().parent / "findings.yaml"
_SUGGESTED = 3
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a finding before any host has it.

    Attributes:
        id: `CA6101`; name: `files_disagree`, which can be typed instead.
        title: what is wrong in a few words.
        severity: as a rule; a host may have it milder.
        repair: the most that can be done about it by itself.
        symptom: what people see of it; text: what it means; fix: what ends it; risk: what doing so can break.
        caused_by: ids of the findings that it can be a consequence of.
    """

    id: str
    name: str
    title: str
    severity: Severity
    repair: Repair
    symptom: str
    text: str
    fix: str
    risk: str
    caused_by: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The entry for programs."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title,
            "severity": self.severity.value,
            "repair": self.repair.value,
            "symptom": self.symptom,
            "text": self.text,
            "fix": self.fix,
            "risk": self.risk,
            "caused_by": list(self.caused_by),
        }


@cache
def catalogue() -> Mapping[str, Entry]:
    """All entries by id, in the order in which they are shown."""
    document: list[dict[str, Any]] = yaml.load(_DATA.read_text("utf-8"), _LOADER)  # noqa: S506 - a safe one
    return MappingProxyType({one["id"]: _entry(one) for one in document})


def entry(text: str) -> Entry:
    """The entry with this id or name, ignoring case.

    Raises:
        UsageError: CA5041, there is none.
    """
    known = {word: one for one in catalogue().values() for word in (one.id.casefold(), one.name)}
    wanted = text.strip().casefold().replace("-", "_")
    if wanted in known:
        return known[wanted]
    near = [known[word] for word in get_close_matches(wanted, known, n=_SUGGESTED, cutoff=0.6)]
    if near:
        hint = f"did you mean {' or '.join(dict.fromkeys(f'{one.id} ({one.name})' for one in near))}?"
    else:
        hint = "`certify-automation doctor --explain all` shows all findings"
    raise UsageError("CA5041", f"there is no finding {text!r}", hint=hint)


def _entry(record: Mapping[str, Any]) -> Entry:
    values = {**record, "severity": Severity(record["severity"]), "repair": Repair(record["repair"])}
    return Entry(**{**values, "caused_by": tuple(record["caused_by"])})
