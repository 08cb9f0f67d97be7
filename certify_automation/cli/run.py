"""The command run: a playbook over hosts, shown, asked about, followed, and gone on with."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click

from certify_automation.cli.console import columns
from certify_automation.cli.findings import show_warnings
from certify_automation.cli.following import interruptible
from certify_automation.cli.lockout import check_confirmable, lockout_options
from certify_automation.cli.online import plan_options
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.origin import origin_of
from certify_automation.cli.playbook_view import PlaybookView, outcome_json, show_outcome, show_steps
from certify_automation.cli.visits import Visits, look_options, open_visits
from certify_automation.desired.playbook import hosts_of, playbook_names, read_playbook
from certify_automation.errors import UsageError
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.playbook import PlaybookRun
from certify_automation.fleet.playbook_records import PlaybookRecords, PlaybookStart, RecordedPlaybook
from certify_automation.fleet.playbook_results import PlaybookFinished, PlaybookOutcome
from certify_automation.fleet.record_files import state_folder
from certify_automation.fleet.step_run import RunSetup, acts
from certify_automation.model.outcome import ExitCode
from certify_automation.remote.trust import trusted_roots
from certify_automation.report import counted
from certify_automation.verify import Roots


@click.command(short_help="Run a playbook: steps such as doctor, apply and renew, batch by batch.")
@click.argument("playbook", required=False, metavar="[PLAYBOOK]")
@click.option("-e", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the playbook. Repeatable.")
@click.option("--list", "listing", is_flag=True, help="List the playbooks there are, and run none.")
@click.option("--dry-run", is_flag=True, help="Show what each step would change; nothing is changed or waited for.")
@click.option(
    "--resume", metavar="RUN", help="Go on with the run whose id begins so (8 digits or more); what has ended is left."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@lockout_options
@look_options
@fleet_options
def run(call: Call, playbook: str | None, given: tuple[str, ...], *, listing: bool, yes: bool, **flags: Any) -> int:  # noqa: ANN401
    """Run PLAYBOOK, the name of one in playbooks/ or one that ships with this program, or a file.

    All steps run on the first hosts, then on the next ones, as its strategy says. What acts on a server does so as
    `apply`, `remediate` and `renew` do: what fails there is put back. --limit narrows the hosts that it is for. A run
    that was cut off, or stopped because too many hosts failed, goes on with --resume.

    Exit codes: 2, with --dry-run: something would be changed; otherwise that of the host that fared worst.
    """
    if listing:
        return _list(call)
    if not playbook and not flags["resume"]:
        raise UsageError("CA5050", "no PLAYBOOK is named", hint="`run --list` shows those there are")
    fleet = call.whole_fleet()
    records = PlaybookRecords(state_folder(fleet.settings, os.environ))
    found = records.run(flags["resume"].strip().lower()) if flags["resume"] else None
    values = _values(given, found)
    asked = read_playbook(playbook or (found.start.playbook if found else ""), fleet, values)
    hosts = fleet.select(call.limit) if found else hosts_of(asked, fleet, call.limit)
    visits = open_visits(call, flags, hosts)
    made = _setup(call, visits, flags)
    if found:
        return _carry_out(call, visits, PlaybookRun.resume(asked, made, found, records), yes=yes)
    name = _lasting(call, playbook or "")
    origin = made.origin
    start = PlaybookStart(uuid.uuid4().hex, name, asked.digest, values, origin.by, origin.commit, tuple(hosts.hosts))
    return _carry_out(call, visits, PlaybookRun.begin(asked, made, start, records), yes=yes)


def _list(call: Call) -> int:
    names = playbook_names(call.repo)
    call.console.data(columns([(name, description or "cannot be read") for name, description in names]))
    content = [{"name": name, "description": description} for name, description in names]
    call.console.document(call.command, {"exit_code": int(ExitCode.DONE), "playbooks": content})
    return ExitCode.DONE


def _values(given: Sequence[str], found: RecordedPlaybook | None) -> Mapping[str, str]:
    """The values of parameters, by name; of a run that goes on, those with which it began.

    Raises:
        UsageError: CA5051 one is not written as NAME=VALUE, or given twice; CA5053 they are settled by the run.
    """
    if found is not None:
        if given:
            raise UsageError("CA5053", "-e: that is settled by the run that goes on", hint="leave it out")
        return found.start.given
    values: dict[str, str] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator or not name.strip() or name.strip() in values:
            what = "is given twice" if separator and name.strip() in values else "is not NAME=VALUE"
            raise UsageError("CA5051", f"-e {one}: {what}", hint="write each parameter once, such as -e port=9700")
        values[name.strip()] = value
    return values


def _lasting(call: Call, name: str) -> str:
    """The playbook as the run finds it again from wherever it goes on: by its name, or by its whole path."""
    known = {known for known, _ in playbook_names(call.repo)}
    return name if name in known else str(Path(name).resolve())


def _setup(call: Call, visits: Visits, flags: Mapping[str, Any]) -> RunSetup:
    settings, asked = visits.fleet.settings, visits.interruption

    @cache
    def roots() -> Roots:
        return trusted_roots(Path(settings.verify_ca_file) if settings.verify_ca_file else None)

    def guard() -> Guard:
        made = Guard.of(settings, os.environ)
        made.warn, made.selection = call.console.error, call.limit
        return made

    return RunSetup(
        visits,
        plan_options(visits, flags),
        origin_of(call.repo),
        guard,
        roots,
        lambda plan: check_confirmable([plan], visits.fleet.hosts, interactive=call.console.interactive),
        visits.flags.forks,
        flags["dry_run"],
        asked.cancelled,
        asked.aborted,
    )


def _carry_out(call: Call, visits: Visits, made: PlaybookRun, *, yes: bool) -> int:
    """Show the steps, ask whether to begin where any of them acts, and show what became of every host."""
    console, playbook = call.console, made.playbook
    acting = list(dict.fromkeys(step.verb.value for step in playbook.steps if acts(step)))
    hosts = [name for batch in made.batches for name in batch]
    show_steps(console, made)
    if acting and not yes and not made.how.dry_run:
        if console.as_json or not console.interactive:
            hint = "look at it with `run --dry-run` first, then say `run --yes`"
            raise UsageError("CA5052", "nobody can be asked whether to begin, and --yes is not given", hint=hint)
        question = f"Run {playbook.name} on {counted(len(hosts), 'host')}? It acts: {', '.join(acting)}."
        if not click.confirm(question, err=True):
            console.error("nothing was done")
            return ExitCode.CONFIGURATION_ERROR
    outcome = _followed(visits, made)
    show_warnings(console, outcome.warnings)
    show_outcome(console, made, outcome)
    console.document(call.command, outcome_json(made, outcome))
    return outcome.exit_code


def _followed(visits: Visits, made: PlaybookRun) -> PlaybookOutcome:
    view = PlaybookView(visits.console, made.playbook)
    if not made.how.dry_run:  # what kills this process leaves nobody to say it afterwards
        visits.console.say(f"run {made.run_id}: if it is cut off, `run --resume {made.run_id}` goes on with it")
    with interruptible(visits.interruption):
        for event in made.events():
            if isinstance(event, PlaybookFinished):
                return event.outcome
            view.show(event)
    raise RuntimeError("the run ended without saying so")
