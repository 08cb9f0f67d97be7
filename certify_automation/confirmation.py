"""A change that can cut the host off stays only when the host can still be reached after it ("commit confirmed").

The host puts everything back by itself unless it is told in time. It is told over a connection that begins after the
change: one that was there before may live on where no new one comes about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic, sleep
from typing import Protocol, TypeAlias

from certify_automation.errors import CertifyAutomationError, HostError, OutcomeUnknown, ProtocolError, Unreachable
from certify_automation.model.apply_errors import outcome_error
from certify_automation.model.outcome import Outcome, Result
from certify_automation.model.plan import ObserveRequest, Plan
from certify_automation.remote import Session
from certify_automation.remote.apply import apply, confirm, undo

_Word: TypeAlias = Callable[[Session, str, ObserveRequest], Outcome]
_TRY_AGAIN = (Unreachable, OutcomeUnknown, ProtocolError)
"""What may be over at the next attempt; a refused credential is never tried again: that could lock the account."""


class Person(Protocol):
    """Whoever confirms where no visit can."""

    def __call__(self, host: str, seconds: int, /) -> bool:
        """Whether this host, by its name, was confirmed within so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a host is asked what became of a run, in seconds.

    Attributes:
        act: what an apply may take of which nothing was heard.
        start: how long after an apply of which nothing was heard the host may not know of it yet.
        back: what the host may take to put everything back and be reachable again, once its own time is over.
        pause: before the second attempt; each further one waits twice as long, up to `longest_pause`.
    """

    act: float = 360.0
    start: float = 15.0
    back: float = 165.0
    pause: float = 0.5
    longest_pause: float = 5.0


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How the runs of this program are confirmed.

    Attributes:
        person: who confirms where a visit proves nothing, because it takes no network; None = the visit itself does.
        notice: takes a sentence for whoever waits, once for a host that does not answer at the first attempt.
    """

    person: Person | None = None
    patience: Patience = field(default_factory=Patience)
    notice: Callable[[str], None] = field(default=lambda _: None)


def apply_confirmed(plan: Plan, session: Session, confirmation: Confirmation) -> Outcome:
    """Carry out a plan that has `confirm_seconds`, and confirm it; its outcome is never `awaiting`.

    `rolled_back` with `not_confirmed`: the host has put everything back, by itself or because nobody confirmed.

    Raises:
        OutcomeUnknown: CA4033 the host did not answer until long after it must have put everything back, CA4034 it
            cannot be asked any more.
        HostError: as `remote.apply.apply`; nothing was changed.
    """
    patience, seconds = confirmation.patience, plan.confirm_seconds or 0
    try:
        first = apply(session, plan.to_json())
    except OutcomeUnknown:
        first = None
    if first is not None and first.result is not Result.AWAITING:
        return first
    keep = confirmation.person is None or (first is not None and confirmation.person(plan.host, seconds))
    now = monotonic()
    until, known = now + seconds + patience.back, now
    if first is None:  # it may be at work yet, or about to begin
        until, known = until + patience.act, now + patience.start
    asking = _Asking(plan, session, until, known)
    last = asking.until_answered(confirm if keep else undo, confirmation)
    return last if first is None else replace(last, recovered=(*first.recovered, *last.recovered))


@dataclass(frozen=True, slots=True)
class _Asking:
    """One run that waits, asked after until `until`; from `known` on the host must know of it (both monotonic)."""

    plan: Plan
    session: Session
    until: float
    known: float

    def until_answered(self, word: _Word, confirmation: Confirmation) -> Outcome:
        """Say the word until the host answers how the run has ended."""
        pause = confirmation.patience.pause
        outcome, why = self._answer(word)
        if outcome is None:
            confirmation.notice(self._waiting(why))
        while outcome is None:
            if monotonic() + pause > self.until:
                raise self._unknown("CA4033", why)
            sleep(pause)
            pause = min(2 * pause, confirmation.patience.longest_pause)
            outcome, why = self._answer(word)
        return outcome

    def _answer(self, word: _Word) -> tuple[Outcome | None, CertifyAutomationError | None]:
        try:
            outcome = word(self.session, self.plan.run_id, self.plan.observe)
        except _TRY_AGAIN as error:
            return None, error
        except HostError as error:
            raise self._unknown("CA4034", error) from error
        if outcome.refusal is None:
            return outcome, None
        passing = outcome.refusal.code == "locked" or (
            outcome.refusal.code == "unknown_run" and monotonic() < self.known
        )
        return (None if passing else outcome), outcome_error(outcome)

    def _waiting(self, why: CertifyAutomationError | None) -> str:
        plan = self.plan
        return (
            f"{plan.host} does not answer after the change ({why}); it puts everything back by itself"
            f" {plan.confirm_seconds} s after it, and is asked until it answers"
        )

    def _unknown(self, error_id: str, why: CertifyAutomationError | None) -> OutcomeUnknown:
        seconds = self.plan.confirm_seconds
        return OutcomeUnknown(
            error_id,
            f"run {self.plan.run_id} was not confirmed ({why}); the host puts everything back by itself {seconds} s"
            " after the change, and has not said so",
            hint="look at the host's console if it does not come back: what was changed and how it is undone by hand"
            " is in docs/safety.md",
        )
