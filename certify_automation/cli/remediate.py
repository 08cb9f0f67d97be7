"""The command remediate: findings ended by a plan of the ordinary kind, and why the others are left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from certify_automation.cli.carrying_out import Act, ask_and_carry_out, guard_of, look_at, show_only
from certify_automation.cli.console import Console
from certify_automation.cli.examined import only_option, selected
from certify_automation.cli.lockout import lockout_options
from certify_automation.cli.online import plan_options, replace_malformed_option
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.origin import origin_of
from certify_automation.cli.outcomes import line_text
from certify_automation.cli.visits import Visits, open_visits, rollout_options
from certify_automation.desired import DesiredHost
from certify_automation.errors import UsageError
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import ExitCode
from certify_automation.remediating import Remediation, Wanted, prepare_remedy
from certify_automation.remediation import Allowed
from certify_automation.report import counted, left_heads, one_line, remedies_json, remedies_lines

_REMEDIATE = Act(
    "remediate",
    "Make these changes on {}?",
    declared=False,
    doing="remediating",
    refused="nothing was changed",
)


@click.command(short_help="Fix what doctor finds on servers, as far as that can be done from here.")
@click.argument("hosts", nargs=-1)
@only_option
@click.option("--dry-run", is_flag=True, help="Show what would be changed and what would be left; nothing is changed.")
@click.option(
    "--allow-data",
    is_flag=True,
    help="Allow a backup to take the database's place, or another data store; copies of all of it are made first.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@replace_malformed_option
@lockout_options
@rollout_options
@fleet_options
def remediate(call: Call, hosts: tuple[str, ...], *, only: tuple[str, ...], yes: bool, **flags: Any) -> int:  # noqa: ANN401
    """Examine HOSTS (patterns as for --limit; all without any) and end what is wrong there, as far as it can be done.

    The changes are shown, asked about, and carried out as those of `apply` are: what fails on a server is put back.
    Where nothing is declared, serviceconfig.json counts; a remedy that is declared otherwise is an error with the place
    of the declaration. What only a person can end, or what needs a flag, is left and said.

    Exit code 2: something is left, or, with --dry-run, something would be changed.
    """
    dry_run: bool = flags["dry_run"]
    if not (yes or dry_run) and (call.console.as_json or not call.console.interactive):
        hint = "look at it with `remediate --dry-run` first, then say `remediate --yes`"
        raise UsageError("CA5063", "nobody can be asked whether to change anything, and --yes is not given", hint=hint)
    wanted = Wanted(Allowed(flags["allow_data"], flags["allow_lockout"]), selected(only))
    call = call.with_hosts(hosts)
    visits = open_visits(call, flags)
    guard = guard_of(call, visits.fleet.settings)
    reports, found = _prepared(call, visits, wanted, flags)
    _show(call.console, found)
    act = replace(_REMEDIATE, left=_code(found), told=_told(found))
    if dry_run:
        return show_only(visits, act, reports, guard)
    code = ask_and_carry_out(visits, act, reports, guard, yes=yes)
    call.console.data(_left(found))
    return code


def _prepared(
    call: Call, visits: Visits, wanted: Wanted, flags: Mapping[str, Any]
) -> tuple[list[HostReport], Mapping[str, Remediation]]:
    """The reports of all hosts, with their plans, and what becomes of the findings of those that were examined."""
    options, origin = plan_options(visits, flags), origin_of(call.repo)
    found: dict[str, Remediation] = {}

    def work(host: DesiredHost) -> HostReport:
        allowed = replace(options(host), allow_data=wanted.allowed.data)
        made = prepare_remedy(host, visits.session(host), allowed, wanted, origin)
        found[host.name] = made
        return made.report

    names = list(visits.fleet.hosts)
    reports = look_at(visits, names, work)
    return reports, {name: found[name] for name in names if name in found}


def _show(console: Console, found: Mapping[str, Remediation]) -> None:
    for name, made in found.items():
        remedy = made.remedy
        if remedy.mended or remedy.left:
            full, width = console.verbosity >= 0, console.width
            lines = remedies_lines(name, remedy.mended, remedy.left, full=full, width=width)
            console.data(line_text(line) for line in lines)
    if not any(made.remedy.mended or made.remedy.left for made in found.values()):
        console.data([f"{counted(len(found), 'host')} examined, nothing to end"])


def _told(found: Mapping[str, Remediation]) -> Mapping[str, Mapping[str, object]]:
    return {name: remedies_json(name, made.remedy.mended, made.remedy.left) for name, made in found.items()}


def _code(found: Mapping[str, Remediation]) -> ExitCode:
    return ExitCode.DRIFT if any(made.remedy.left for made in found.values()) else ExitCode.DONE


def _left(found: Mapping[str, Remediation]) -> Sequence[str]:
    """What is left once all is done: how much, and a line for each that is left for a reason of its own."""
    total = sum(len(made.remedy.left) for made in found.values())
    return [f"left: {counted(total, 'finding')}", *_left_lines(found)] if total else []


def _left_lines(found: Mapping[str, Remediation]) -> Iterator[str]:
    for name, made in found.items():
        for one, reason in left_heads(made.remedy.left):
            yield one_line(f"  {name}: {one.id} {one.title}: {reason}")
