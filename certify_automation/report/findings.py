"""Findings of hosts as lines for people, consequences folded under their cause, and as documents for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from textwrap import wrap

from certify_automation.doctor import consequences_of, roots
from certify_automation.model.finding import Evidence, Finding, Repair, Severity
from certify_automation.report.listed import one_line
from certify_automation.report.segments import Line, Segment
from certify_automation.report.wording import counted

PAGE = "docs/findings.md"

_STYLES = {
    Severity.CRITICAL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.HINT: "muted",
}
WIDTH = 114
"""Columns of a line where nobody says how many there are."""

_LABEL = 14
_NARROWEST = 24
_PLURALS = {
    Severity.CRITICAL: "critical",
    Severity.ERROR: "errors",
    Severity.WARNING: "warnings",
    Severity.HINT: "hints",
}


def severity_style(severity: Severity) -> str:
    """The style a severity is shown in, as for a Segment."""
    return _STYLES[severity]


def finding_lines(
    host: str, findings: Sequence[Finding], *, full: bool = True, told: set[str] | None = None, width: int = WIDTH
) -> Iterator[Line]:
    """The findings of one host, worst first, each with what follows from it below.

    Args:
        host: named in the command that ends them; empty = none can be named.
        findings: as `diagnose` orders them.
        full: with symptom and risk; otherwise what is wrong, what proves it and what ends it.
        told: paragraphs that were shown for earlier hosts and need not be again; those shown here are added.
        width: columns that a line may have.
    """
    told = set() if told is None else told
    for root in roots(findings):
        general = {"symptom": root.symptom, "fix": root.fix, "risk": root.risk}
        new = {label: text for label, text in general.items() if f"{root.id} {text}" not in told}
        told.update(f"{root.id} {text}" for text in new.values())
        yield (Segment(_STYLES[root.severity], f"  {root.severity.value.upper()} {root.id}  {root.title}"),)
        if full:
            yield from labelled("symptom", new.get("symptom", ""), width=width)
        yield from labelled("cause", root.cause, width=width)
        yield from evidence_lines(root.evidence, width)
        yield from labelled("fix", new.get("fix", ""), width=width)
        if full:
            yield from labelled("risk", new.get("risk", ""), width=width)
        yield from _next(root, host, width)
        if full and new:
            yield from labelled("about it", f"`doctor --explain {root.id}`, {finding_link(root)}", "muted", width)
        yield from _consequences(root, findings, width if full else 0)


def finding_link(finding: Finding) -> str:
    """Where the page of findings speaks of it: `docs/findings.md#ca6201`."""
    return f"{PAGE}#{finding.id.lower()}"


def finding_json(finding: Finding, host: str) -> dict[str, object]:
    """A finding for programs."""
    return {
        **asdict(finding),
        "severity": finding.severity.value,
        "repair": finding.repair.value,
        "evidence": [asdict(one) for one in finding.evidence],
        "caused_by": list(finding.caused_by),
        "command": _command(finding, host),
        "link": finding_link(finding),
    }


def findings_text(findings: Iterable[Finding]) -> str:
    """How many causes there are of each severity: `1 critical, 2 errors`; empty for none."""
    counts = _severity_counts(findings)
    return ", ".join(f"{number} {_word(severity, number)}" for severity, number in counts.items())


def _severity_counts(findings: Iterable[Finding]) -> Mapping[Severity, int]:
    """How many causes there are of each severity, the worst first; those nobody has are left out."""
    counts = Counter(one.severity for one in roots(tuple(findings)))
    return {severity: counts[severity] for severity in Severity if counts[severity]}


def remedy_summary(findings: Iterable[Finding]) -> str:
    """Who ends them: `remediate ends 2 of them, 1 needs a person`; empty for none."""
    every = roots(tuple(findings))
    people = sum(one.repair is Repair.PERSON for one in every)
    flagged = sum(one.repair in {Repair.WITH_DATA, Repair.WITH_LOCKOUT} for one in every)
    parts = [f"remediate can fix {len(every) - people} of them"] if len(every) > people else []
    if flagged:
        parts[0] += f" ({flagged} with a flag)"
    if people:
        parts.append(f"{people} {'needs' if people == 1 else 'need'} a person")
    return ", ".join(parts)


def _word(severity: Severity, number: int) -> str:
    return severity.value if number == 1 else _PLURALS.get(severity, severity.value)


def _consequences(root: Finding, findings: Sequence[Finding], width: int) -> Iterator[Line]:
    """What follows from a finding, with its causes in lines so wide; 0 = without them."""
    followers = consequences_of(root, findings)
    if followers:
        yield (Segment("muted", f"    follows from it: {counted(len(followers), 'finding')}"),)
    for one in followers:
        yield (Segment("muted", f"      {one.id}  {one.title}"),)
        for line in _wrapped(one.cause, width - 8) if width else ():
            yield (Segment("muted", f"        {line}"),)


def evidence_lines(evidence: Sequence[Evidence], width: int = WIDTH) -> Iterator[Line]:
    """Where each fact was read, and what stands there, in lines of so many columns."""
    for number, one in enumerate(evidence):
        place = one.source if one.line is None else f"{one.source}:{one.line}"
        label = "evidence" if number == 0 else ""
        yield from labelled(label, f"{place}: {one.text}", width=width)


def labelled(label: str, text: str, style: str = "", width: int = WIDTH) -> Iterator[Line]:
    """A paragraph beside its label, in lines of so many columns; nothing for an empty one."""
    for number, line in enumerate(_wrapped(text, width - _LABEL)):
        yield _beside(label if number == 0 else "", line, style)


def _beside(label: str, text: str, style: str) -> Line:
    return Segment("muted", f"    {label:<9} "), Segment(style, text)


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(one_line(text), max(width, _NARROWEST), break_long_words=False, break_on_hyphens=False)


def _next(finding: Finding, host: str, width: int) -> Iterator[Line]:
    command = _command(finding, host)
    if command is None:
        words = f"a person: {finding.person}" if finding.person else "a person"
        yield from labelled("next", words, "warning", width)
    else:  # whole, so that it can be copied
        yield _beside("next", one_line(command), "ok")


def _command(finding: Finding, host: str) -> str | None:
    """What ends it; None where a person does."""
    if finding.repair is Repair.PERSON:
        return None
    flags = finding.repair.value.removeprefix(Repair.AUTOMATIC.value)
    return f"certify-automation remediate{f' {host}' if host else ''} --only {finding.id}{flags}"
