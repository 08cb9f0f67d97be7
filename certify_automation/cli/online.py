"""Commands that visit servers: plan, apply."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from certify_automation import plan_file
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.outcomes import show_details, show_plan, show_recap, show_stop
from certify_automation.cli.saved import save_plans, saved_plans
from certify_automation.cli.visits import Visits, open_visits, rollout_options
from certify_automation.errors import UsageError
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, worst
from certify_automation.model.plan import Plan
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import apply_plan, plan_host
from certify_automation.report import document

_replace_malformed = click.option(
    "--replace-malformed",
    is_flag=True,
    help="Allow replacing a malformed serviceconfig.json where a hub identity is present.",
)


@click.command(short_help="Show what would change on the servers, field by field.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan for `apply FILE`.")
@_replace_malformed
@rollout_options
@fleet_options
def plan(call: Call, output: Path | None, **flags: object) -> int:
    """Compare servers with what is declared, and show what would change, field by field. Nothing is written there.

    `check` and `diff` are other names of this command. Exit code 2: something would change.
    """
    if output is not None:
        plan_file.check_target(output)
    visits = open_visits(call, flags)
    reports, code = _planned(visits, list(visits.fleet.hosts), flags)
    show_plan(call.console, reports)
    if output is not None:
        save_plans(call, output, reports, _now_ms())
    call.console.print_document(document("plan", reports, code))
    return code


@click.command(short_help="Make the servers as declared.")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@_replace_malformed
@rollout_options
@fleet_options
def apply(call: Call, file: Path | None, *, yes: bool, **flags: object) -> int:
    """Make the servers as declared: plan, show, ask, and carry out; or carry out FILE, saved by `plan -o`.

    A server on which something fails is put back as it was.
    """
    if file is None and not yes and (call.console.as_json or not call.console.interactive):
        hint = "look at it with `plan` first, then say `apply --yes`, or `plan -o FILE` and `apply FILE`"
        raise UsageError("CA5006", "nobody can be asked whether to apply, and --yes is not given", hint=hint)
    if file is not None and flags["replace_malformed"]:
        hint = f"what {file} replaces was settled when it was made: `plan --replace-malformed -o {file}`"
        raise UsageError("CA5018", "--replace-malformed is for planning, and FILE is planned already", hint=hint)
    visits = open_visits(call, flags)
    if file is not None:
        return _apply(visits, saved_plans(call, file, visits.fleet.hosts, _now_ms()), [], saved=True)
    reports, code = _planned(visits, list(visits.fleet.hosts), flags)
    changing = [report.plan for report in reports if report.plan and report.status is HostStatus.CHANGED]
    others = [report for report in reports if report.status is not HostStatus.CHANGED]
    if not changing or code is ExitCode.INTERRUPTED or any(r.status is HostStatus.NOT_RUN for r in others):
        return _unchanged(visits, reports, code)
    show_plan(call.console, reports)
    question = f"Apply these changes to {len(changing)} host{'' if len(changing) == 1 else 's'}?"
    if not yes and not click.confirm(question, err=True):
        call.console.error("not applied")
        return ExitCode.CONFIGURATION_ERROR
    return _apply(visits, changing, others)


def _planned(visits: Visits, hosts: Sequence[str], flags: Mapping[str, object]) -> tuple[list[HostReport], ExitCode]:
    run_id = uuid.uuid4().hex
    reports: list[HostReport] = []

    def options() -> PlanOptions:
        return PlanOptions(run_id, replace_malformed=bool(flags["replace_malformed"]), now_utc_ms=_now_ms())

    finished = visits.carry_out(
        "planning", hosts, lambda host: plan_host(host, visits.session(host), options()), reports.append
    )
    show_stop(visits.console, finished)
    return _in_order(reports, hosts), finished.exit_code


def _apply(visits: Visits, plans: Sequence[Plan], others: Sequence[HostReport], *, saved: bool = False) -> int:
    by_host = {plan.host: plan for plan in plans}
    reports: list[HostReport] = []
    finished = visits.carry_out(
        "applying",
        list(by_host),
        # What is declared may have changed since a plan was saved, and that is no failure of the plan.
        lambda host: apply_plan(by_host[host.name], visits.session(host), None if saved else host.state),
        reports.append,
    )
    show_stop(visits.console, finished)
    every = _in_order([*others, *reports], list(visits.fleet.hosts))
    code = worst([finished.exit_code, *(report.exit_code for report in others)])
    show_details(visits.console, [report for report in reports if report.error])
    show_recap(visits.console, every)
    visits.console.print_document(document("apply", every, code))
    return code


def _unchanged(visits: Visits, planned: Sequence[HostReport], code: ExitCode) -> int:
    """The end of an apply that acts on no host: there is nothing to do, or not all of it is known."""
    reports = [replace(r, status=HostStatus.NOT_RUN) if r.status is HostStatus.CHANGED else r for r in planned]
    show_details(visits.console, [report for report in reports if report.error])
    if any(report.status is HostStatus.NOT_RUN for report in planned):
        visits.console.error("not every host could be looked at: nothing was applied")
    elif code is ExitCode.INTERRUPTED:
        visits.console.error("nothing was applied")
    show_recap(visits.console, reports)
    visits.console.print_document(document("apply", reports, code))
    return code


def _in_order(reports: Sequence[HostReport], hosts: Sequence[str]) -> list[HostReport]:
    place = {host: index for index, host in enumerate(hosts)}
    return sorted(reports, key=lambda report: place[report.host])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
