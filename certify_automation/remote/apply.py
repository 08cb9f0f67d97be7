"""One visit that acts: a plan and Apply.ps1 to an Outcome."""

from __future__ import annotations

from collections.abc import Mapping

from certify_automation import onhost
from certify_automation.errors import OutcomeUnknown
from certify_automation.model.codec import outcome_from_json
from certify_automation.model.outcome import Outcome
from certify_automation.remote.contract import decoded
from certify_automation.remote.session import Session


def apply(session: Session, plan: Mapping[str, object]) -> Outcome:
    """Carry a plan out on its host, once.

    Args:
        session: the host's.
        plan: as plan.schema.json describes it.

    Returns:
        What became of it. A refusal of the host (stale, locked, port owned) and a roll-back are outcomes, not errors.

    Raises:
        OutcomeUnknown: it was sent and no answer came back; the message lists what was sent.
        HostError: as `Session.run`; ProtocolError CA2094, CA2095 when the answer is not an Outcome.
    """
    try:
        value = session.run(onhost.script("Apply"), plan, acts=True)
    except OutcomeUnknown as error:
        raise OutcomeUnknown(error.id, f"{error.message}; sent was {_summary(plan)}", hint=error.hint) from error
    return decoded(value, "outcome.schema.json", outcome_from_json)


def _summary(plan: Mapping[str, object]) -> str:
    changes = plan.get("changes")
    kinds = [str(change["kind"]) for change in changes] if isinstance(changes, list | tuple) else []
    return f"run {plan.get('run_id')}: {', '.join(kinds) or 'no change'}"
