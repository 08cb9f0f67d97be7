"""What an examination of a host comes to: findings, each with the evidence that proves it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters, the worst first.

    CRITICAL: others are cut off, data is in danger, or anybody may act as an administrator of the product.
    ERROR: the product, or what uses it, does not work. WARNING: it works, and will not for long or not for all.
    HINT: worth knowing where something else is wrong; never shown alone.
    """

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Repair(StrEnum):
    """Who ends a finding: `remediate`, `remediate` with a flag, or a person."""

    AUTOMATIC = "remediate"
    WITH_DATA = "remediate --allow-data"
    WITH_LOCKOUT = "remediate --allow-lockout"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that proves a finding.

    Attributes:
        source: where it was read: a file, a log, a registry key, a command, `API`.
        text: what stands there, without secrets.
        line: of the file, from 1; None where there are no lines.
    """

    source: str
    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a host.

    Attributes:
        id: `CA6101`, also the anchor of its section in docs/findings.md.
        title: of the catalogue: what is wrong in a few words.
        symptom: what people see of it.
        cause: what is wrong here, with names and numbers of this host.
        fix: what ends it here; risk: what doing so can break.
        repair: who does it here, which may be less than the catalogue says; PERSON then.
        person: why a person is needed here; empty unless repair is PERSON.
        subject: what of the host it is about where there may be several, such as a URL; empty otherwise.
        caused_by: ids of findings of the same host that it follows from; empty = a cause of its own.
    """

    id: str
    severity: Severity
    title: str
    symptom: str
    cause: str
    evidence: tuple[Evidence, ...]
    fix: str
    risk: str
    repair: Repair
    person: str = ""
    subject: str = ""
    caused_by: tuple[str, ...] = ()
