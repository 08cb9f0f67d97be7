"""A playbook on the screen: its steps, how it goes on, and what became of every host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from certify_automation.cli.console import Console, columns
from certify_automation.cli.outcomes import STYLES, show_details
from certify_automation.desired.words import printable
from certify_automation.fleet.playbook import PlaybookRun
from certify_automation.fleet.playbook_results import (
    BatchPaused,
    BatchStarted,
    PlaybookEvent,
    PlaybookOutcome,
    StepResult,
    StepStarted,
    StepStatus,
)
from certify_automation.model.playbook import OnFailure, Playbook
from certify_automation.report import counted, finding_json, host_json, one_line, problem_json, value_text

_STOPPED = {
    "failures": "too many hosts failed: no further one was started",
    "canary": "one of the first hosts failed: no other one was started",
    "cancelled": "interrupted: the other steps were not begun",
}
_STYLES = {
    StepStatus.DONE: "ok",
    StepStatus.CHANGED: "changed",
    StepStatus.SKIPPED: "muted",
    StepStatus.FAILED: "error",
    StepStatus.UNREACHABLE: "error",
    StepStatus.NOT_RUN: "muted",
    StepStatus.ROLLED_BACK: "error",
}
_ON_FAILURE = {
    OnFailure.STOP: "",
    OnFailure.CONTINUE: "goes on when it fails",
    OnFailure.ROLLBACK: "taken back when it fails",
}


def show_steps(console: Console, run: PlaybookRun) -> None:
    """What a playbook is about to do, and to how many hosts at a time."""
    playbook, batches = run.playbook, run.batches
    most, first = max(map(len, batches), default=0), playbook.strategy.canary
    hosts = counted(sum(map(len, batches)), "host")
    console.data([printable(f"{playbook.name}: {playbook.description}")])
    if playbook.parameters:
        values = ", ".join(
            f"{name}={value_text(value)}" for name, value in playbook.parameters.items() if value is not None
        )
        console.data([printable(f"  with {values}")] if values else [])
    parts = f" in {len(batches)} batches of at most {most}" if len(batches) > 1 else ""
    console.data([f"  on {hosts}{parts}{f', {first} of them first' if parts and first and not run.resumed else ''}"])
    rows = [
        (f"  {number}.", printable(step.name), step.verb.value, _ON_FAILURE[step.on_failure])
        for number, step in enumerate(playbook.steps, 1)
    ]
    console.data(columns(rows))


@dataclass(slots=True)
class PlaybookView:
    """Says on stderr how a run goes on, a line a host and step."""

    console: Console
    playbook: Playbook

    def show(self, event: PlaybookEvent) -> None:
        """Show an event as it happens."""
        match event:
            case BatchStarted(number, count, hosts) if count > 1:
                self.console.say(f"batch {number} of {count}: {counted(len(hosts), 'host')}")
            case BatchPaused(seconds):
                self.console.say(f"waiting {seconds} s before the next hosts")
            case StepStarted(step, hosts):
                name = printable(self.playbook.steps[step].name)
                self.console.say(
                    f"step {step + 1} of {len(self.playbook.steps)}, {name}: {counted(len(hosts), 'host')}"
                )
            case StepResult():
                self.console.say(_result_text(event))
            case _:
                pass


def show_outcome(console: Console, run: PlaybookRun, outcome: PlaybookOutcome) -> None:
    """What a step changed or why it failed, host by host, then a line a host, and how to go on."""
    for results in outcome.results.values():
        for one in results:
            _show_result(console, run.playbook, one)
    width = max(map(len, outcome.results), default=0)
    console.data(_recap(host, width, run.playbook, results) for host, results in outcome.results.items())
    ends = Counter(_end(results) for results in outcome.results.values())
    said = ", ".join(f"{ends[status]} {_word(status)}" for status in StepStatus if ends[status])
    console.data([f"{counted(len(outcome.results), 'host')}: {said}" if said else "no host was visited"])
    if outcome.stopped:
        console.error(_STOPPED[outcome.stopped])
    if outcome.run_id:
        console.data([f"run {outcome.run_id}"])
    if outcome.left:
        hint = f"steps are left on {counted(len(outcome.left), 'host')}; go on with `run --resume {outcome.run_id}`"
        console.say(hint)


def outcome_json(run: PlaybookRun, outcome: PlaybookOutcome) -> dict[str, object]:
    """The outcome as content of the command's JSON document."""
    return {
        "exit_code": int(outcome.exit_code),
        "run_id": outcome.run_id or None,
        "playbook": run.playbook.name,
        "parameters": dict(run.playbook.parameters),
        "dry_run": run.how.dry_run,
        "stopped": outcome.stopped or None,
        "left": list(outcome.left),
        "warnings": [{"about": about, **problem_json(problem)} for about, problem in outcome.warnings],
        "hosts": [
            {
                "host": host,
                "status": _end(results).value,
                "steps": [_result_json(run.playbook, one) for one in results],
            }
            for host, results in outcome.results.items()
        ],
    }


def _result_json(playbook: Playbook, one: StepResult) -> dict[str, object]:
    step = playbook.steps[one.step]
    return {
        "step": one.step + 1,
        "name": step.name,
        "verb": step.verb.value,
        "status": one.status.value,
        "message": one.message,
        "exit_code": int(one.exit_code),
        "findings": [finding_json(finding, one.host) for finding in one.findings],
        "taken_back": list(one.taken_back),
        "report": host_json(one.report) if one.report else None,
        "rollback": host_json(one.back) if one.back else None,
    }


def _show_result(console: Console, playbook: Playbook, one: StepResult) -> None:
    reports = [report for report in (one.report, one.back) if report and (report.error or report.plan)]
    if not reports or one.status in {StepStatus.DONE, StepStatus.SKIPPED}:
        return
    name = printable(playbook.steps[one.step].name)
    console.data([Text(f"step {one.step + 1}, {name}", style=STYLES["heading"])])
    show_details(console, reports)


def _result_text(one: StepResult) -> Text:
    back = f"; taken back: {len(one.taken_back)}" if one.taken_back else ""
    error = one.report.error if one.report else None
    said = one.message or (error.message if error else "")
    tail = printable(f"{': ' if said else ''}{one_line(said)}{back}")
    return Text.assemble("  ", printable(one.host), " ", (_word(one.status), STYLES[_STYLES[one.status]]), tail)


def _recap(host: str, width: int, playbook: Playbook, results: Sequence[StepResult]) -> Text:
    end, where = _end(results), f"after {results[-1].step + 1} of {len(playbook.steps)} steps"
    short = [one for one in results if one.status.failed or one.status is StepStatus.NOT_RUN]
    if short:
        more = f" and {len(short) - 1} more" if len(short) > 1 else ""
        where = f"at step {short[0].step + 1}, {playbook.steps[short[0].step].name}{more}"
    back = "; what it had changed is taken back" if any(one.taken_back for one in results) else ""
    tail = printable(f"  {where}{back}")
    return Text.assemble(printable(host.ljust(width)), "  ", (_word(end), STYLES[_STYLES[end]]), tail)


def _end(results: Sequence[StepResult]) -> StepStatus:
    """One word for a host: that of its worst step, or of the last one."""
    order = (
        StepStatus.FAILED,
        StepStatus.ROLLED_BACK,
        StepStatus.UNREACHABLE,
        StepStatus.NOT_RUN,
        StepStatus.CHANGED,
        StepStatus.DONE,
    )
    found = {one.status for one in results}
    return next((status for status in order if status in found), StepStatus.DONE)


def _word(status: StepStatus) -> str:
    return status.value.replace("_", " ")
