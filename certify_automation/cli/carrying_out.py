"""From hosts to plans, and from plans to hosts that are as planned: looked at, shown, asked about, carried out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import click

from certify_automation.cli.lockout import check_confirmable
from certify_automation.cli.options import Call
from certify_automation.cli.outcomes import show_details, show_plan, show_recap, show_stop, show_summary
from certify_automation.cli.visits import Visits
from certify_automation.desired import DesiredHost, Settings
from certify_automation.fleet.acting import carry_out_host, under_timer
from certify_automation.fleet.guarding import Guard
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, worst
from certify_automation.model.plan import Plan
from certify_automation.model.renewal import Hold
from certify_automation.report import document, host_json, renewals_line


@dataclass(frozen=True, slots=True)
class Act:
    """A command that acts.

    Attributes:
        name: of the command, also the kind of its JSON document.
        question: asked before anything is carried out, `{}` for `3 hosts`.
        declared: the plans are to make the hosts as declared now, so what is left is a failure.
        doing: what is shown while it goes on; refused: what is said when the answer was no.
        of_certificates: they are counted in the end, because they are what it is for.
        refusing: why certificates wait when the run counts as refused for it; the limit of an authority always does.
        left: what the exit code is at least, for what the plans do not end.
        told: host -> what its document has besides.
    """

    name: str
    question: str
    declared: bool = True
    doing: str = "applying"
    refused: str = "not applied"
    of_certificates: bool = False
    refusing: frozenset[Hold] = frozenset()
    left: ExitCode = ExitCode.DONE
    told: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def document(self, reports: Sequence[HostReport], code: ExitCode, run: str | None) -> dict[str, object]:
        """What became of the hosts, for programs; run = the one that acted."""
        hosts = [{**host_json(report), **self.told.get(report.host, {})} for report in reports]
        return {**document(self.name, (), code), "hosts": hosts, "run_id": run}


APPLY = Act("apply", "Apply these changes to {}?")
APPLY_FILE = replace(APPLY, declared=False)
"""What is declared may have changed since a plan was saved, and that is no failure of the plan."""


def guard_of(call: Call, settings: Settings) -> Guard:
    """The guard of a call, which speaks through its console."""
    guard = Guard.of(settings, os.environ)
    guard.say, guard.warn, guard.selection = call.console.say, call.console.error, call.limit
    return guard


def look_at(visits: Visits, hosts: Sequence[str], work: Callable[[DesiredHost], HostReport]) -> list[HostReport]:
    """The reports of these hosts in their order; why some were held back is said."""
    reports: list[HostReport] = []
    show_stop(visits.console, visits.look("planning", hosts, work, reports.append))
    return _in_order(reports, hosts)


def code_of(visits: Visits, reports: Sequence[HostReport]) -> ExitCode:
    """The exit code of hosts that were looked at."""
    interrupted = [ExitCode.INTERRUPTED] if visits.interruption.cancelled.is_set() else []
    return worst([*interrupted, *(report.exit_code for report in reports)])


def ask_and_carry_out(visits: Visits, act: Act, planned: Sequence[HostReport], guard: Guard, *, yes: bool) -> int:
    """Show the plans, ask unless `yes`, carry them out, and show what became of every host.

    Returns:
        The exit code; 5 when the answer was no.
    """
    shown = guard.preview(planned)
    plans = [report.plan for report in shown if report.plan and report.status is HostStatus.CHANGED]
    code = code_of(visits, shown)
    if not plans or code is ExitCode.INTERRUPTED:
        return _unchanged(visits, act, shown, code)
    show_plan(visits.console, shown)
    check_confirmable(plans, visits.fleet.hosts, interactive=visits.console.interactive)
    question = act.question.format(f"{len(plans)} host{'' if len(plans) == 1 else 's'}")
    if not yes and not click.confirm(question, err=True):
        visits.console.error(act.refused)
        return ExitCode.CONFIGURATION_ERROR
    return carry_out(visits, act, planned, guard, shown)


def show_only(visits: Visits, act: Act, planned: Sequence[HostReport], guard: Guard) -> int:
    """Show what would be done, and what a limit would hold back; nothing is carried out, and nothing recorded.

    Returns:
        The exit code; 2 when something would be done.
    """
    shown = guard.preview(planned)
    show_details(visits.console, shown)
    show_summary(visits.console, shown, planned=True)
    _count(visits, act, shown)
    code = _code(act, shown, code_of(visits, shown))
    visits.console.print_document(act.document(shown, code, None))
    return code


def carry_out(
    visits: Visits, act: Act, planned: Sequence[HostReport], guard: Guard, shown: Sequence[HostReport] = ()
) -> int:
    """Carry out the plans among these reports, and show what became of every host.

    Before anything else the renewals among them are counted against the limits of certification authorities.
    What the reports in `shown` hold back has been told.
    """
    told = {report.host: _held_back(report) for report in shown}
    planned = guard.reserve(act.name, planned)
    plans = {report.host: report.plan for report in planned if report.plan and report.status is HostStatus.CHANGED}
    recovered = {report.host: report.recovered for report in planned}
    reports: list[HostReport] = []

    def work(host: DesiredHost) -> HostReport:
        return carry_out_host(plans[host.name], host, visits, guard, declared=act.declared)

    def taken(report: HostReport) -> None:
        guard.settle(report)
        report = under_timer(report, plans[report.host])
        reports.append(replace(report, recovered=(*recovered[report.host], *report.recovered)))

    finished = visits.carry_out(act.doing, list(plans), work, taken, guard.pace)
    guard.end()
    show_stop(visits.console, finished)
    others = [report for report in planned if report.host not in plans]
    code = worst([finished.exit_code, *(report.exit_code for report in others)])
    late = [report for report in reports if _late(report, plans[report.host])]
    if late:
        code = worst([code, ExitCode.REFUSED])
    held_back = [*late, *(r for r in [*others, *reports] if _held_back(r) - told.get(r.host, frozenset()))]
    show_details(visits.console, [*held_back, *(r for r in reports if _to_be_told(r) and r not in held_back)])
    run = next((plan.run_id for plan in plans.values()), None)
    return _ended(visits, act, [*others, *reports], code, run)


def _to_be_told(report: HostReport) -> bool:
    """Whether a line in the recap does not say what became of a host that was acted on."""
    return bool(report.error or (report.outcome and report.outcome.recovered))


def _held_back(report: HostReport) -> frozenset[str]:
    """The certificates that a limit holds back."""
    return frozenset(held.id for held in report.plan.held_back) if report.plan else frozenset()


def _late(report: HostReport, plan: Plan) -> bool:
    """Whether something was not requested because it was too late for it when the host's turn came."""
    return report.plan is not None and len(report.plan.held) > len(plan.held)


def _unchanged(visits: Visits, act: Act, planned: Sequence[HostReport], code: ExitCode) -> int:
    """The end of a command that acts on no host: there is nothing to do, or it was interrupted."""
    reports = [replace(r, status=HostStatus.NOT_RUN) if r.status is HostStatus.CHANGED else r for r in planned]
    told = [r for r in reports if r.error or r.recovered or (r.plan and _notable(r.plan))]
    show_details(visits.console, told)
    if code is ExitCode.INTERRUPTED:
        visits.console.error("nothing was applied")
    return _ended(visits, act, reports, code)


def _notable(plan: Plan) -> bool:
    """Whether a plan without changes is not the whole truth about its host."""
    return bool(plan.conflicts or plan.held or plan.unjudged)


def _ended(visits: Visits, act: Act, reports: Sequence[HostReport], code: ExitCode, run: str | None = None) -> int:
    every = _in_order(reports, list(visits.fleet.hosts))
    code = _code(act, reports, code)
    show_recap(visits.console, every)
    _count(visits, act, every)
    if run is not None:
        visits.console.data([f"run {run}"])
    visits.console.print_document(act.document(every, code, run))
    return code


def _count(visits: Visits, act: Act, reports: Sequence[HostReport]) -> None:
    line = renewals_line(reports)
    if act.of_certificates:
        visits.console.data([line or "no certificate is to be requested"])


def _code(act: Act, reports: Sequence[HostReport], code: ExitCode) -> ExitCode:
    """The exit code with the reasons for which certificates wait."""
    holds = {held.hold for report in reports if report.plan for held in report.plan.held}
    return worst([code, act.left, *([ExitCode.REFUSED] if holds & act.refusing else [])])


def _in_order(reports: Sequence[HostReport], hosts: Sequence[str]) -> list[HostReport]:
    place = {host: index for index, host in enumerate(hosts)}
    return sorted(reports, key=lambda report: place[report.host])
