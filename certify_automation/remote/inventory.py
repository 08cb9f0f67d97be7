"""One visit that reads preferences and certificates as well: Inventory.ps1 to Facts."""

from __future__ import annotations

from certify_automation import onhost
from certify_automation.errors import ProtocolError
from certify_automation.model.codec import facts_from_json
from certify_automation.model.facts import Facts
from certify_automation.model.host import ApiAccess
from certify_automation.model.plan import ObserveRequest
from certify_automation.model.renewal_request import ApiQuestion
from certify_automation.remote.contract import decoded
from certify_automation.remote.session import Session


def take_inventory(session: Session, request: ObserveRequest, access: ApiAccess, *, tls: bool = False) -> Facts:
    """What the host is like now, with `certificates`; nothing lasts there.

    Args:
        session: the host's.
        request: as for `observe`; its endpoint is the one asked.
        access: who asks the API, `Connection.api_caller`.
        tls: whether the computer's certificate stores and bindings come along.

    Returns:
        Facts whose `certificates` is there also when the API did not answer; it then says why.

    Raises:
        HostError: as `Session.run`; ProtocolError CA2094, CA2095 when the answer is not Facts, CA2096 when it says
            nothing of certificates.
    """
    parameters = {"observe": request.to_json(), "certificates": ApiQuestion(access, tls).to_json()}
    value = session.run(onhost.script("Inventory"), parameters, acts=False)
    facts = decoded(value, "facts.schema.json", facts_from_json)
    if facts.certificates is None:
        raise ProtocolError("CA2096", "the host's answer says nothing of certificates, which it was asked for")
    return facts
