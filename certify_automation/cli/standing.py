"""The command status: every server at a glance."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping

import click
from rich.text import Text

from certify_automation.cli.console import columns
from certify_automation.cli.options import Call, fleet_options
from certify_automation.cli.outcomes import show_stop, show_summary
from certify_automation.cli.visits import open_visits, rollout_options
from certify_automation.desired import DesiredHost
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.plan import PlanOptions
from certify_automation.report import document, status_text
from certify_automation.status import Standing, status_host

_HEADINGS = ("HOST", "STATUS", "PRODUCT", "SERVICE", "API", "DIFFERENCES")


@click.command(short_help="Show product, service and API of each server, and whether it is as declared.")
@rollout_options
@fleet_options
def status(call: Call, **flags: object) -> int:
    """Show product, service and API of each server, and whether it is as declared. Nothing is written there.

    Exit code 2: some server is not as declared, or a run has no end there.
    """
    standings: dict[str, Standing] = {}
    reports: dict[str, HostReport] = {}
    visits = open_visits(call, flags)

    def work(host: DesiredHost) -> HostReport:
        options = PlanOptions(uuid.uuid4().hex, now_utc_ms=time.time_ns() // 1_000_000)
        standings[host.name] = status_host(host, visits.session(host), options)
        return standings[host.name].report

    names = list(visits.fleet.hosts)
    finished = visits.look("looking", names, work, lambda report: reports.update({report.host: report}))
    show_stop(call.console, finished)
    ordered = [reports[name] for name in names]
    rows = [_row(report, standings.get(report.host)) for report in ordered]
    heading, *lines = columns([_HEADINGS, *rows])
    call.console.data(
        [Text(heading, style="bold"), *lines, *_certificates(standings, names), *_open_runs(standings, names)]
    )
    show_summary(call.console, ordered, planned=True)
    whole = document("status", ordered, finished.exit_code)
    hosts = [{"host": report.host, **_document(report, standings.get(report.host))} for report in ordered]
    call.console.print_document({**whole, "hosts": hosts})
    return finished.exit_code


def _certificates(standings: Mapping[str, Standing], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name in standings and standings[name].certificates:
            yield f"{name}: certificates {standings[name].certificates}"


def _open_runs(standings: Mapping[str, Standing], names: Iterable[str]) -> Iterator[str]:
    """What is known of runs without an end: the next apply brings them to theirs, or waits for it."""
    for name in names:
        if name in standings and standings[name].open_run:
            yield f"{name}: open run {standings[name].open_run}"


def _row(report: HostReport, standing: Standing | None) -> tuple[str, ...]:
    shown = "drift" if report.status is HostStatus.CHANGED else status_text(report.status)
    if standing is None:
        error = f"{report.error.id}: {report.error.message}" if report.error else ""
        return report.host, shown, error
    api = ", ".join(standing.endpoints) or "nowhere"
    number = str(len(report.plan.differences)) if report.plan else "-"
    reached = f"{api} (silent)" if standing.answering is False else api
    noted = [*(["locked"] if standing.lock else []), *(["open run"] if standing.open_run else [])]
    marked = f"{shown} ({', '.join(noted)})" if noted else shown
    return report.host, marked, standing.product, standing.service, reached, number


def _document(report: HostReport, standing: Standing | None) -> dict[str, object]:
    error = {"id": report.error.id, "message": report.error.message} if report.error else None
    common: dict[str, object] = {"status": report.status.value, "exit_code": int(report.exit_code), "error": error}
    if standing is None:
        return common
    return common | {
        "product": standing.product,
        "service": standing.service,
        "endpoints": list(standing.endpoints),
        "answering": standing.answering,
        "lock": standing.lock,
        "open_run": standing.open_run or None,
        "certificates": standing.certificates or None,
        "differences": [difference.path for difference in report.plan.differences] if report.plan else [],
    }
