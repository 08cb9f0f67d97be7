"""What examinations came to, on the screen: findings by host, the worst host first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from certify_automation.cli.options import Call, Command
from certify_automation.cli.outcomes import line_text
from certify_automation.doctor import entry
from certify_automation.due import moment_text
from certify_automation.model.facts import Facts
from certify_automation.model.finding import Finding
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import ExitCode, worst
from certify_automation.naming import some_of
from certify_automation.report import (
    Line,
    Segment,
    counted,
    finding_json,
    finding_lines,
    findings_text,
    problem_json,
    remedy_summary,
    severity_style,
)

_NAMES_SHOWN = 8
_NO_RANK = 9


def only_option(function: Command) -> Command:
    """Give a command --only."""
    option = click.option("--only", multiple=True, metavar="ID", help="Only these findings, by id or name. Repeatable.")
    return option(function)


def selected(only: Sequence[str]) -> frozenset[str]:
    """The ids that --only names; empty for all.

    Raises:
        UsageError: CA5041 there is no such finding.
    """
    return frozenset(entry(text).id for text in only)


@dataclass(frozen=True, slots=True)
class Answer:
    """One host.

    Attributes:
        facts: None when it could not be visited.
        made_utc_ms: when they were seen, for a bundle; None = now.
    """

    report: HostReport
    findings: tuple[Finding, ...]
    facts: Facts | None = None
    made_utc_ms: int | None = None

    @property
    def rank(self) -> int:
        """Of the worst finding, 0 being the worst there is."""
        return min((one.severity.rank for one in self.findings), default=_NO_RANK)

    def heading(self) -> Line:
        """Who it is, what is installed there, and how much is wrong."""
        product = self.facts.product if self.facts else None
        parts = []
        if product is not None:
            known = f"version {product.version}" if product.version else product.generation
            parts.append(known or "product not found")
        if self.made_utc_ms is not None:
            parts.append(f"seen at {moment_text(self.made_utc_ms)}")
        worst_style = severity_style(self.findings[0].severity) if self.findings else "ok"
        about = f"  {', '.join(parts)}" if parts else ""
        count = findings_text(self.findings) or "no findings"
        return Segment("heading", self.report.host), Segment("muted", about), Segment(worst_style, f"  {count}")

    def document(self) -> dict[str, object]:
        """The host for programs."""
        facts, error = self.facts, self.report.error
        return {
            "host": self.report.host,
            "status": self.report.status.value,
            "exit_code": int(worst([self.report.exit_code, *([ExitCode.DRIFT] if self.findings else [])])),
            "error": error and problem_json(error),
            "generation": facts and facts.product.generation,
            "version": facts and facts.product.version,
            "clock_utc_ms": facts and facts.host.clock_utc_ms,
            "made_utc_ms": self.made_utc_ms,
            "open_run": self.report.open_run,
            "findings": [finding_json(one, self.report.host) for one in self.findings],
        }


def show_answers(
    call: Call,
    answers: Sequence[Answer],
    only: frozenset[str],
    code: ExitCode,
    checks: Sequence[dict[str, str]] = (),
) -> int:
    """Show the findings of these hosts, those with the worst first, and print the document.

    Args:
        call: the command's.
        answers: in the order of the inventory.
        only: ids of the findings that are asked for; empty = all.
        code: what the visits came to.
        checks: what was looked at on this computer.

    Returns:
        The exit code; 2 when there are findings and nothing worse.
    """
    shown = [replace(one, findings=_only(one.findings, only)) for one in answers]
    console, told = call.console, set[str]()
    for answer in sorted((one for one in shown if one.findings), key=lambda one: one.rank):
        console.data([line_text(answer.heading())])
        full, width = console.verbosity >= 0, console.width
        lines = finding_lines(answer.report.host, answer.findings, full=full, told=told, width=width)
        console.data(line_text(line) for line in lines)
    console.data(_summary(shown, "this computer" if checks else counted(len(shown), "host")))
    every = [finding for answer in shown for finding in answer.findings]
    code = worst([code, *([ExitCode.DRIFT] if every else [])])
    content: dict[str, object] = {"exit_code": int(code), "hosts": [answer.document() for answer in shown]}
    console.document(call.command, {**content, "checks": list(checks)} if checks else content)
    return code


def _only(findings: tuple[Finding, ...], ids: frozenset[str]) -> tuple[Finding, ...]:
    """Those asked for; what they follow from is not asked for, and so they stand alone."""
    if not ids:
        return findings
    kept = [one for one in findings if one.id in ids]
    return tuple(replace(one, caused_by=tuple(i for i in one.caused_by if i in ids)) for one in kept)


def _summary(answers: Sequence[Answer], examined: str) -> list[str]:
    healthy = [one.report.host for one in answers if not one.findings and one.report.error is None]
    ill = sum(bool(one.findings) for one in answers)
    lines = [f"no findings: {some_of(healthy, _NAMES_SHOWN)}"] if ill and healthy else []
    if not ill:
        return [f"{examined} examined, no findings"]
    every = [finding for answer in answers for finding in answer.findings]
    with_findings = "" if len(answers) == 1 else f", {ill} with findings"
    counts = f"{findings_text(every)}; {remedy_summary(every)}"
    return [*lines, f"{examined} examined{with_findings}: {counts}"]
