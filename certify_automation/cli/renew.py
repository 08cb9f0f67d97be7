"""The command renew: certificates that are due, or all of one issuer, requested under the limits of authorities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from certify_automation.cli.carrying_out import Act, ask_and_carry_out, guard_of, look_at, show_only
from certify_automation.cli.filters import filter_options
from certify_automation.cli.findings import show_warnings
from certify_automation.cli.options import Call, Duration, fleet_options
from certify_automation.cli.origin import origin_of
from certify_automation.cli.renewal_terms import terms_of
from certify_automation.cli.visits import RunFlags, open_visits, rollout_options
from certify_automation.errors import UsageError
from certify_automation.fleet.renewal_run import RenewalRun
from certify_automation.model.outcome import worst
from certify_automation.model.renewal import Hold

_RENEW = Act(
    "renew",
    "Have these certificates requested on {}?",
    declared=False,
    doing="renewing",
    refused="nothing was requested",
    of_certificates=True,
    refusing=frozenset({Hold.GUARD, Hold.WINDOW, Hold.OTHER_RUN}),
)


@click.command(short_help="Have servers request certificates: what is due, or all of one issuer.")
@click.option("--dry-run", is_flag=True, help="Show what would be requested and what waits; nothing is requested.")
@click.option("--force", is_flag=True, help="Also what is not due, failed or was just attempted; needs --max.")
@click.option(
    "--reissue", is_flag=True, help="Every certificate of an issuer again, as when it revokes them; needs --issuer."
)
@click.option("--max", "most", type=click.IntRange(min=1), metavar="N", help="Request no more than so many in all.")
@click.option(
    "--wait",
    type=Duration(),
    is_flag=False,
    flag_value="10m",
    metavar="[TIME]",
    help="Wait until the certificates are there, so long (90s, 20m; 10m if it is not said) on each server.",
)
@click.option("--restart-stalled", is_flag=True, help="First restart a service that has stopped renewing.")
@click.option("--outside-window", is_flag=True, help="Now, whether the declared window is open or not.")
@click.option(
    "--waves", metavar="N|P%,...", help="So many servers first, then so many: 1,10%,100%. Each wave waits for the last."
)
@click.option("--pause", type=Duration(), metavar="TIME", help="Wait so long between two waves.")
@click.option("--jitter", type=Duration(), metavar="TIME", help="Start each server up to so much after the one before.")
@click.option(
    "--resume", metavar="RUN", help="Go on with the run whose id begins so (8 digits or more); what has ended is left."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@filter_options
@rollout_options
@fleet_options
def renew(call: Call, *, dry_run: bool, yes: bool, **flags: object) -> int:
    """Have servers request the certificates that the declared policy renews now, or the product's own rule without one.

    Before the first request all of them are counted, with those of the last seven days, against the limits of their
    certification authorities; what would pass one waits, and is listed with the time at which it may run. What is
    paused, or being worked on, is never requested, and nothing is requested twice.

    Without --wait the servers are asked, and not waited for: `certs` shows what became of it.

    Exit codes: 2, with --dry-run: something would be requested; 3: a certificate could not be renewed, or is not there
    when the time to wait is over; 8: a limit, the window, another run or a product that has stopped
    renewing holds some back.
    """
    terms = terms_of(flags)
    if not (yes or dry_run) and (call.console.as_json or not call.console.interactive):
        hint = "look at it with `renew --dry-run` first, then say `renew --yes`"
        raise UsageError("CA5036", "nobody can be asked whether to request, and --yes is not given", hint=hint)
    visits = open_visits(call, flags)
    visits.flags = _timed(visits.flags, flags)
    guard = guard_of(call, visits.fleet.settings)
    run = RenewalRun.of(visits, guard, terms, origin_of(call.repo), str(flags["resume"] or ""))
    planned = run.chosen(look_at(visits, run.hosts, run.look), dry_run=dry_run)
    show_warnings(call.console, run.missed)
    if dry_run:
        return show_only(visits, _RENEW, planned, guard)
    code = ask_and_carry_out(visits, _RENEW, planned, guard, yes=yes)
    run.say_what_is_left()
    return worst([code, run.code])


def _timed(run: RunFlags, flags: Mapping[str, Any]) -> RunFlags:
    wait, pause, jitter = (_seconds(flags[name]) for name in ("wait", "pause", "jitter"))
    return replace(run, wait_seconds=wait, pause_seconds=pause, jitter_seconds=jitter)


def _seconds(flag: timedelta | None) -> int:
    return 0 if flag is None else max(1, int(flag.total_seconds()))
