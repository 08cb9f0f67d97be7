"""One host, a run of its own taken back: observe with its record, finish what was cut off, plan."""

from __future__ import annotations

from dataclasses import replace

from certify_automation.desired import DesiredHost
from certify_automation.errors import PlanRefused
from certify_automation.model.facts import Facts
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import Result
from certify_automation.model.plan import ObserveRequest, Origin, Plan
from certify_automation.model.runs import Records
from certify_automation.plan import PlanOptions, make_plan, observe_request
from certify_automation.reconcile import NOBODY, settled_facts
from certify_automation.remote import Session
from certify_automation.remote.observe import observe
from certify_automation.rollback import (
    as_planned,
    asked_for,
    changes_of,
    check_kept,
    run_meant,
    run_text,
    summary_of,
    take_back,
)

_NO_RECORDS = Records((), None)


def rollback_host(
    desired: DesiredHost, session: Session, options: PlanOptions, run: str | None = None, origin: Origin = NOBODY
) -> tuple[HostReport, str]:
    """What this host would have to do to be as before one of its runs, and that run in words; empty = not found.

    A run that was cut off there is brought to its end first, and the report names it; where that put it back, an
    earlier run is taken back only when it is asked for by its id. `apply_plan` carries the plan out.

    Args:
        desired: the host; what is declared stays as it is.
        session: the host's.
        options: with a run id of its own: a rollback is a run.
        run: a run id or the beginning of one; None = the last run that was applied.
        origin: who has it carried out, from which commit.

    Raises:
        HostError: the visit failed; HostReport.of_error makes a report of it.
    """
    request = replace(observe_request(desired.state), run=asked_for(run))
    facts, recovered = settled_facts(session, Plan(desired.name, options.run_id, request, origin=origin))
    said = ""
    try:
        records = facts.records or _NO_RECORDS
        run_id = run_meant(records, run)
        said = run_text(run_id, summary_of(records.runs, run_id))
        newest = records.runs[0] if records.runs else None
        if run is None and newest is not None and newest.result != Result.APPLIED:
            _check_newest(session, replace(request, run=newest.run_id), said)
        if records.run is None or records.run.run_id != run_id:
            facts = observe(session, replace(request, run=run_id))
        report = HostReport.of_plan(_plan(desired.name, facts, options, origin))
    except PlanRefused as error:
        report = HostReport.of_error(desired.name, error)
    return replace(report, recovered=recovered), said


def _check_newest(session: Session, request: ObserveRequest, meant: str) -> None:
    record = (observe(session, request).records or _NO_RECORDS).run
    if record is not None:
        check_kept(record, meant)


def _plan(host: str, facts: Facts, options: PlanOptions, origin: Origin) -> Plan:
    run = (facts.records or _NO_RECORDS).run
    if run is None:
        raise PlanRefused("CA3047", "the record of the run has gone while it was looked at", hint="try again")
    taken = take_back(run.run_id, changes_of(run), facts)
    plan = as_planned(make_plan(host, taken.state, facts, options), taken)
    return replace(plan, origin=replace(origin, rolls_back=run.run_id))
