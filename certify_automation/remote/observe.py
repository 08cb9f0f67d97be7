"""One visit that reads: Observe.ps1 to Facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certify_automation import onhost
from certify_automation.model.codec import facts_from_json
from certify_automation.model.facts import Facts
from certify_automation.model.host import Endpoint
from certify_automation.remote.contract import decoded
from certify_automation.remote.session import Session


@dataclass(frozen=True, slots=True)
class ObserveRequest:
    """What a visit shall look at besides what it always does.

    Attributes:
        endpoint: where the API is asked whether it answers.
        ports: whose TCP listeners are reported.
    """

    endpoint: Endpoint
    ports: tuple[int, ...]

    def parameters(self) -> Mapping[str, object]:
        """As docs/contract.md describes Observe's parameters; also `observe` of a plan."""
        endpoint = {"host": self.endpoint.host, "port": self.endpoint.port, "https": self.endpoint.https}
        return {"endpoint": endpoint, "ports": list(self.ports)}


def observe(session: Session, request: ObserveRequest) -> Facts:
    """What the host is like now; nothing is written there.

    Raises:
        HostError: as `Session.run`; ProtocolError CA2094, CA2095 when the answer is not Facts.
    """
    value = session.run(onhost.script("Observe"), request.parameters(), acts=False)
    return decoded(value, "facts.schema.json", facts_from_json)
