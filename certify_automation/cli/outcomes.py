"""What became of hosts, on the screen: the report's lines with colors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from certify_automation.cli.console import Console
from certify_automation.desired.words import printable
from certify_automation.fleet.pool import RunFinished
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.report import Line, host_lines, recap_line, summary_line
from certify_automation.rollback import NO_RUN

STYLES = {
    "heading": "bold",
    "added": "green",
    "removed": "red",
    "changed": "yellow",
    "muted": "dim",
    "ok": "green",
    "warning": "yellow",
    "error": "bold red",
    "": "",
}
_STOPPED = {
    "failures": "too many hosts failed: no further one was changed (--max-failures)",
    "cancelled": "interrupted: the other hosts were not started",
}


def show_details(console: Console, reports: Sequence[HostReport]) -> None:
    """Every host that is not as declared, in full; with -v the others too.

    Where several hosts have no run to take back, that is one line, unless -v asks for all.
    """
    without = _without_run(console, reports)
    if without:
        console.data([f"{len(without)} hosts have no run to take back ({NO_RUN}; -v shows each)"])
    for report in reports:
        if report.host in without:
            continue
        lines = host_lines(report)
        if report.status is not HostStatus.OK or len(lines) > 1 or console.verbosity > 0:
            console.data(line_text(line) for line in lines)


def show_recap(console: Console, reports: Sequence[HostReport]) -> None:
    """One line a host, and the summary; hosts without a run to take back are in the summary only."""
    width = max((len(report.host) for report in reports), default=0)
    without = _without_run(console, reports)
    console.data(line_text(recap_line(report, width)) for report in reports if report.host not in without)
    show_summary(console, reports)


def _without_run(console: Console, reports: Sequence[HostReport]) -> frozenset[str]:
    """The hosts whose only news is that they have no run to take back, when there are several; none with -v."""
    found = frozenset(r.host for r in reports if r.error and r.error.id == NO_RUN and not r.recovered)
    return found if len(found) > 1 and console.verbosity <= 0 else frozenset()


def show_plan(console: Console, reports: Sequence[HostReport]) -> None:
    """The plan of every host that is not as declared, and how many hosts there are of each kind."""
    show_details(console, reports)
    show_summary(console, reports, planned=True)
    if any(report.status is not HostStatus.OK for report in reports):
        return
    unsettled = [report.host for report in reports if report.open_run]
    if unsettled:
        console.data([f"no changes, but a run has no end on {', '.join(unsettled)}: what is there may yet be put back"])
    unjudged = [report.host for report in reports if report.plan and report.plan.unjudged]
    if unjudged:
        console.data([f"no changes, but not everything declared could be compared on {', '.join(unjudged)}"])
    waiting = Counter(held.hold for report in reports if report.plan for held in report.plan.held)
    if waiting:
        kinds = ", ".join(f"{number} {hold.value.replace('_', ' ')}" for hold, number in waiting.items())
        console.data([f"no changes to make now; certificates: {waiting.total()} waiting ({kinds})"])
    elif not unsettled and not unjudged:
        console.data(["no changes: the servers are as declared"])


def show_summary(console: Console, reports: Sequence[HostReport], *, planned: bool = False) -> None:
    """How many hosts there are of each kind; planned = nothing was carried out."""
    console.data([line_text(summary_line(_counts(reports), planned=planned))])


def show_stop(console: Console, finished: RunFinished) -> None:
    """Why hosts were held back, if any were."""
    if finished.stopped:
        console.error(_STOPPED[finished.stopped])


def _counts(reports: Sequence[HostReport]) -> dict[HostStatus, int]:
    found = Counter(report.status for report in reports)
    return {status: found[status] for status in HostStatus if found[status]}


def line_text(line: Line) -> Text:
    """A line of the report with its colors; what names and messages of a host hold, no terminal obeys."""
    return Text.assemble(*((printable(segment.text), STYLES[segment.style]) for segment in line))
