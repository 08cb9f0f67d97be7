"""Visits that act: a plan, or a word on a run that waits, to the scripts that act, and an Outcome back."""

from __future__ import annotations

from collections.abc import Mapping

from certify_automation import onhost
from certify_automation.errors import OutcomeUnknown
from certify_automation.model.codec import outcome_from_json
from certify_automation.model.outcome import Outcome
from certify_automation.model.plan import ObserveRequest
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
    return _visit(session, {"verb": "apply", "plan": plan}, _summary(plan))


def confirm(session: Session, run_id: str, observe: ObserveRequest) -> Outcome:
    """Keep what a run that waits for its confirmation has done; may be repeated, whatever became of the last time.

    Returns:
        `applied`; or the recorded outcome of a run that has ended meanwhile (`repeated`), or a refusal.

    Raises:
        HostError: as `apply`.
    """
    return _visit(session, _word("confirm", run_id, observe), f"the confirmation of run {run_id}")


def undo(session: Session, run_id: str, observe: ObserveRequest) -> Outcome:
    """Take back at once what a run that waits for its confirmation has done; may be repeated.

    Returns:
        As `confirm`; `rolled_back` when it was taken back.

    Raises:
        HostError: as `apply`.
    """
    return _visit(session, _word("undo", run_id, observe), f"the undo of run {run_id}")


def _word(verb: str, run_id: str, observe: ObserveRequest) -> Mapping[str, object]:
    return {"verb": verb, "run_id": run_id, "observe": observe.to_json()}


def _visit(session: Session, parameters: Mapping[str, object], sent: str) -> Outcome:
    try:
        value = session.run(onhost.acting_script(parameters), parameters, acts=True)
    except OutcomeUnknown as error:
        raise OutcomeUnknown(error.id, f"{error.message}; sent was {sent}", hint=error.hint) from error
    return decoded(value, "outcome.schema.json", outcome_from_json)


def _summary(plan: Mapping[str, object]) -> str:
    changes = plan.get("changes")
    kinds = [str(change["kind"]) for change in changes] if isinstance(changes, list | tuple) else []
    return f"run {plan.get('run_id')}: {', '.join(kinds) or 'no change'}"
