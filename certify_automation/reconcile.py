"""One host, the whole sentence: observe, finish what was cut off, diff, plan, apply, confirm, verify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from certify_automation.confirmation import Confirmation, apply_confirmed
from certify_automation.desired import DesiredHost
from certify_automation.diff import differences
from certify_automation.errors import HostError
from certify_automation.model.apply_errors import outcome_error
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import RecoveredRun
from certify_automation.model.plan import ObserveRequest, Origin, Plan
from certify_automation.observing import look
from certify_automation.plan import PlanOptions, make_plan, observe_request
from certify_automation.remote import Session
from certify_automation.remote.apply import apply
from certify_automation.remote.observe import observe
from certify_automation.renewing import Renewing, carry_on

Look: TypeAlias = Callable[[Session, ObserveRequest], Facts]

NOBODY = Origin("unknown")  # whoever calls this as a library and does not say who it is


def plan_host(desired: DesiredHost, session: Session, options: PlanOptions) -> HostReport:
    """What this host would have to do to become as declared; nothing is written there.

    Raises:
        HostError: the visit failed; HostReport.of_error makes a report of it.
    """
    facts = look(desired, session, observe_request(desired.state))
    report = HostReport.of_plan(make_plan(desired.name, desired.state, facts, options))
    return replace(report, open_run=facts.open_run.run_id if facts.open_run else None)


def prepare_host(
    desired: DesiredHost,
    session: Session,
    options: PlanOptions,
    origin: Origin = NOBODY,
    seen: Callable[[Facts], None] = lambda _: None,
) -> HostReport:
    """As plan_host, for an apply: a run that was cut off there is brought to its end first, and the report names it.

    Args:
        desired: the host.
        session: the host's.
        options: what the caller decides.
        origin: who has it carried out.
        seen: is given the facts that the plan is made from.
    """
    request = observe_request(desired.state)
    nothing = Plan(desired.name, options.run_id, request, origin=origin)
    facts, recovered = settled_facts(session, nothing, partial(look, desired))
    seen(facts)
    plan = replace(make_plan(desired.name, desired.state, facts, options), origin=origin)
    return replace(HostReport.of_plan(plan), recovered=recovered)


def settled_facts(session: Session, nothing: Plan, look_at: Look = observe) -> tuple[Facts, tuple[RecoveredRun, ...]]:
    """The facts of a host on which no run is without an end, and the runs that were brought to theirs for it.

    Args:
        session: the host's.
        nothing: a plan without changes; carrying it out recovers and leaves no record.
        look_at: the visit that reads.

    Raises:
        Locked: CA4001 a run is under way, CA4005 one waits for its confirmation.
        HostError: CA4006, CA4007 its journal says nothing to this program; or a visit failed.
    """
    facts = look_at(session, nothing.observe)
    if facts.open_run is None:
        return facts, ()
    outcome = apply(session, nothing.to_json())
    error = outcome_error(outcome)
    if error is not None:
        raise error
    # What an apply brings home is without records and certificates.
    whole = nothing.observe.run is None and facts.certificates is None
    return (outcome.facts if whole else None) or look_at(session, nothing.observe), outcome.recovered


def apply_plan(
    plan: Plan, session: Session, desired: HostState | None = None, confirmation: Confirmation | None = None
) -> HostReport:
    """Carries the changes of a plan out and says what became of it; a plan without changes makes no visit.

    What follows them, preferences and renewals, is left to `renewing.carry_on`.

    Args:
        plan: from prepare_host or a plan file.
        session: the host's.
        desired: what is declared now; given, the facts the visit brings back are held against it.
        confirmation: of a plan with `confirm_seconds`; by default the visit that confirms is the proof.
    """
    if not plan.changes:
        return HostReport.of_plan(plan)
    try:
        if plan.confirm_seconds is None:
            outcome = apply(session, plan.to_json())
        else:
            outcome = apply_confirmed(plan, session, confirmation or Confirmation())
    except HostError as error:
        return HostReport.of_error(plan.host, error, plan)
    # A backup takes the database's place once: no fact says so afterwards, only the outcome.
    lasting = replace(desired, data_backup=None) if desired else None
    remaining = differences(lasting, outcome.facts) if lasting and outcome.facts else ()
    return HostReport.of_outcome(plan, replace(outcome, facts=None), remaining)


def reconcile(
    desired: DesiredHost,
    session: Session,
    options: PlanOptions,
    origin: Origin = NOBODY,
    confirmation: Confirmation | None = None,
) -> HostReport:
    """Makes the host as declared, in two visits where nothing is to be finished or confirmed, and proves it.

    Preferences and renewals take a third one. The limits of certification authorities are not looked at here: they
    are counted over many hosts, by `fleet.runs.Ledger`.

    Args:
        desired: the host.
        session: the host's.
        options: without `allow_lockout`, no change is made that could cut the host off.
        origin: who has it carried out, from which commit.
        confirmation: as for apply_plan; a host that is reached locally needs one with a person.

    Raises:
        HostError: it could not be looked at, so nothing declared was done.
    """
    planned = prepare_host(desired, session, options, origin)
    if planned.plan is None or not planned.plan.acts:
        return planned
    report = apply_plan(planned.plan, session, desired.state, confirmation)
    report = carry_on(report, session, Renewing(desired.connection.api_caller, options.renewal_seconds))
    return replace(report, recovered=(*planned.recovered, *report.recovered))
