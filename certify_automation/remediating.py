"""One host, its findings ended as far as that can be done from here: examine, finish what was cut off, plan."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from certify_automation.desired import DesiredHost, contradictions
from certify_automation.doctor import diagnose
from certify_automation.errors import Problem, UsageError
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import ObserveRequest, Origin, Plan
from certify_automation.plan import PlanOptions, observe_request
from certify_automation.reconcile import NOBODY, settled_facts
from certify_automation.remediation import Allowed, Remedied, remedied, remedy_plan
from certify_automation.remote import Session
from certify_automation.remote.examine import examine


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for on a host.

    Attributes:
        allowed: by the caller; the options of its plan say the same.
        only: ids of the findings to end, with what follows from them; empty = all.
    """

    allowed: Allowed = field(default_factory=Allowed)
    only: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Remediation:
    """What becomes of one host's findings.

    Attributes:
        report: with the plan; its error is CA1282 where a remedy is declared otherwise.
        remedy: what ends, and what is left.
    """

    report: HostReport
    remedy: Remedied


def prepare_remedy(
    desired: DesiredHost, session: Session, options: PlanOptions, wanted: Wanted, origin: Origin = NOBODY
) -> Remediation:
    """What a host has to do for its findings to end; a run that was cut off there is brought to its end first.

    `apply_plan` carries the plan out.

    Args:
        desired: the host; what is declared counts wherever something is.
        session: the host's.
        options: what the caller decides.
        wanted: what is to end.
        origin: who has it carried out.

    Raises:
        HostError: the visit failed.
    """

    def look(session: Session, request: ObserveRequest) -> Facts:
        return examine(session, request, desired.connection.api_caller)

    nothing = Plan(desired.name, options.run_id, observe_request(desired.state), origin=origin)
    facts, recovered = settled_facts(session, nothing, look)
    findings = diagnose(facts, desired.state, options.now_utc_ms)
    remedy = remedied(findings, facts, desired.state, wanted.allowed, wanted.only)
    otherwise = contradictions(desired, remedy.state)
    if otherwise:
        left = _none_of(remedy, "what ends it is declared otherwise")
        return Remediation(HostReport.of_error(desired.name, declared_otherwise(otherwise)), left)
    plan = replace(remedy_plan(desired.name, remedy, facts, options), origin=origin)
    report = replace(HostReport.of_plan(plan), recovered=recovered)
    if plan.refusals:
        remedy = _none_of(remedy, f"what ends it is refused: {', '.join(one.id for one in plan.refusals)}")
    return Remediation(report, remedy)


def _none_of(remedy: Remedied, reason: str) -> Remedied:
    """The same findings, all of them left."""
    return Remedied(HostState(), left=(*((one, reason) for one in remedy.mended), *remedy.left))


def declared_otherwise(problems: tuple[Problem, ...]) -> UsageError:
    """The problems of one host as its error, each with its place."""
    places = "; ".join(f"{one.position}: {one.message}" if one.position else one.message for one in problems)
    return UsageError(problems[0].id, places, hint=problems[0].hint)
