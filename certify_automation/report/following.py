"""What follows a run, as lines: preferences and renewals that are planned, wait, or were carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import Result
from certify_automation.model.plan import Plan
from certify_automation.model.renewal import CertificateRenew, Hold, PreferenceSet, RenewalStatus
from certify_automation.naming import some_of
from certify_automation.report.segments import Line, Segment
from certify_automation.report.wording import change_text, counted

_NAMES_SHOWN = 5
_NOT_ASKED = {Hold.WINDOW, Hold.MAX_PER_RUN, Hold.RUNNING, Hold.RETRY_AFTER, Hold.BACK_OFF}
"""Of these the next run, or the product itself, makes something; the others need somebody."""

_UNANSWERED = {HostStatus.CHANGED: "to request", HostStatus.UNKNOWN: "unknown"}
"""What is said of renewals to which there is no answer, by what became of the host."""

_DONE = {RenewalStatus.RENEWED, RenewalStatus.REQUESTED}


def following_lines(plan: Plan) -> Iterator[Line]:
    """The changes after a run, and the certificates that wait; renewals and waits of one reason are one line."""
    for text, impact in _changes(plan):
        yield Segment("", f"    {text} "), Segment("muted", f"({impact})")
    reasons: dict[tuple[Hold, str], list[str]] = {}
    for held in plan.held:
        reasons.setdefault((held.hold, held.text), []).append(held.name or held.id)
    for (hold, text), names in reasons.items():
        yield (Segment("muted" if hold in _NOT_ASKED else "warning", f"  waits {_names(names)}: {text}"),)


def _changes(plan: Plan) -> Iterator[tuple[str, str]]:
    alike: dict[str, list[CertificateRenew]] = {}
    for change in plan.after_commit:
        if isinstance(change, CertificateRenew):
            alike.setdefault(change.reason, []).append(change)
    for change in plan.after_commit:
        group = alike[change.reason] if isinstance(change, CertificateRenew) else []
        if len(group) <= _NAMES_SHOWN:
            yield change_text(change), change.impact.value
        elif change is group[0]:
            yield f"renew {_names([one.name for one in group])}: {group[0].reason}", change.impact.value


def renewed_lines(report: HostReport) -> Iterator[Line]:
    """What became of each renewal, once the host has answered."""
    if report.renewed is None or report.plan is None:
        return
    if report.renewed.preferences:
        yield (Segment("muted", f"    preferences: {report.renewed.preferences.replace('_', ' ')}"),)
    names = {change.id: change.name for change in report.plan.after_commit if isinstance(change, CertificateRenew)}
    for result in report.renewed.renewals:
        why = f": {' '.join(result.message.split())}" if result.message else ""
        style = "muted" if result.status in _DONE else "error"
        status = result.status.value.replace("_", " ")
        yield (Segment(style, f"    {names.get(result.id) or result.id}: {status}{why}"),)


def renewals_line(reports: Iterable[HostReport]) -> str:
    """What became of the renewals of a run: `certificates: 3 renewed, 1 failed, 2 waiting`; empty without any."""
    found: Counter[str] = Counter()
    for report in reports:
        plan = report.plan
        if plan is None:
            continue
        if report.renewed is not None:
            found.update(result.status.value.replace("_", " ") for result in report.renewed.renewals)
        else:
            requests = sum(isinstance(change, CertificateRenew) for change in plan.after_commit)
            found[_UNANSWERED.get(report.status, "not requested")] += requests
        found["waiting"] += len(plan.held)
    order = [*(status.value.replace("_", " ") for status in RenewalStatus), *sorted(set(_UNANSWERED.values()))]
    order += ["not requested", "waiting"]
    parts = [f"{found[word]} {word}" for word in dict.fromkeys(order) if found[word]]
    return f"certificates: {', '.join(parts)}" if parts else ""


def changed_count(report: HostReport) -> int:
    """How many changes were made, or would be while nothing was carried out."""
    plan, renewed = report.plan, report.renewed
    if plan is None:
        return 0
    if not report.carried_out:
        return len(plan.changes) + len(plan.after_commit)
    made = len(plan.changes) if report.outcome is not None and report.outcome.result is Result.APPLIED else 0
    if renewed is None:
        return made
    preferences = sum(isinstance(change, PreferenceSet) for change in plan.after_commit)
    made += preferences if renewed.preferences == "done" else 0
    return made + sum(result.status in _DONE for result in renewed.renewals)


def _names(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{counted(len(names), 'certificate')} ({some_of(names, _NAMES_SHOWN)})"
