"""One visit that reads: Observe.ps1 to Facts."""

from __future__ import annotations

from certify_automation import onhost
from certify_automation.model.codec import facts_from_json
from certify_automation.model.facts import Facts
from certify_automation.model.plan import ObserveRequest
from certify_automation.remote.contract import decoded
from certify_automation.remote.session import Session


def observe(session: Session, request: ObserveRequest) -> Facts:
    """What the host is like now; nothing is written there.

    Raises:
        HostError: as `Session.run`; ProtocolError CA2094, CA2095 when the answer is not Facts.
    """
    value = session.run(onhost.script("Observe"), request.to_json(), acts=False)
    return decoded(value, "facts.schema.json", facts_from_json)
