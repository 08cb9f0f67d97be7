"""Which findings of a host follow from which, and the order in which they are told. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from certify_automation.doctor.catalogue import catalogue
from certify_automation.model.finding import Finding, Severity


def related(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of one host, worst first, each with the others that it follows from.

    A hint stays only where it may explain something whose cause is not found. A cause is at least as severe as what
    follows from it, because it alone is told in full.
    """
    every = tuple(dict.fromkeys(findings))
    proven = [_linked(one, {other.id for other in every}) for one in every if one.severity is not Severity.HINT]
    unexplained = {one.id for one in roots(proven)}
    hints = (_linked(one, unexplained) for one in every if one.severity is Severity.HINT)
    kept = [*proven, *(one for one in hints if one.caused_by)]
    weighed = (replace(one, severity=_weight(one, kept)) for one in kept)
    return tuple(sorted(weighed, key=lambda one: (one.severity.rank, one.id, one.subject)))


def _linked(finding: Finding, causes: Collection[str]) -> Finding:
    """With those of these causes that it can follow from."""
    return replace(finding, caused_by=tuple(one for one in catalogue()[finding.id].caused_by if one in causes))


def _weight(finding: Finding, findings: Sequence[Finding]) -> Severity:
    """The worst severity of a finding and everything that follows from it."""
    by_id = {one.id: one for one in findings}
    after = (one.severity for one in findings if finding.id in _above(one, by_id) and one.severity is not Severity.HINT)
    return min((finding.severity, *after), key=lambda severity: severity.rank)


def roots(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that follow from no other, in their order."""
    return tuple(one for one in findings if not one.caused_by)


def consequences_of(finding: Finding, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What follows from a root, at however many removes, in order.

    What follows from several belongs to the first of them, so that it is told once.
    """
    return tuple(one for one in findings if one.caused_by and _root_of(one, findings) == finding)


def _root_of(finding: Finding, findings: Sequence[Finding]) -> Finding | None:
    above = _above(finding, {one.id: one for one in reversed(findings)})
    return next((one for one in roots(findings) if one.id in above), None)


def _above(finding: Finding, by_id: dict[str, Finding]) -> set[str]:
    """Ids of all findings that this one follows from, directly or not."""
    found: set[str] = set()
    waiting = list(finding.caused_by)
    while waiting:
        finding_id = waiting.pop()
        if finding_id not in found:
            found.add(finding_id)
            waiting += by_id[finding_id].caused_by if finding_id in by_id else ()
    return found
