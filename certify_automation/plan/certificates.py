"""Preferences and renewals: what follows a run on a host, what of it waits, and what could not be judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from certify_automation.diff import failure_text, preference_changes
from certify_automation.errors import Problem
from certify_automation.model.renewal import AfterCommit, Held
from certify_automation.plan.problems import warning
from certify_automation.plan.situation import Situation

_LATER = "plan again once this plan has been applied"
_FAILURES = {
    "unreachable": ("CA3076", "see whether the service runs and listens at the declared address"),
    "refused": (
        "CA3077",
        (
            "the API takes members of Administrators with a logon of their own: let `api_access` be `task`, and see in "
            "the product's access settings who may use its API"
        ),
    ),
    "status": ("CA3078", "see the product's logs"),
    "answer": ("CA3079", "something else than the product answers there: see who owns the port, and any proxy"),
    "task": (
        "CA3080",
        (
            "see on the host whether the Task Scheduler runs, and what policy says about tasks and PowerShell; where the "
            "visit's own logon may ask (CredSSP), `api_access: caller` needs no task"
        ),
    ),
}
_UNREADABLE_ROW = (
    "an item in the product's data store that cannot be read makes every list fail: docs/certificates.md says how it "
    "is found; the service has to be restarted afterwards"
)


@dataclass(frozen=True, slots=True)
class Following:
    """What follows a run.

    Attributes:
        changes: preferences first, then renewals, most urgent first.
        held: certificates that are due or failing and wait.
    """

    changes: tuple[AfterCommit, ...] = ()
    held: tuple[Held, ...] = ()
    warnings: tuple[Problem, ...] = ()


def following(at: Situation) -> Following:
    """What the declaration asks of the product, once the changes are made; judged by the host's own clock."""
    warnings = tuple(_unjudged(at))
    return Following(preference_changes(at.desired, at.facts), (), warnings)


def _unjudged(at: Situation) -> Iterator[Problem]:
    found = at.facts.certificates
    if found is None or found.failure is None or not at.desired.concerns_certificates:
        return
    failure = found.failure
    number, hint = _FAILURES.get(failure.code, _FAILURES["status"])
    if at.starts:
        hint = _LATER
    elif failure.code == "status" and found.preferences is not None:
        hint = _UNREADABLE_ROW
    names = "preferences and renewals" if found.preferences is None else "renewals"
    yield warning(number, f"{names} cannot be judged: {failure_text(failure)}", hint)
