"""The visit after a run: preferences and renewals to Renew.ps1, and what became of them back."""

from __future__ import annotations

from dataclasses import replace

from certify_automation import onhost
from certify_automation.errors import OutcomeUnknown
from certify_automation.model.codec import renewed_from_json
from certify_automation.model.renewal import Renewed
from certify_automation.model.renewal_request import RenewRequest
from certify_automation.remote.contract import decoded
from certify_automation.remote.session import Deadlines, Session

_HINT = (
    "look at the host with `certs`: what was attempted meanwhile is left alone until retry_after and the product's own "
    "back-off are over, and it says when that is"
)


def renew(session: Session, request: RenewRequest) -> Renewed:
    """Have the product set preferences and request certificates, once.

    Args:
        session: the host's, made with `waiting` deadlines: what is still under way when the visit's time is over is
            reported as such.
        request: what is to be done; certificates of one host, at most 50.

    Returns:
        What became of each. A refusal of the host (locked, API without an answer) and a renewal that failed are
        values, not errors.

    Raises:
        OutcomeUnknown: it was sent and no answer came back: certificates may be under way, and nothing is repeated.
        HostError: as `Session.run`; ProtocolError CA2094, CA2095 when the answer is not of the contract.
    """
    try:
        value = session.run(onhost.script("Renew"), request.to_json(), acts=True)
    except OutcomeUnknown as error:
        sent = f"{error.message}; sent was run {request.run_id}: {_summary(request)}"
        raise OutcomeUnknown(
            error.id, f"{sent}; it may be under way, and nothing of it is requested again", hint=_HINT
        ) from error
    return decoded(value, "renewed.schema.json", renewed_from_json)


def waiting(deadlines: Deadlines, seconds: float) -> Deadlines:
    """The deadlines of a visit that waits so long for certificates and reads everything before and after."""
    return replace(deadlines, act=max(deadlines.act, seconds + deadlines.read + deadlines.undo + deadlines.start))


def _summary(request: RenewRequest) -> str:
    preferences = [f"preference {change.name}" for change in request.preferences]
    return ", ".join([*preferences, *(f"renewal of {change.name}" for change in request.renewals)]) or "nothing"
