"""A run on the host whose journal has no end: what it means for a plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from certify_automation.errors import Problem
from certify_automation.model.plan import Refusal
from certify_automation.model.runs import OpenRun
from certify_automation.plan.problems import warning
from certify_automation.plan.situation import Situation

_JOURNAL = 1
_UNDONE = {"done", "begun", "failed"}


def open_run_refusals(at: Situation) -> Iterator[Refusal]:
    """A journal that this version cannot read: what that run has done is not known, so nothing is done on top."""
    run = at.facts.open_run
    if run is None or (run.journal == _JOURNAL and not run.error):
        return
    if run.journal > _JOURNAL:
        yield Refusal(
            "CA3034",
            f"the run {run.run_id} on this host has no end, and its journal has version {run.journal}; "
            f"this program reads version {_JOURNAL}",
            "let the newer certify-automation that began it bring it to its end",
        )
    else:
        yield Refusal(
            "CA3036",
            f"the run {run.run_id} on this host has no end, and its journal cannot be read: {run.error}",
            "see docs/safety.md for how to undo it by hand and put its folder away",
        )


def open_run_warnings(at: Situation) -> Iterator[Problem]:
    """A run that was cut off, or waits for its confirmation; one that is under way holds the lock and says so."""
    run = at.facts.open_run
    if run is None or run.error or run.journal != _JOURNAL or (at.facts.lock.held and not run.awaiting):
        return
    who = f"run {run.run_id} by {run.by}{_since(run)}"
    if run.awaiting and run.timer:
        yield warning(
            "CA3069",
            f"{who} waits for its confirmation: the host puts it back by itself when that does not come",
            "nothing else can be applied until then",
        )
        return
    acted = [step.kind for step in run.steps if step.status in _UNDONE]
    yield warning(
        "CA3068",
        f"{who} was {'not confirmed' if run.awaiting else 'cut off'} after: {', '.join(acted) or 'nothing yet'}",
        "the next apply or rollback on this host first brings it to its end: it is put back, unless everything "
        "was done and healthy; plan again after that",
    )


def _since(run: OpenRun) -> str:
    if run.started_utc_ms is None:
        return ""
    begun = datetime.fromtimestamp(run.started_utc_ms // 1000, UTC)
    return f" of {begun:%Y-%m-%d %H:%M:%S} UTC (the host's clock)"
