"""The certificates of a host and why each is or is not due; what endpoints serve, held against what is managed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify_automation.desired import DesiredHost
from certify_automation.errors import HostError, Problem
from certify_automation.model.certificate import CertificateInventory
from certify_automation.model.endpoint import Target
from certify_automation.model.facts import Facts
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.renewal import Served
from certify_automation.observing import look_at_certificates
from certify_automation.plan import api_failure, clock_warnings, observe_request, stall_warning
from certify_automation.remote import Session
from certify_automation.remote.endpoint import Patience, look_at_endpoints
from certify_automation.renewal import Filters, Listing, Stall, listing, stalled
from certify_automation.verify import Judgement, Roots, judge

_ALL = Filters()
_USUAL = Patience()


@dataclass(frozen=True, slots=True)
class HostCertificates:
    """What one visit learned of a host's certificates.

    Attributes:
        report: FAILED when the product's API did not say what there is.
        listing: empty then.
        clock_utc_ms: of the host; what is due is judged by it.
        access: who asked the API: `caller`, or a `task` of SYSTEM.
        stall: the product renews nothing any more; None = there is no evidence of that.
        warnings: about the host, the product's preferences and the declared policy.
    """

    report: HostReport
    listing: Listing
    clock_utc_ms: int
    access: str
    stall: Stall | None = None
    warnings: tuple[Problem, ...] = ()


def certificates_host(
    desired: DesiredHost, session: Session, filters: Filters = _ALL, now_utc_ms: int | None = None
) -> HostCertificates:
    """One visit that reads, and the certificates there, the most urgent first.

    Args:
        desired: the host; its declared renewals say what is requested when.
        session: the host's.
        filters: which certificates are asked for.
        now_utc_ms: of the caller, compared with the host's clock; None = not compared.

    Raises:
        HostError: the visit failed.
    """
    facts = look_at_certificates(desired, session)
    found, now = _inventory(facts), facts.host.clock_utc_ms
    listed, stall = listing(desired.name, desired.state.renewals, found, filters, now), stalled(found, now)
    warnings = [] if now_utc_ms is None else [*clock_warnings(facts, now_utc_ms, judges=True)]
    if stall is not None:
        warnings.append(stall_warning(stall))
    return HostCertificates(_report(desired, facts), listed, now, found.access, stall, (*warnings, *listed.warnings))


def served_host(desired: DesiredHost, session: Session) -> tuple[HostReport, CertificateInventory]:
    """One visit that reads, and what the endpoints of the host can be held against: its certificates and bindings.

    Raises:
        HostError: the visit failed.
    """
    facts = look_at_certificates(desired, session, tls=True)
    return _report(desired, facts), _inventory(facts)


def _inventory(facts: Facts) -> CertificateInventory:
    return facts.certificates or CertificateInventory("caller")


def _report(desired: DesiredHost, facts: Facts) -> HostReport:
    problem = api_failure(facts, observe_request(desired.state).endpoint)
    if problem is None:
        return HostReport(desired.name, HostStatus.OK)
    error = HostError(problem.id, f"certificates are not known: {problem.message}", hint=problem.hint)
    return HostReport.of_error(desired.name, error)


@dataclass(frozen=True, slots=True)
class Expected:
    """An endpoint that is to serve a certificate.

    Attributes:
        host: that it is declared for; empty = for none.
        inventory: of the host, with `tls`; None = it could not be looked at.
    """

    host: str
    served: Served
    inventory: CertificateInventory | None = None


def verify_endpoints(
    expected: Sequence[Expected], roots: Roots, now_utc_ms: int, patience: Patience = _USUAL
) -> tuple[Judgement, ...]:
    """What endpoints serve, seen from this computer, and the verdict on each, in their order.

    Each is looked at once, however many declarations name it.

    Args:
        expected: which endpoints, and what they are to serve.
        roots: who is trusted.
        now_utc_ms: of this computer.
        patience: how many at the same time, and for how long.
    """
    targets = list(dict.fromkeys(_target(one.served) for one in expected))
    shown = dict(zip(targets, look_at_endpoints(targets, patience), strict=True))
    return tuple(judge(one.served, shown[_target(one.served)], one.inventory, roots, now_utc_ms) for one in expected)


def _target(served: Served) -> Target:
    return Target(served.host, served.port, served.sni)
