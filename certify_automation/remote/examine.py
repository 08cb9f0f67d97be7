"""One visit that finds out whatever may be wrong: Examine.ps1 to Facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify_automation import onhost
from certify_automation.errors import ProtocolError
from certify_automation.model.codec import facts_from_json
from certify_automation.model.facts import Facts
from certify_automation.model.host import ApiAccess
from certify_automation.model.plan import ObserveRequest
from certify_automation.model.renewal_request import ApiQuestion
from certify_automation.remote.contract import decoded
from certify_automation.remote.session import Session


def examine(session: Session, request: ObserveRequest, access: ApiAccess) -> Facts:
    """What the host is like now, with `certificates` and `examination`; arguments and errors as of `examine_raw`."""
    return examine_raw(session, request, access)[0]


def examine_raw(session: Session, request: ObserveRequest, access: ApiAccess) -> tuple[Facts, Mapping[str, Any]]:
    """The same, and the JSON in which it came, which follows facts.schema.json and may be kept.

    Args:
        session: the host's; nothing lasts there.
        request: as for `observe`; its endpoint is the first that is asked.
        access: who asks the API, `Connection.api_caller`.

    Raises:
        HostError: as `Session.run`; ProtocolError CA2094, CA2095 when the answer is not Facts, CA2097 when a part is
            missing.
    """
    parameters = {"observe": request.to_json(), "certificates": ApiQuestion(access, tls=False).to_json()}
    value = session.run(onhost.script("Examine"), parameters, acts=False)
    facts = decoded(value, "facts.schema.json", facts_from_json)
    if facts.certificates is None or facts.examination is None:
        raise ProtocolError("CA2097", "the host's answer lacks what an examination was to find out")
    return facts, value
