"""One host: its certificates looked at, and what it is to request of them now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from certify_automation.desired import DesiredHost
from certify_automation.errors import HostError
from certify_automation.guard.requests import CertificateRequest
from certify_automation.model.certificate import CertificateInventory
from certify_automation.model.facts import Facts
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Origin
from certify_automation.model.renewal import Hold, Renewed
from certify_automation.model.renewal_errors import renewed_error
from certify_automation.model.step import Failure
from certify_automation.observing import look_at_certificates
from certify_automation.plan import PlanOptions, RequestTerms, api_failure, make_request_plan, observe_request
from certify_automation.remote import Session
from certify_automation.renewal import authority_of

_LATER = frozenset({Hold.MAX_PER_RUN, Hold.WINDOW})
"""What waits for these reasons is requested by the same run when it goes on."""
_IN_THE_WAY = frozenset({Hold.RUNNING, Hold.PAUSED, Hold.STALLED})
"""So is what waits for these, where it does not matter what is due."""


@dataclass(frozen=True, slots=True)
class Requesting:
    """How a command has hosts request certificates.

    Attributes:
        options: with the run's id.
        terms: what is asked for.
        origin: who has it carried out.
    """

    options: PlanOptions
    terms: RequestTerms
    origin: Origin


@dataclass(frozen=True, slots=True)
class Requested:
    """What a host is to request.

    Attributes:
        report: with the plan, whose renewals follow no change or a restart of the service.
        waiting: what the run would request of this host later.
        facts: that it was planned from.
    """

    report: HostReport
    waiting: tuple[CertificateRequest, ...]
    facts: Facts


def request_host(
    desired: DesiredHost, session: Session, how: Requesting, seen: Callable[[Facts], None] = lambda _: None
) -> Requested:
    """What this host would request now; nothing is written there. `renewing.renew_host` carries it out.

    Args:
        desired: the host; its declared renewals say what is requested, or else the product's own rule does.
        session: the host's.
        how: what is asked for.
        seen: is given the facts that the plan is made from.

    Raises:
        HostError: the visit failed, or the product's API did not say what there is (CA3076 to CA3080).
        Locked: CA4102 a run on this host has no end.
    """
    facts = look_at_certificates(desired, session)
    seen(facts)
    if facts.open_run is not None:
        without_end = Failure("awaiting", f"{facts.open_run.run_id} by {facts.open_run.by or 'somebody'}")
        error = renewed_error((), Renewed(how.options.run_id, refusal=without_end))
        if error is not None:
            raise error
    problem = api_failure(facts, observe_request(desired.state).endpoint)
    if problem is not None:
        raise HostError(problem.id, f"certificates are not known: {problem.message}", hint=problem.hint)
    plan = make_request_plan(desired.name, desired.state, facts, how.options, how.terms)
    report = HostReport.of_plan(replace(plan, origin=how.origin))
    later = _LATER | _IN_THE_WAY if how.terms.wanted.forced else _LATER
    held = frozenset(held.id for held in plan.held if held.hold in later)
    return Requested(report, _requests(desired.name, facts.certificates, held), facts)


def _requests(host: str, found: CertificateInventory | None, ids: frozenset[str]) -> tuple[CertificateRequest, ...]:
    if found is None or found.certificates is None or found.preferences is None:
        return ()
    return tuple(
        CertificateRequest(
            host,
            one.id,
            one.name,
            authority_of(one, found.preferences),
            one.staging,
            one.identifiers,
            one.thumbprint,
            one.attempted_utc_ms,
        )
        for one in found.certificates
        if one.id in ids
    )
