"""The command certs: the certificates of a fleet, what is due and why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce

import click

from certify_automation.certificates import HostCertificates, certificates_host
from certify_automation.cli.certificate_table import Column, Row, show_table
from certify_automation.cli.filters import filter_options, filters_of
from certify_automation.cli.findings import show_errors, show_warnings
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.outcomes import show_stop
from certify_automation.cli.visits import look_options, open_visits
from certify_automation.desired import DesiredHost
from certify_automation.errors import Problem, UsageError
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.renewal import Filters, ListedCertificate, Totals, unknown_ids, unknown_warnings
from certify_automation.report import (
    certificate_json,
    certificate_row,
    certificate_warnings,
    certificates_csv,
    counted,
    one_line,
    problem_json,
)

_HEADS = (
    Column("HOST", shrinks=True),
    Column("NAME", shrinks=True),
    Column("IDENTIFIERS", from_width=140, shrinks=True),
    Column("ISSUER", from_width=110, shrinks=True),
    Column("EXPIRES"),
    Column("DUE"),
    Column("STATUS"),
)
_EXPIRES, _STATUS = 4, 6


@click.command(short_help="List the certificates of the servers: what is due, failing or expiring, and why.")
@filter_options
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout, for spreadsheets.")
@look_options
@fleet_options
def certs(call: Call, *, as_csv: bool, **flags: object) -> int:
    """List the certificates that the product manages on the servers, the most urgent first. Nothing is changed there.

    Each is shown with why it is or is not due: by the product's own rule or by the declared renewals, whichever comes
    first. What is due does not change the exit code.
    """
    if as_csv and call.console.as_json:
        hint = "leave one of the two out"
        raise UsageError("CA5027", "--json and --csv ask for two forms of one answer", hint=hint)
    filters = filters_of(flags)
    found: dict[str, HostCertificates] = {}
    reports: dict[str, HostReport] = {}
    visits = open_visits(call, flags)

    def work(host: DesiredHost) -> HostReport:
        found[host.name] = certificates_host(host, visits.session(host), filters, time.time_ns() // 1_000_000)
        return found[host.name].report

    names = list(visits.fleet.hosts)
    finished = visits.look("looking", names, work, lambda report: reports.update({report.host: report}))
    show_stop(call.console, finished)
    answers = [_Answer(reports[name], found.get(name)) for name in names]
    listed = sorted((one for answer in answers for one in answer.certificates), key=lambda one: one.urgency)
    unknown = unknown_ids(filters, (answer.ids for answer in answers))
    summary = _summary(answers, None if filters == Filters() else len(listed))
    if as_csv:
        call.console.print_csv(certificates_csv(listed))
        call.console.say(summary)
    else:
        show_table(call.console, _HEADS, "WHY", [_row(one, ids=call.console.verbosity > 0) for one in listed])
        call.console.data([summary])
    if call.console.as_json:
        content = {"exit_code": finished.exit_code, **_document(answers, listed), "unknown_ids": unknown}
        call.console.document(call.command, content)
    else:
        show_warnings(call.console, (*_warnings(answers, listed), *unknown_warnings(unknown)))
        show_errors(call.console, [(one.report.host, error) for one in answers if (error := one.report.error)])
    return finished.exit_code


@dataclass(frozen=True, slots=True)
class _Answer:
    """One host; seen None = it could not be visited."""

    report: HostReport
    seen: HostCertificates | None

    @property
    def said(self) -> bool:
        """Whether its certificates are known."""
        return self.seen is not None and self.report.status is HostStatus.OK

    @property
    def certificates(self) -> tuple[ListedCertificate, ...]:
        return self.seen.listing.certificates if self.seen is not None and self.said else ()

    @property
    def ids(self) -> frozenset[str]:
        """Those that were asked for and are there."""
        return self.seen.listing.ids if self.seen is not None else frozenset()

    def document(self) -> dict[str, object]:
        """The host for programs."""
        report, seen = self.report, self.seen
        return {
            "host": report.host,
            "status": report.status.value,
            "exit_code": int(report.exit_code),
            "error": report.error and problem_json(report.error),
            "clock_utc_ms": seen and seen.clock_utc_ms,
            "access": seen and seen.access,
            "stalled_since_utc_ms": seen.stall.since_utc_ms if seen and seen.stall else None,
            "warnings": [problem_json(warning) for warning in (seen.warnings if seen else ())],
            "totals": asdict(seen.listing.totals) if seen and self.said else None,
        }


def _document(answers: Sequence[_Answer], listed: Sequence[ListedCertificate]) -> dict[str, object]:
    return {
        "hosts": [answer.document() for answer in answers],
        "certificates": [certificate_json(one) for one in listed],
        "totals": asdict(_totals(answers)),
    }


def _row(listed: ListedCertificate, *, ids: bool) -> Row:
    row = certificate_row(listed)
    cells = (row.host, row.name, row.identifiers, row.issuer, row.expires, row.due, row.status)
    styles = ((_STATUS, row.style), *(((_EXPIRES, "error"),) if row.expired else ()))
    remark = f"{row.why}; id {one_line(listed.certificate.id)}" if ids else row.why
    return Row(cells, remark, row.notable, styles)


def _summary(answers: Sequence[_Answer], shown: int | None) -> str:
    totals, hosts = _totals(answers), sum(answer.said for answer in answers)
    number = f"{counted(totals.certificates, 'certificate')} on {counted(hosts, 'host')}"
    states = f"{totals.due} due{_among(totals)}, {totals.failing} failing, {totals.expired} expired"
    silent = f"; {counted(len(answers) - hosts, 'host')} could not be asked" if hosts < len(answers) else ""
    return f"{number if shown is None else f'{shown} shown of {number}'}: {states}{silent}"


def _among(totals: Totals) -> str:
    """What else the certificates are that are due, which are counted once more behind."""
    kinds = {"failing": totals.failing_due, "paused": totals.paused_due, "expired": totals.expired_due}
    first, *rest = [f"{number} {kind}" for kind, number in kinds.items() if number] or [""]
    return f" ({', '.join([first.replace(' ', ' of them ', 1), *rest])})" if first else ""


def _totals(answers: Sequence[_Answer]) -> Totals:
    every = (answer.seen.listing.totals for answer in answers if answer.seen is not None and answer.said)
    return reduce(Totals.plus, every, Totals())


def _warnings(answers: Sequence[_Answer], listed: Sequence[ListedCertificate]) -> Iterator[tuple[str, Problem]]:
    for answer in answers:
        if answer.seen is not None:
            yield from ((answer.report.host, problem) for problem in answer.seen.warnings)
    yield from ((f"{host}/{name}", problem) for host, name, problem in certificate_warnings(listed))
