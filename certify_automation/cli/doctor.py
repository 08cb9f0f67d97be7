"""The command doctor: what is wrong with servers, and the evidence for it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from certify_automation import onhost
from certify_automation.bundle import Bundle, check_bundle_target, load_bundles, save_bundles
from certify_automation.cli.examined import Answer, only_option, selected, show_answers
from certify_automation.cli.findings import show_errors
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.outcomes import show_stop
from certify_automation.cli.visits import look_options, open_visits
from certify_automation.controller import examine_controller
from certify_automation.desired import DesiredHost, Fleet
from certify_automation.desired.selection import select
from certify_automation.doctor import catalogue, diagnose, entry
from certify_automation.doctor.page import findings_page
from certify_automation.errors import UsageError
from certify_automation.examining import Examined, examine_host
from certify_automation.model.host import ApiAccess, HostState
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode
from certify_automation.plan import observe_request

_ALL = "all"


@click.command(short_help="Find out what is wrong with servers, with the evidence and the remedy.")
@click.argument("hosts", nargs=-1)
@only_option
@click.option("--controller", is_flag=True, help="Examine this computer instead: files, names, certificates, clock.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Examine what was saved in FILE, by --save or by the script of --bundle-script. No server is visited.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save what was seen on the servers, for `--bundle FILE`.",
)
@click.option(
    "--bundle-script",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write a script that makes a bundle on a server's own console, for servers that cannot be reached.",
)
@click.option("--explain", metavar="ID", help="Show what a finding means and what ends it; `all` for the whole page.")
@look_options
@fleet_options
def doctor(call: Call, hosts: tuple[str, ...], only: tuple[str, ...], **flags: Any) -> int:  # noqa: ANN401
    """Examine HOSTS (patterns as for --limit; all without any) in one visit each; nothing is changed there.

    Each finding names its cause, what proves it, what ends it and what that can break; what follows from another
    finding is shown below that one. Works also where the product is broken or not installed. Exit code 2: there are
    findings.
    """
    mode = _mode(flags)
    if mode and (hosts or call.limit) and mode != "bundle":
        raise UsageError("CA5064", f"--{mode} visits no server, so that hosts have no meaning", hint="leave them out")
    wanted = selected(only)
    if mode == "explain":
        return _explain(call, flags["explain"])
    if mode == "bundle_script":
        return _write_script(call, flags["bundle_script"])
    if mode == "controller":
        return _controller(call, wanted)
    if mode == "bundle":
        return _offline(call.with_hosts(hosts), flags["bundle"], wanted)
    return _visit(call.with_hosts(hosts), flags, wanted)


def _mode(flags: Mapping[str, Any]) -> str:
    """What is asked for instead of a visit; empty for a visit."""
    modes = [name for name in ("controller", "bundle", "bundle_script", "explain") if flags[name]]
    if len(modes) > 1 or (modes and flags["save"]):
        named = [*modes, *(["save"] if flags["save"] else [])]
        written = " and ".join(f"--{name.replace('_', '-')}" for name in named)
        raise UsageError("CA5065", f"{written} ask for different things", hint="leave all but one out")
    return modes[0] if modes else ""


def _visit(call: Call, flags: Mapping[str, Any], only: frozenset[str]) -> int:
    if flags["save"] is not None:
        check_bundle_target(flags["save"])
    visits = open_visits(call, flags)
    found: dict[str, Examined] = {}
    reports: dict[str, HostReport] = {}

    def work(host: DesiredHost) -> HostReport:
        found[host.name] = examine_host(host, visits.session(host), _now_ms())
        return found[host.name].report

    names = list(visits.fleet.hosts)
    finished = visits.look("examining", names, work, lambda report: reports.update({report.host: report}))
    show_stop(call.console, finished)
    if flags["save"] is not None:
        seen = [(name, one.raw) for name in names if (one := found.get(name)) and one.raw is not None]
        save_bundles(flags["save"], seen, _now_ms())
        call.console.say(f"saved what {len(seen)} of {len(names)} hosts showed to {flags['save']}")
    answers = [_answer(reports[name], found.get(name)) for name in names]
    # A host without an examination stopped for a reason that lies on this computer.
    show_errors(call.console, [(n, e) for n in names if n not in found and (e := reports[n].error)])
    return show_answers(call, answers, only, finished.exit_code)


def _answer(report: HostReport, found: Examined | None) -> Answer:
    facts = found.facts if found else None
    return Answer(report, found.findings if found else (), facts)


def _offline(call: Call, file: Path, only: frozenset[str]) -> int:
    """The findings of a bundle; what is declared counts for hosts that the repository has, if there is one."""
    bundles = load_bundles(file)
    fleet = _fleet_of(call)
    known = {name.casefold(): host.state for name, host in fleet.hosts.items()} if fleet else {}
    answers = []
    for one in _selected(call, bundles, fleet):
        # The clock of a bundle that was made on the host itself is the host's: it proves nothing of that clock.
        findings = diagnose(one.facts, known.get(one.host.casefold(), HostState()))
        answers.append(Answer(HostReport(one.host, HostStatus.OK), findings, one.facts, one.made_utc_ms))
        if fleet and one.host.casefold() not in known:
            call.console.say(f"{one.host} is not in the inventory: what is declared there does not count for it")
    return show_answers(call, answers, only, ExitCode.DONE)


def _fleet_of(call: Call) -> Fleet | None:
    """Every host of the inventory; None where there is none, which a bundle does not need."""
    return call.whole_fleet() if (call.inventory or call.repo / "inventory.yaml").exists() else None


def _selected(call: Call, bundles: Sequence[Bundle], fleet: Fleet | None) -> Sequence[Bundle]:
    """The hosts of a bundle that the patterns mean; names count also where the inventory has none of them."""
    if not call.limit:
        return bundles
    hosts = {name.casefold(): host for name, host in fleet.hosts.items()} if fleet else {}
    labels = {one.host: hosts[one.host.casefold()].labels if one.host.casefold() in hosts else {} for one in bundles}
    members = fleet.groups if fleet else {}
    groups = {
        group: [one for one in labels if one.casefold() in map(str.casefold, members[group])] for group in members
    }
    wanted = select(call.limit, labels, groups)
    return [one for one in bundles if one.host in wanted]


def _controller(call: Call, only: frozenset[str]) -> int:
    examined = examine_controller(call.repo, call.inventory, os.environ, _now_ms())
    call.console.data(f"{one.what}: {one.result}" for one in examined.checks)
    answer = Answer(HostReport("this computer", HostStatus.OK), examined.findings)
    return show_answers(call, [answer], only, ExitCode.DONE, [asdict(one) for one in examined.checks])


def _write_script(call: Call, file: Path) -> int:
    parameters = {
        "observe": observe_request(HostState()).to_json(),
        "certificates": {"access": ApiAccess.CALLER.value, "tls": False},
    }
    text = onhost.bundle_script(parameters)
    if str(file) == "-":
        call.console.data([text.rstrip("\n")])
        return ExitCode.DONE
    try:
        file.write_text(text, "ascii", newline="\r\n")
    except OSError as error:
        raise UsageError("CA5066", f"{file} cannot be written: {error.strerror}", hint="name another file") from error
    run = f"powershell.exe -NoProfile -ExecutionPolicy Bypass -File {file.name} -OutFile bundle.json"
    call.console.say(f"wrote {file}; copy it to the server, and run there as an administrator:")
    call.console.say(f"  {run}")
    call.console.say("then bring bundle.json back: certify-automation doctor --bundle bundle.json")
    call.console.document(call.command, {"exit_code": 0, "script": str(file), "run": run})
    return ExitCode.DONE


def _explain(call: Call, text: str) -> int:
    entries = tuple(catalogue().values()) if text.casefold() == _ALL else (entry(text),)
    call.console.data(findings_page(entries).rstrip("\n").splitlines())
    call.console.document(call.command, {"exit_code": 0, "findings": [one.to_json() for one in entries]})
    return ExitCode.DONE


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
