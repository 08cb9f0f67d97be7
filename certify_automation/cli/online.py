"""Commands that visit servers: plan, apply."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from certify_automation import plan_file
from certify_automation.cli.carrying_out import (
    APPLY,
    APPLY_FILE,
    ask_and_carry_out,
    carry_out,
    code_of,
    guard_of,
    look_at,
)
from certify_automation.cli.lockout import (
    check_confirmable,
    confirm_seconds,
    lockout_options,
    lockout_refused,
    visited_address,
)
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.origin import origin_of
from certify_automation.cli.outcomes import show_details, show_plan
from certify_automation.cli.saved import SavedPlans, save_plans
from certify_automation.cli.visits import Visits, open_visits, renewal_options, rollout_options
from certify_automation.desired import DesiredHost
from certify_automation.errors import UsageError
from certify_automation.model.host_report import HostReport
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import plan_host, prepare_host
from certify_automation.report import document

replace_malformed_option = click.option(
    "--replace-malformed",
    is_flag=True,
    help="Allow replacing a malformed serviceconfig.json where a hub identity is present.",
)


@click.command(short_help="Show what would change on the servers, field by field.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan for `apply FILE`.")
@replace_malformed_option
@lockout_options
@rollout_options
@fleet_options
def plan(call: Call, output: Path | None, **flags: object) -> int:
    """Compare servers with what is declared, and show what would change, field by field. Nothing is written there.

    `check` and `diff` are other names of this command. Exit code 2: something would change, or a run has no end there.
    """
    if output is not None:
        plan_file.check_target(output)
    visits = open_visits(call, flags)
    options = plan_options(visits, flags)
    hosts = list(visits.fleet.hosts)
    reports = look_at(visits, hosts, lambda host: plan_host(host, visits.session(host), options(host)))
    code = code_of(visits, reports)
    show_plan(call.console, reports)
    if output is not None:
        save_plans(call, output, reports, _now_ms())
    call.console.print_document(document("plan", reports, code))
    return code


@click.command(short_help="Make the servers as declared.")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask; `apply FILE` never does.")
@replace_malformed_option
@renewal_options
@lockout_options
@rollout_options
@fleet_options
def apply(call: Call, file: Path | None, *, yes: bool, **flags: object) -> int:
    """Make the servers as declared: plan, show, ask, and carry out; or carry out FILE, saved by `plan -o`.

    FILE is carried out without asking. A run that was cut off on a server is brought to its end first. A server on
    which something fails is put back as it was. Preferences are set and certificates renewed last, once everything else
    is done; that is not put back.
    """
    if file is not None:
        return _apply_file(call, file, flags)
    if not yes and (call.console.as_json or not call.console.interactive):
        hint = "look at it with `plan` first, then say `apply --yes`, or `plan -o FILE` and `apply FILE`"
        raise UsageError("CA5006", "nobody can be asked whether to apply, and --yes is not given", hint=hint)
    visits = open_visits(call, flags)
    options, origin = plan_options(visits, flags), origin_of(call.repo)
    guard = guard_of(call, visits.fleet.settings)

    def work(host: DesiredHost) -> HostReport:
        return prepare_host(host, visits.session(host), options(host), origin, guard.watching(host.name))

    reports = look_at(visits, list(visits.fleet.hosts), work)
    return ask_and_carry_out(visits, APPLY, reports, guard, yes=yes)


def plan_options(visits: Visits, flags: Mapping[str, Any]) -> Callable[[DesiredHost], PlanOptions]:
    """What the flags of a command allow on each host, under one run id.

    Raises:
        UsageError: CA5020 --confirm-within.
    """
    run_id = uuid.uuid4().hex
    seconds = confirm_seconds(flags, visits.fleet.settings, visits.fleet.hosts.values())
    return lambda host: PlanOptions(
        run_id,
        replace_malformed=bool(flags.get("replace_malformed")),
        now_utc_ms=_now_ms(),
        allow_lockout=bool(flags["allow_lockout"]),
        confirm_seconds=seconds,
        visited_address=visited_address(host),
    )


def _apply_file(call: Call, file: Path, flags: Mapping[str, Any]) -> int:
    for name in ("replace_malformed", "confirm_within"):
        if flags[name]:
            flag = f"--{name.replace('_', '-')}"
            hint = f"what {file} does was settled when it was made: plan again with {flag} and `-o {file}`"
            raise UsageError("CA5018", f"{flag} is for planning, and FILE is planned already", hint=hint)
    saved = SavedPlans(file, plan_file.load(file))
    visits = open_visits(call, flags)
    plans = saved.chosen(call, visits.fleet.hosts, _now_ms())
    refused = [] if flags["allow_lockout"] else [one for one in plans if one.confirm_seconds is not None]
    allowed = [one for one in plans if one not in refused]
    check_confirmable(allowed, visits.fleet.hosts, interactive=call.console.interactive)
    held_back = [HostReport.of_error(one.host, lockout_refused(one), one) for one in refused]
    show_details(call.console, held_back)
    guard = guard_of(call, visits.fleet.settings)
    return carry_out(visits, APPLY_FILE, [*held_back, *map(HostReport.of_plan, allowed)], guard)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
