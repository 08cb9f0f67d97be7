"""Preferences and renewals: what follows a run on a host, what of it waits, and what could not be judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from certify_automation.diff import failure_text, preference_changes
from certify_automation.errors import Problem
from certify_automation.evidence import probe
from certify_automation.model.facts import Facts
from certify_automation.model.host import ApiAccess, Endpoint
from certify_automation.model.renewal import AfterCommit, Held
from certify_automation.plan.problems import warning
from certify_automation.plan.situation import Situation
from certify_automation.renewal import Choice, Stall, Wanted, choose, stalled

_OK = 200
_LATER = "plan again once this plan has been applied"
_FAILURES = {
    "unreachable": ("CA3076", "see whether the service runs and listens at the declared address"),
    "refused": ("CA3077", "let `api_access` be `task`: the API takes no logon over the network, but it takes SYSTEM"),
    "status": ("CA3078", "see the product's logs"),
    "answer": ("CA3079", "something else than the product answers there: see who owns the port, and any proxy"),
    "task": (
        "CA3080",
        (
            "see on the host whether the Task Scheduler runs, and what policy says about tasks and PowerShell; where "
            "the visit's own logon may ask (CredSSP), `api_access: caller` needs no task"
        ),
    ),
}
_NO_RIGHTS = (
    "the API says its version to whoever asked, and nothing else: that account is no administrator; let `api_access` "
    "be `task`, or see who may use the product's API"
)
_SYSTEM_REFUSED = "SYSTEM itself was refused: see who may use the product's API, and whether it is the product's"
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
    preferences, chosen = preference_changes(at.desired, at.facts), _chosen(at)
    warnings = (*_unjudged(at), *_stalled(at), *chosen.warnings)
    wanted: tuple[AfterCommit, ...] = (*preferences, *chosen.renew)
    if wanted and at.stops:
        stopped = warning(
            "CA3082",
            "the service is to be stopped, so no preference is set and no certificate renewed",
            "the product has to run for that: declare service.state: running, or none",
        )
        return Following((), chosen.held, (*warnings, stopped))
    return Following(wanted, chosen.held, warnings)


def _chosen(at: Situation) -> Choice:
    found, policy = at.facts.certificates, at.desired.renewals
    if found is None or policy is None:
        return Choice()
    if found.preferences is not None:  # the declared ones are in force by then
        found = replace(found, preferences={**found.preferences, **(at.desired.preferences or {})})
    return choose(at.host, policy, found, Wanted(), at.facts.host.clock_utc_ms)


def _stalled(at: Situation) -> Iterator[Problem]:
    found = at.facts.certificates
    stall = stalled(found, at.facts.host.clock_utc_ms) if found is not None else None
    if stall is not None and not at.options.restart:
        yield stall_warning(stall)


def stall_warning(stall: Stall) -> Problem:
    """That the product renews nothing by itself any more (CA3081)."""
    return warning(
        "CA3081",
        f"the product seems to have stopped renewing while its API answers: {'; '.join(stall.evidence)}",
        "restart the service when no request is under way, or have `renew --restart-stalled` do so: until then the "
        "product begins with nothing it is asked",
    )


def _unjudged(at: Situation) -> Iterator[Problem]:
    found, problem = at.facts.certificates, api_failure(at.facts, at.endpoint)
    if found is None or problem is None or not at.desired.concerns_certificates:
        return
    names = "preferences and renewals" if found.preferences is None else "renewals"
    hint = _LATER if at.starts or at.touches_listeners else problem.hint
    yield warning(problem.id, f"{names} cannot be judged: {problem.message}", hint)


def api_failure(facts: Facts, asked: Endpoint) -> Problem | None:
    """Why the product's API did not say all that it was asked (CA3076 to CA3080), and what to do; None = it did."""
    found = facts.certificates
    if found is None or found.failure is None:
        return None
    failure, api = found.failure, probe(facts, asked.url)
    number, hint = _FAILURES.get(failure.code, _FAILURES["status"])
    if failure.code == "refused" and found.access == ApiAccess.TASK:
        hint = _SYSTEM_REFUSED
    elif failure.code == "refused" and api is not None and api.status == _OK:
        hint = _NO_RIGHTS
    elif failure.code == "status" and found.preferences is not None:
        hint = _UNREADABLE_ROW
    return warning(number, failure_text(failure), hint)
