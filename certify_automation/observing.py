"""One visit that reads a host, with all that its declaration needs to be compared."""

from __future__ import annotations

from secrets import token_hex

from certify_automation.desired import DesiredHost
from certify_automation.model.facts import Facts
from certify_automation.model.plan import ObserveRequest
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
