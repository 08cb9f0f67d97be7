"""The host's own record of a run: which one is meant, and what it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from certify_automation.errors import PlanRefused
from certify_automation.model.change import Change, FileWrite
from certify_automation.model.change_codec import change_from_json
from certify_automation.model.outcome import Result
from certify_automation.model.plan import short_commit
from certify_automation.model.runs import Records, RunFiles, RunSummary

LAST = "last"
"""Asks for the newest run that was applied."""

NO_RUN = "CA3040"
"""The id of what is said where no run is meant: none was applied there, or none has the id."""

ID_DIGITS = 32
_RUNS_SHOWN = 10
_NOT_KEPT = {"interrupted": "was cut off", "not_confirmed": "was not confirmed"}
_DAMAGED = "nothing is taken back by a record that cannot be trusted: docs/safety.md says how to do it by hand"


def asked_for(wanted: str | None) -> str:
    """What a visit asks the host for: a whole run id, or its last run together with the list to find a prefix in."""
    return wanted if wanted is not None and len(wanted) == ID_DIGITS else LAST


def run_meant(records: Records, wanted: str | None) -> str:
    """The id of the run that is meant.

    A rollback is only meant by its id: asking once more, because some hosts were not taken back, must not bring the
    change back on the others.

    Args:
        records: from a visit that asked for `asked_for(wanted)`.
        wanted: a run id or the beginning of one; None = the last run that was applied.

    Raises:
        PlanRefused: CA3040 the host has no such run, CA3041 it has several that begin so, CA3049 the last one is a
            rollback, and none was asked for by its id.
    """
    if wanted is None or len(wanted) == ID_DIGITS:
        if records.run is None:
            raise _unknown(records, wanted)
        if wanted is None:
            _check_no_rollback(records.run.run_id, records.runs)
        return records.run.run_id
    found = [run.run_id for run in records.runs if run.run_id.startswith(wanted)]
    if not found:
        raise _unknown(records, wanted)
    if len(found) > 1:
        hint = f"give more digits: {', '.join(found)}"
        raise PlanRefused("CA3041", f"{len(found)} runs of this host begin with {wanted}", hint=hint)
    return found[0]


def _check_no_rollback(run_id: str, runs: Iterable[RunSummary]) -> None:
    summary = summary_of(runs, run_id)
    if summary is not None and summary.rolls_back:
        raise PlanRefused(
            "CA3049",
            f"the last run on this host, {run_id}, took back run {summary.rolls_back}",
            hint=f"say --run {run_id} to take that back, which makes the change again; or --run and another run's id",
        )


def run_text(run_id: str, summary: RunSummary | None) -> str:
    """A run in words: its id, when, by whom, from which commit."""
    if summary is None:
        return f"run {run_id}"
    begun = datetime.fromtimestamp(summary.started_utc_ms // 1000, UTC)
    commit = f", commit {short_commit(summary.commit)}" if summary.commit else ""
    back = f", a rollback of {summary.rolls_back}" if summary.rolls_back else ""
    return f"run {run_id} of {begun:%Y-%m-%d %H:%M:%S} UTC (the host's clock) by {summary.by}{commit}{back}"


def check_kept(newest: RunFiles, meant: str) -> None:
    """Refuse to take an older run back where somebody most likely means the newest, of which nothing is left.

    Args:
        newest: the run of the host that began last.
        meant: the older run that would be taken back, in words.

    Raises:
        PlanRefused: CA3048 the newest was cut off, or not confirmed, and has been put back.
    """
    try:
        outcome = json.loads(newest.outcome or "")
        result, code = str(outcome["result"]), outcome["failure"] and outcome["failure"]["code"]
    except (LookupError, TypeError, ValueError):
        return  # what became of it is not on record, so that nothing speaks against the one that is
    if result == Result.APPLIED or code not in _NOT_KEPT:
        return
    whole = "has been put back" if result == Result.ROLLED_BACK else "could not be put back as a whole"
    raise PlanRefused(
        "CA3048",
        f"the last run on this host, {newest.run_id}, {_NOT_KEPT[code]}, and {whole}: what would be taken back now"
        " is an earlier one",
        hint=f"to take that one back say --run and its id: {meant}",
    )


def _unknown(records: Records, wanted: str | None) -> PlanRefused:
    what = f"no run {wanted} is on record on this host" if wanted else "no run has been applied on this host"
    known = "\n".join(f"{run_text(one.run_id, one)}: {one.result}" for one in records.runs[:_RUNS_SHOWN])
    return PlanRefused(NO_RUN, what, hint=f"on record are:\n{known}" if known else "it has no record of any run")


def changes_of(run: RunFiles) -> tuple[Change, ...]:
    """The changes that a run made, files with the bytes they had, in its order.

    Raises:
        PlanRefused: CA3042 its plan is missing or altered, CA3043 it is of another version of this program, CA3044 the
            backup of a file is missing or altered, CA3045 it was not applied.
    """
    items = _plan_changes(run)
    result = _result(run)
    if result != Result.APPLIED:
        raise _not_applied(run.run_id, result)
    for item in items:
        _check_backup(run, item)
    try:
        return tuple(change_from_json(item, _before(run, item)) for item in items)
    except (LookupError, TypeError, ValueError) as error:
        raise PlanRefused(
            "CA3043",
            f"the plan of run {run.run_id} has a change that this version of certify-automation does not know: {error}",
            hint="take it back with the version that made it",
        ) from error


def _plan_changes(run: RunFiles) -> list[Mapping[str, Any]]:
    digest = hashlib.sha256(run.plan.encode("utf-8", "surrogatepass")).hexdigest() if run.plan is not None else None
    if run.plan is None or digest != run.plan_sha256:
        what = "missing" if run.plan is None else "not the one its journal names: it was altered"
        raise PlanRefused("CA3042", f"the plan of run {run.run_id} on this host is {what}", hint=_DAMAGED)
    try:
        changes = json.loads(run.plan)["changes"]
        return [{**item} for item in changes]
    except (LookupError, TypeError, ValueError) as error:
        hint = "take it back with the version that made it"
        raise PlanRefused("CA3043", f"the plan of run {run.run_id} is of another version", hint=hint) from error


def _result(run: RunFiles) -> str:
    try:
        return str(json.loads(run.outcome or "")["result"])
    except (LookupError, TypeError, ValueError) as error:
        what = f"what became of run {run.run_id} is not on record on this host"
        raise PlanRefused("CA3042", what, hint=_DAMAGED) from error


def _not_applied(run_id: str, result: str) -> PlanRefused:
    whole = result == Result.ROLLED_BACK
    hint = (
        "nothing of it is left: everything was put back at its own end"
        if whole
        else "it ended with something left: `plan` shows how the host is now, docs/safety.md how to undo it by hand"
    )
    return PlanRefused("CA3045", f"run {run_id} was not applied: it ended as {result.replace('_', ' ')}", hint=hint)


def _check_backup(run: RunFiles, item: Mapping[str, Any]) -> None:
    if item.get("kind") != FileWrite.kind or item.get("before_sha256") is None:
        return
    kept = _before(run, item)
    if kept is None or hashlib.sha256(kept).hexdigest() != item["before_sha256"]:
        what = "missing" if kept is None else "not what it was: it was altered"
        raise PlanRefused(
            "CA3044", f"the backup of {item.get('file')} in run {run.run_id} on this host is {what}", hint=_DAMAGED
        )


def _before(run: RunFiles, item: Mapping[str, Any]) -> bytes | None:
    return run.before.get(str(item.get("file"))) if item.get("before_sha256") is not None else None


def summary_of(runs: Iterable[RunSummary], run_id: str) -> RunSummary | None:
    """A run's line in the host's list; None when it is older than the list goes back."""
    return next((run for run in runs if run.run_id == run_id), None)
