"""One host, the whole sentence: observe, diff, plan, apply, verify."""

from __future__ import annotations

from dataclasses import replace

from certify_automation.desired import DesiredHost
from certify_automation.diff import differences
from certify_automation.errors import HostError
from certify_automation.model.host import HostState
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Plan
from certify_automation.plan import PlanOptions, make_plan, observe_request
from certify_automation.remote import Session
from certify_automation.remote.apply import apply
from certify_automation.remote.observe import observe


def plan_host(desired: DesiredHost, session: Session, options: PlanOptions) -> HostReport:
    """What this host would have to do to become as declared; nothing is written there.

    Raises:
        HostError: the visit failed; HostReport.of_error makes a report of it.
    """
    facts = observe(session, observe_request(desired.state))
    return HostReport.of_plan(make_plan(desired.name, desired.state, facts, options))


def apply_plan(plan: Plan, session: Session, desired: HostState | None = None) -> HostReport:
    """Carries a plan out and says what became of it; a plan without changes makes no visit.

    Args:
        plan: from plan_host or a plan file.
        session: the host's.
        desired: what is declared now; given, the facts the visit brings back are held against it.
    """
    if not plan.changes:
        return HostReport.of_plan(plan)
    try:
        outcome = apply(session, plan.to_json())
    except HostError as error:
        return HostReport.of_error(plan.host, error, plan)
    remaining = differences(desired, outcome.facts) if desired and outcome.facts else ()
    return HostReport.of_outcome(plan, replace(outcome, facts=None), remaining)


def reconcile(desired: DesiredHost, session: Session, options: PlanOptions) -> HostReport:
    """Makes the host as declared, in two visits at most, and proves it.

    Raises:
        HostError: the first visit failed, so nothing was done.
    """
    planned = plan_host(desired, session, options)
    return apply_plan(planned.plan, session, desired.state) if planned.plan else planned
