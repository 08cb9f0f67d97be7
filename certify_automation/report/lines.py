"""What became of hosts as lines with styles, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.impact import Impact
from certify_automation.model.outcome import RecoveredRun, Result
from certify_automation.model.plan import Difference, Plan
from certify_automation.model.step import StepOutcome
from certify_automation.report.following import changed_count, following_lines, renewed_lines
from certify_automation.report.segments import Line, Segment, told
from certify_automation.report.wording import change_text, counted, status_text, value_text

_STATUS_STYLES = {
    HostStatus.OK: "ok",
    HostStatus.CHANGED: "changed",
    HostStatus.REFUSED: "warning",
    HostStatus.STALE: "warning",
    HostStatus.LOCKED: "warning",
    HostStatus.NOT_RUN: "muted",
}
_KEPT = "kept: everything had been done and the API answered"
_MARKS = {"added": "+", "removed": "-", "changed": "~"}


def status_style(status: HostStatus) -> str:
    """The style a status is shown in."""
    return _STATUS_STYLES.get(status, "error")


def host_lines(report: HostReport) -> tuple[Line, ...]:
    """One host in full: its differences, the changes with their impact, warnings, and why it stopped."""
    status = status_text(report.status, planned=not report.carried_out)
    heading = (Segment("heading", report.host), Segment(status_style(report.status), f"  {status}"))
    return (
        heading,
        *_recovered_lines(report.recovered),
        *_plan_lines(report.plan),
        *_outcome_lines(report),
        *renewed_lines(report),
        *_error_lines(report),
    )


def _recovered_lines(recovered: Sequence[RecoveredRun]) -> Iterator[Line]:
    for run in recovered:
        result = _KEPT if run.result is Result.APPLIED else run.result.value.replace("_", " ")
        style = "error" if run.result is Result.ROLLBACK_FAILED else "warning"
        yield (Segment(style, f"  brought to its end first: run {run.run_id}, {result}"),)
        yield from map(_step_line, run.steps)


def _plan_lines(plan: Plan | None) -> Iterator[Line]:
    if plan is None:
        return
    width = max((len(difference.path) for difference in plan.differences), default=0)
    for difference in plan.differences:
        yield from _difference_lines(difference, width)
    for conflict in plan.conflicts:
        note = f": {conflict.note}" if conflict.note else ""
        values = f"{value_text(conflict.observed)} is left as it is ({value_text(conflict.declared)} before)"
        text = f"  conflict {conflict.path}  {values}{note}"
        yield (Segment("warning", text),)
    for change in plan.changes:
        impact = plan.impact(change)
        style = "error" if impact is Impact.LOCKOUT else "muted"
        yield Segment("", f"    {change_text(change)} "), Segment(style, f"({impact.value})")
    yield from following_lines(plan)
    if plan.confirm_seconds is not None:
        text = (
            "  lockout risk: the host puts everything back by itself, unless a new connection confirms within "
            f"{plan.confirm_seconds} seconds that it can still be reached"
        )
        yield (Segment("error", text),)
    for warning in plan.warnings:
        yield from told("warning", f"  warning {warning.id}: {warning.message}", warning.hint)
    for refusal in plan.refusals:
        yield from told("error", f"  refused {refusal.id}: {refusal.message}", refusal.hint)


def _difference_lines(difference: Difference, width: int) -> Iterator[Line]:
    if difference.observed is None:
        style, value = "added", value_text(difference.declared)
    elif difference.declared is None:
        style, value = "removed", value_text(difference.observed)
    else:
        style = "changed"
        value = f"{value_text(difference.observed)} -> {value_text(difference.declared)}"
    note = (Segment("muted", f"  ({difference.note})"),) if difference.note else ()
    if isinstance(difference.declared, Mapping):
        yield Segment(style, f"  {_MARKS[style]} {difference.path}"), *note
        found = difference.observed if isinstance(difference.observed, Mapping) else {}
        for name, item in difference.declared.items():
            was = f"{value_text(found[name])} -> " if name in found and found[name] != item else ""
            yield (Segment(style, f"      {name}: {was}{value_text(item)}"),)
    else:
        yield Segment(style, f"  {_MARKS[style]} {difference.path.ljust(width)}  {value}"), *note


def _outcome_lines(report: HostReport) -> Iterator[Line]:
    outcome = report.outcome
    if outcome is not None and outcome.result is Result.AWAITING:
        text = f"  done, and put back by the host itself unless the run {outcome.run_id} is confirmed"
        yield (Segment("warning", text),)
    if outcome is not None and report.error is not None and report.renewed is None:
        yield from map(_step_line, outcome.steps)


def _step_line(step: StepOutcome) -> Line:
    code = f" {step.code}: {step.message}" if step.code else ""
    return (Segment("muted", f"    step {step.index + 1} {step.kind}: {step.status}{code}"),)


def _error_lines(report: HostReport) -> Iterator[Line]:
    # The plan's own refusals have been told with the plan.
    if report.error is not None and not (report.plan and report.plan.refusals):
        yield from told("error", f"  {report.error.id}: {report.error.message}", report.error.hint)


def recap_line(report: HostReport, width: int) -> Line:
    """One line a host, in Ansible's order: 1 or 0 for each outcome, `changed` counts the changes that were made.

    Args:
        report: the host's.
        width: of the column of host names.
    """
    status, plan = report.status, report.plan
    changed = changed_count(report) if report.carried_out or status is HostStatus.CHANGED else 0
    failed = status in {HostStatus.FAILED, HostStatus.ROLLED_BACK, HostStatus.UNKNOWN}
    columns = {
        "ok": int(status in {HostStatus.OK, HostStatus.CHANGED}),
        "changed": changed,
        "unreachable": int(status is HostStatus.UNREACHABLE),
        "failed": int(failed),
        "refused": int(status in {HostStatus.REFUSED, HostStatus.STALE, HostStatus.LOCKED}),
    }
    counts = " ".join(f"{name}={count:<3}" for name, count in columns.items())
    reason = f"{status_text(status)} {report.error.id}" if report.error else status_text(status)
    if plan and plan.conflicts:
        reason += f", {counted(len(plan.conflicts), 'conflict')} left"
    if plan and plan.held_back:
        reason += f", {counted(len(plan.held_back), 'renewal')} held back"
    if plan and plan.unjudged and not report.error:
        reason += ", not everything compared"
    return Segment("", f"{report.host.ljust(width)} : {counts} "), Segment(status_style(status), reason)


def summary_line(counts: Mapping[HostStatus, int], *, planned: bool = False) -> Line:
    """How many hosts ended in which status: `12 hosts: 3 ok, 8 changed, 1 refused`; planned as for status_text."""
    total = sum(counts.values())
    parts: list[Segment] = [Segment("", f"{counted(total, 'host')}: ")]
    for status, count in counts.items():
        parts += [Segment(status_style(status), f"{count} {status_text(status, planned=planned)}"), Segment("", ", ")]
    return tuple(parts[:-1]) if len(parts) > 1 else (Segment("", "0 hosts"),)
