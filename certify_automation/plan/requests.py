"""A plan that has a host renew certificates and makes nothing else as declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from certify_automation.diff import compare, listening_elsewhere, observe_request
from certify_automation.evidence import answers, probe
from certify_automation.model.certificate import CertificateInventory, ManagedCertificate
from certify_automation.model.change import ServiceRestart
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.plan import ObserveRequest, Plan, Refusal
from certify_automation.model.renewal import CertificateRenew, Held, Hold, RenewalPolicy
from certify_automation.plan.following import Following, stall_warning
from certify_automation.plan.planner import plan_of
from certify_automation.plan.situation import PlanOptions, Situation
from certify_automation.plan.warnings import clock_warnings
from certify_automation.renewal import Choice, Stall, Wanted, choose, stalled


@dataclass(frozen=True, slots=True)
class RequestTerms:
    """What a command that renews asks for.

    Attributes:
        wanted: beyond the declared policy.
        restart_stalled: a service whose renewals stand still is restarted first.
        unless_moved: id -> the thumbprint an item must still have; one that has another is not requested.
        unless_attempted: id -> when an item that may have been requested since was last attempted before that; one that
            has been attempted since, and is at rest, is not requested.
    """

    wanted: Wanted = field(default_factory=Wanted)
    restart_stalled: bool = False
    unless_moved: Mapping[str, str | None] = field(default_factory=dict)
    unless_attempted: Mapping[str, int | None] = field(default_factory=dict)


def make_request_plan(host: str, desired: HostState, facts: Facts, options: PlanOptions, terms: RequestTerms) -> Plan:
    """What this host is to request now, by its declared policy, or else by the product's own rule.

    Where the product's renewals stand still nothing would become of a request: the plan is refused (CA3083), or
    restarts the service first.
    """
    found = facts.certificates or CertificateInventory("caller")
    now = facts.host.clock_utc_ms
    choice = choose(host, desired.renewals or RenewalPolicy(), found, terms.wanted, now)
    choice = _unmoved(choice, found.certificates or (), terms)
    stall = stalled(found, now) if choice.renew else None
    clock = () if options.now_utc_ms is None else tuple(clock_warnings(facts, options.now_utc_ms, judges=True))
    choice = replace(choice, warnings=(*clock, *choice.warnings))
    asked = _asked(desired, facts)
    plan = Plan(host, options.run_id, asked, warnings=choice.warnings, after_commit=choice.renew, held=choice.held)
    if stall is None:
        return plan
    if not terms.restart_stalled:
        return _refused(plan, stall)
    return _restarted(Situation(host, compare(host, HostState(), facts), facts, options), asked, choice, stall)


def _asked(desired: HostState, facts: Facts) -> ObserveRequest:
    """Where the API is asked: as declared, or else where it is; a host's own file may have it listen anywhere."""
    asked = observe_request(desired)
    if desired.endpoint is not None or answers(probe(facts, asked.endpoint.url)):
        return asked
    return listening_elsewhere(asked, facts) or asked


def _refused(plan: Plan, stall: Stall) -> Plan:
    number = len(plan.after_commit)
    refusal = Refusal(
        "CA3083",
        f"the product seems to have stopped renewing while its API answers: {'; '.join(stall.evidence)}",
        f"nothing would become of {number} request{'' if number == 1 else 's'}: `renew --restart-stalled` restarts the "
        "service first",
        by_policy=True,
    )
    waits = _stalled([change for change in plan.after_commit if isinstance(change, CertificateRenew)])
    return replace(plan, after_commit=(), held=(*waits, *plan.held), refusals=(refusal,))


def _restarted(at: Situation, asked: ObserveRequest, choice: Choice, stall: Stall) -> Plan:
    service = at.facts.service
    following = Following(choice.renew, choice.held, (stall_warning(stall), *choice.warnings))
    changes = (ServiceRestart(service.name),) if service is not None else ()
    plan = plan_of(replace(at, changes=changes), lambda _: following)
    held = (*_stalled(choice.renew), *plan.held) if plan.refusals else plan.held
    return replace(plan, observe=asked, held=held)


def _stalled(renewals: Iterable[CertificateRenew]) -> Iterator[Held]:
    text = "the product begins with nothing it is asked until its service is restarted"
    for one in renewals:
        yield Held(one.id, one.name, Hold.STALLED, f"{one.reason}; {text}")


def _unmoved(choice: Choice, found: Iterable[ManagedCertificate], terms: RequestTerms) -> Choice:
    gone = {one.id for one in found if _moved(one, terms)}
    renew = tuple(one for one in choice.renew if one.id not in gone)
    return replace(choice, renew=renew, held=tuple(one for one in choice.held if one.id not in gone))


def _moved(item: ManagedCertificate, terms: RequestTerms) -> bool:
    if item.id in terms.unless_moved and item.thumbprint != terms.unless_moved[item.id]:
        return True
    attempted = item.attempted_utc_ms
    return not item.under_way and attempted != terms.unless_attempted.get(item.id, attempted)
