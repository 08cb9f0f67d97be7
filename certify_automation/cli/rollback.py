"""The command rollback: what a run changed on servers, taken back."""

from __future__ import annotations

import re
from dataclasses import replace

import click

from certify_automation.cli.carrying_out import Act, ask_and_carry_out, guard_of, look_at
from certify_automation.cli.lockout import lockout_options
from certify_automation.cli.online import plan_options
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.origin import origin_of
from certify_automation.cli.visits import open_visits, rollout_options
from certify_automation.desired import DesiredHost, Fleet
from certify_automation.errors import UsageError
from certify_automation.fleet.taking_back import listed
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.takeback import rollback_host

_ROLLBACK = Act("rollback", "Take these changes back on {}?", declared=False, refused="not carried out")
_NOTE = "what is declared stays as it is: the next `apply` makes it so again, unless that is changed too"
_RUN = re.compile(r"[0-9a-f]{8,32}")


@click.command(short_help="Take back what a run changed on the servers.")
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option("--run", metavar="ID", help="The run to take back, or the first digits of its id (8 or more).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@lockout_options
@rollout_options
@fleet_options
def rollback(call: Call, hosts: tuple[str, ...], run: str | None, *, yes: bool, **flags: object) -> int:
    """Take back what the last run that was applied changed on each HOST, field by field, by the server's own record.

    HOST is a pattern as for --limit. A field that somebody has changed since the run is a conflict: it is shown, and
    left as it is. A rollback is a run like any other: a server on which something fails is put back as it was, and it
    can be taken back itself, with --run and its id. With --run a rollback that reached some hosts only can be repeated.

    Exit code 2: there were conflicts.
    """
    wanted = _run_id(run)
    if not yes and (call.console.as_json or not call.console.interactive):
        hint = "say `rollback --yes`"
        raise UsageError(
            "CA5025", "nobody can be asked whether to take changes back, and --yes is not given", hint=hint
        )
    visits = open_visits(replace(call, limit=hosts), flags)
    visits.fleet = _limited(call, visits.fleet)
    options, origin = plan_options(visits, flags), origin_of(call.repo)
    runs: dict[str, str] = {}

    def work(host: DesiredHost) -> HostReport:
        report, runs[host.name] = rollback_host(host, visits.session(host), options(listed(host)), wanted, origin)
        return report

    reports = look_at(visits, list(visits.fleet.hosts), work)
    call.console.data(f"{name}: taking back {runs[name]}" for name in visits.fleet.hosts if runs.get(name))
    if any(report.status is HostStatus.CHANGED for report in reports):
        call.console.say(_NOTE)
    return ask_and_carry_out(visits, _ROLLBACK, reports, guard_of(call, visits.fleet.settings), yes=yes)


def _limited(call: Call, named: Fleet) -> Fleet:
    """Those of the named hosts that --limit selects."""
    if not call.limit:
        return named
    selected = call.whole_fleet().select(call.limit).hosts
    hosts = {name: host for name, host in named.hosts.items() if name in selected}
    if not hosts:
        limit = f"--limit {' '.join(call.limit)}"
        hint = "name one of those, or leave --limit out: HOST is a pattern itself"
        raise UsageError("CA5026", f"HOST names none of the hosts selected with {limit}", hint=hint)
    return replace(named, hosts=hosts)


def _run_id(text: str | None) -> str | None:
    if text is None or _RUN.fullmatch(text.strip().lower()):
        return text and text.strip().lower()
    hint = "the id of a run has 32 hexadecimal digits; the first 8 are enough where no other run begins so"
    raise UsageError("CA5024", f"--run {text}: that is no id of a run", hint=hint)
