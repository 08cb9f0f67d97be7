"""One visit that reads a host, with all that its declaration needs to be compared."""

from __future__ import annotations

from certify_automation.desired import DesiredHost
from certify_automation.diff import listening_elsewhere
from certify_automation.model.facts import Facts
from certify_automation.model.plan import ObserveRequest
from certify_automation.plan import observe_request
from certify_automation.remote import Session
from certify_automation.remote.inventory import take_inventory
from certify_automation.remote.observe import observe

_NOT_REACHED = "unreachable"


def look(desired: DesiredHost, session: Session, request: ObserveRequest) -> Facts:
    """What the host is like now; the product's API is asked for preferences and certificates where any are declared.

    Raises:
        HostError: the visit failed.
    """
    if not desired.state.concerns_certificates:
        return observe(session, request)
    return _inventory(desired, session, request)


def look_at_certificates(desired: DesiredHost, session: Session, *, tls: bool = False) -> Facts:
    """What the host is like now, with its certificates, whatever is declared for it.

    Args:
        desired: the host; the API is asked at its declared endpoint, or else where it is.
        session: the host's.
        tls: whether the computer's certificate stores and bindings come along.

    Raises:
        HostError: the visit failed.
    """
    return _inventory(desired, session, observe_request(desired.state), tls=tls)


def _inventory(desired: DesiredHost, session: Session, request: ObserveRequest, *, tls: bool = False) -> Facts:
    """One visit; a second one where nobody has declared where the API listens, and it is not the product's default."""
    access = desired.connection.api_caller
    facts = take_inventory(session, request, access, tls=tls)
    elsewhere = None if desired.state.endpoint is not None else _elsewhere(facts, request)
    return take_inventory(session, elsewhere, access, tls=tls) if elsewhere else facts


def _elsewhere(facts: Facts, asked: ObserveRequest) -> ObserveRequest | None:
    """The same question to the one endpoint at which the API listens, when it was not reached where it was asked."""
    failure = facts.certificates.failure if facts.certificates else None
    if failure is None or failure.code != _NOT_REACHED:
        return None
    return listening_elsewhere(asked, facts)
