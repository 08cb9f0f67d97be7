"""The command verify: what the endpoints of a fleet really serve."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import click

from certify_automation.certificates import Expected, served_host, verify_endpoints
from certify_automation.cli.certificate_table import Column, Row, show_table
from certify_automation.cli.findings import show_errors
from certify_automation.cli.options import Call, Duration, fleet_options
from certify_automation.cli.outcomes import show_stop
from certify_automation.cli.visits import Visits, look_options, open_visits
from certify_automation.desired import (
    DesiredHost,
    EndpointUnreadable,
    Settings,
    is_address,
    load_settings,
    read_endpoint,
    read_host,
)
from certify_automation.errors import UsageError
from certify_automation.model.certificate import CertificateInventory, Verdict
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import ExitCode, worst
from certify_automation.model.renewal import Served
from certify_automation.remote.endpoint import Patience
from certify_automation.remote.trust import trusted_roots
from certify_automation.report import (
    counted,
    expiry_text,
    judgement_json,
    one_line,
    problem_json,
    remedy_text,
    verdict_style,
    verdict_text,
)
from certify_automation.verify import Judgement, Roots

_HEADS = (
    Column("ENDPOINT", shrinks=True),
    Column("SNI", shrinks=True),
    Column("HOST", from_width=120, shrinks=True),
    Column("CERTIFICATE", shrinks=True),
    Column("EXPIRES", from_width=100),
    Column("ISSUER", from_width=150, shrinks=True),
    Column("VERDICT"),
)
_VERDICT = 6
_GOOD = frozenset((Verdict.SERVED, Verdict.VALID))


@click.command(short_help="Look at the endpoints from outside: is the managed certificate the one they serve?")
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="HOST:PORT",
    help="Look at this endpoint alone, whatever is declared, and visit no server. Repeatable.",
)
@click.option("--sni", metavar="NAME", help="With --endpoint: the name to ask for, if it is not the endpoint's own.")
@click.option(
    "--timeout",
    type=Duration(),
    metavar="TIME",
    default=timedelta(seconds=Patience().seconds),
    help=f"How long an endpoint may take to answer; default {Patience().seconds:g}s.",
)
@look_options
@fleet_options
def verify(call: Call, endpoints: tuple[str, ...], sni: str | None, timeout: timedelta, **flags: object) -> int:
    """Look at the endpoints that `renewals.served` declares, from this computer, and say which certificate they serve.

    Each is held against the certificate that the product manages on its server. Exit code 2: one of them does not
    serve it, or what it serves is not valid.
    """
    wanted = _Wanted(Patience(seconds=timeout.total_seconds()))
    if endpoints:
        if call.limit:
            hint = "leave one of the two out"
            raise UsageError("CA5029", "--endpoint visits no server, so that --limit has no meaning", hint=hint)
        wanted.expected = [Expected("", _single(text, sni)) for text in dict.fromkeys(endpoints)]
        wanted.trust(load_settings(call.repo))
        return _judge(call, wanted, [], ExitCode.DONE)
    if sni is not None:
        raise UsageError("CA5029", "--sni is the name to ask at --endpoint, of which there is none", hint="add it")
    return _declared(call, open_visits(call, flags), wanted)


@dataclass(slots=True)
class _Wanted:
    """What is to be looked at, for how long, and who is trusted."""

    patience: Patience
    expected: Sequence[Expected] = ()
    roots: Roots = field(default_factory=lambda: Roots(()))

    def trust(self, settings: Settings) -> None:
        """Read the roots that are trusted.

        Raises:
            UsageError: CA3301, the file the settings name cannot be read.
        """
        self.roots = trusted_roots(Path(settings.verify_ca_file) if settings.verify_ca_file else None)


def _declared(call: Call, visits: Visits, wanted: _Wanted) -> int:
    declared = {name: host.state.renewals.served for name, host in visits.fleet.hosts.items() if host.state.renewals}
    names = [name for name, served in declared.items() if served]
    if not names:
        hint = "declare `renewals: {served: [{endpoint: www.example.com:443, certificate: NAME}]}` in a document for "
        hint += "the host that manages it (applies_to: {hosts: [HOST]}), or use --endpoint"
        raise UsageError("CA5030", "no endpoint is declared for these hosts", hint=hint)
    wanted.trust(visits.fleet.settings)
    inventories: dict[str, CertificateInventory] = {}
    reports: dict[str, HostReport] = {}

    def work(host: DesiredHost) -> HostReport:
        report, inventories[host.name] = served_host(host, visits.session(host))
        return report

    finished = visits.look("looking", names, work, lambda report: reports.update({report.host: report}))
    show_stop(call.console, finished)
    if finished.exit_code is not ExitCode.INTERRUPTED:
        wanted.expected = [Expected(name, served, inventories.get(name)) for name in names for served in declared[name]]
    return _judge(call, wanted, [reports[name] for name in names], finished.exit_code)


def _judge(call: Call, wanted: _Wanted, reports: Sequence[HostReport], code: ExitCode) -> int:
    """Look at the endpoints, and show the verdicts, those first that somebody has to do something about."""
    expected, now = wanted.expected, time.time_ns() // 1_000_000
    call.console.say(f"looking at {counted(len(expected), 'endpoint')}", at=1)
    found = verify_endpoints(expected, wanted.roots, now, wanted.patience)
    judged = sorted(zip(expected, found, strict=True), key=lambda pair: pair[1].verdict in _GOOD)
    code = worst((code, *(ExitCode.DRIFT for one in found if one.verdict not in _GOOD)))
    show_table(call.console, _HEADS, "CAUSE; NEXT STEP", [_row(one.host, verdict, now) for one, verdict in judged])
    call.console.data([_summary(found)])
    if not call.console.as_json:
        show_errors(call.console, [(report.host, report.error) for report in reports if report.error])
    content = {
        "exit_code": int(code),
        "hosts": [_host(report) for report in reports],
        "endpoints": [judgement_json(one.host, verdict) for one, verdict in judged],
    }
    call.console.document(call.command, content)
    return code


def _single(text: str, sni: str | None) -> Served:
    """An endpoint of the command line, with nothing to hold it against."""
    try:
        host, port = read_endpoint(text)
        asked = read_host(host if sni is None else sni)
    except EndpointUnreadable as error:
        raise UsageError("CA5028", f"{one_line(text)} is no endpoint to look at: {error}", hint=error.hint) from error
    return Served(host, port, "" if is_address(asked) else asked, "")


def _row(host: str, judgement: Judgement, now_utc_ms: int) -> Row:
    presented, target = judgement.presented, judgement.target
    cells = (
        str(target),
        "-" if target.sni in {"", target.host} else target.sni,
        host or "-",
        one_line(judgement.certificate) or "-",
        expiry_text(presented.expiry_utc_ms if presented else None, now_utc_ms),
        one_line(presented.issuer) if presented else "-",
        verdict_text(judgement.verdict),
    )
    remedy, style = one_line(remedy_text(judgement)), verdict_style(judgement.verdict)
    return Row(cells, remedy, judgement.verdict not in _GOOD, ((_VERDICT, style),))


def _summary(found: Sequence[Judgement]) -> str:
    if not found:
        return "no endpoint was looked at"
    counts = Counter(one.verdict for one in found)
    states = ", ".join(f"{counts[verdict]} {verdict_text(verdict)}" for verdict in Verdict if counts[verdict])
    return f"{counted(len(found), 'endpoint')}: {states}"


def _host(report: HostReport) -> dict[str, object]:
    error = report.error and problem_json(report.error)
    return {"host": report.host, "status": report.status.value, "exit_code": int(report.exit_code), "error": error}
