"""One visit that reads a host, with all that its declaration needs to be compared."""

from __future__ import annotations

from secrets import token_hex

from certify_automation.desired import DesiredHost
from certify_automation.model.facts import Facts
from certify_automation.model.plan import ObserveRequest
from certify_automation.plan import observe_request
from certify_automation.remote import Session
from certify_automation.remote.inventory import take_inventory
from certify_automation.remote.observe import observe


def look(desired: DesiredHost, session: Session, request: ObserveRequest) -> Facts:
    """What the host is like now; the product's API is asked for preferences and certificates where any are declared.

    Raises:
        HostError: the visit failed.
    """
    if not desired.state.concerns_certificates:
        return observe(session, request)
    return take_inventory(session, request, desired.connection.api_caller, task=token_hex(16))


def look_at_certificates(desired: DesiredHost, session: Session, *, tls: bool = False) -> Facts:
    """What the host is like now, with its certificates, whatever is declared for it.

    Args:
        desired: the host; the API is asked at its declared endpoint, or else at the product's default.
        session: the host's.
        tls: whether the computer's certificate stores and bindings come along.

    Raises:
        HostError: the visit failed.
    """
    request = observe_request(desired.state)
    return take_inventory(session, request, desired.connection.api_caller, task=token_hex(16), tls=tls)
