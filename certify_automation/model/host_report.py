"""What became of one host in a run, small enough to keep for every host of a fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from certify_automation.errors import (
    AuthenticationRefused,
    CertifyAutomationError,
    Locked,
    NotTrusted,
    OutcomeUnknown,
    PlanRefused,
    PolicyRefused,
    Stale,
    Unreachable,
)
from certify_automation.model.apply_errors import outcome_error
from certify_automation.model.outcome import ExitCode, Outcome, RecoveredRun, Result
from certify_automation.model.plan import Difference, Plan
from certify_automation.model.renewal import CertificateRenew, Renewed
from certify_automation.model.renewal_errors import renewed_error


class HostStatus(StrEnum):
    """One word a host; the value is what is shown and stored."""

    OK = "ok"
    CHANGED = "changed"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    STALE = "stale"
    LOCKED = "locked"
    UNKNOWN = "unknown"
    NOT_RUN = "not_run"


_EXIT_CODES = {
    HostStatus.OK: ExitCode.DONE,
    HostStatus.UNREACHABLE: ExitCode.HOSTS_UNREACHABLE,
    HostStatus.FAILED: ExitCode.HOSTS_FAILED,
    HostStatus.ROLLED_BACK: ExitCode.ROLLED_BACK,
    HostStatus.STALE: ExitCode.STALE_PLAN,
    HostStatus.LOCKED: ExitCode.LOCK_HELD,
    HostStatus.UNKNOWN: ExitCode.HOSTS_FAILED,
    HostStatus.NOT_RUN: ExitCode.DONE,
}

_STATUS_OF_ERRORS: tuple[tuple[type[CertifyAutomationError], HostStatus], ...] = (
    (Unreachable, HostStatus.UNREACHABLE),
    (AuthenticationRefused, HostStatus.UNREACHABLE),
    (NotTrusted, HostStatus.UNREACHABLE),
    (PlanRefused, HostStatus.REFUSED),
    (PolicyRefused, HostStatus.REFUSED),
    (Stale, HostStatus.STALE),
    (Locked, HostStatus.LOCKED),
    (OutcomeUnknown, HostStatus.UNKNOWN),
)


@dataclass(frozen=True, slots=True)
class HostReport:
    """One host's line in the recap and everything that explains it.

    Attributes:
        status: CHANGED without an outcome and without `renewed` = would be changed (plan), with one = was changed.
        plan: None when the host did not get as far.
        outcome: the host's answer to the plan, without the facts afterwards.
        remaining: what was still not as declared after the apply.
        error: why the host stopped.
        recovered: earlier runs that had been cut off there and were brought to their end first.
        open_run: a run that has no end there, whatever the plan comes to: under way, cut off, or not confirmed yet.
        renewed: the host's answer to what follows the changes, without the facts afterwards. With an error of its own
            the outcome still stands: what was changed is kept.
    """

    host: str
    status: HostStatus
    plan: Plan | None = None
    outcome: Outcome | None = None
    remaining: tuple[Difference, ...] = ()
    error: CertifyAutomationError | None = None
    recovered: tuple[RecoveredRun, ...] = ()
    open_run: str | None = None
    renewed: Renewed | None = None

    @classmethod
    def of_error(cls, host: str, error: CertifyAutomationError, plan: Plan | None = None) -> HostReport:
        """The report of a host that stopped with this error; FAILED when no status of its own fits."""
        status = next((s for kind, s in _STATUS_OF_ERRORS if isinstance(error, kind)), HostStatus.FAILED)
        return cls(host, status, plan=plan, error=error)

    @classmethod
    def of_plan(cls, plan: Plan) -> HostReport:
        """The report of a plan that was not carried out: OK, CHANGED (it would be) or REFUSED."""
        if plan.refusals:
            # What no flag changes comes before what is held back by policy.
            first = min(plan.refusals, key=lambda refusal: refusal.by_policy)
            return cls(plan.host, HostStatus.REFUSED, plan, error=first.error())
        return cls(plan.host, HostStatus.CHANGED if plan.acts else HostStatus.OK, plan)

    @classmethod
    def of_outcome(cls, plan: Plan, outcome: Outcome, remaining: tuple[Difference, ...] = ()) -> HostReport:
        """The report of a plan that was carried out, or refused by the host when it was about to be."""
        error = outcome_error(outcome, remaining)
        if error is None:
            return cls(plan.host, HostStatus.CHANGED, plan, outcome, recovered=outcome.recovered)
        report = cls.of_error(plan.host, error, plan)
        rolled_back = outcome.result is Result.ROLLED_BACK and report.status is not HostStatus.STALE
        return replace(
            report,
            status=HostStatus.ROLLED_BACK if rolled_back else report.status,
            outcome=outcome,
            remaining=remaining,
            recovered=outcome.recovered,
        )

    @classmethod
    def of_renewed(cls, plan: Plan, renewed: Renewed, *, waited: bool = True) -> HostReport:
        """The report of what followed the changes of a plan; waited as for renewed_error."""
        requests = [change for change in plan.after_commit if isinstance(change, CertificateRenew)]
        error = renewed_error(requests, renewed, waited=waited)
        report = cls(plan.host, HostStatus.CHANGED, plan) if error is None else cls.of_error(plan.host, error, plan)
        return replace(report, renewed=renewed)

    @property
    def carried_out(self) -> bool:
        """Whether the host was sent something that acts, and has answered."""
        return self.outcome is not None or self.renewed is not None

    @property
    def exit_code(self) -> ExitCode:
        """This host's part in the run's exit code.

        A plan that would change something is drift, so are conflicts, what could not be compared, and what a run
        without an end may yet change. What the limits of a certification authority hold back is refused.
        """
        plan = self.plan
        drift = plan is not None and bool(plan.conflicts or plan.unjudged)
        if self.status in {HostStatus.CHANGED, HostStatus.OK}:
            if plan is not None and plan.held_back:
                return ExitCode.REFUSED
            if self.status is HostStatus.CHANGED:
                return ExitCode.DRIFT if drift or not self.carried_out else ExitCode.DONE
            return ExitCode.DRIFT if drift or self.open_run else ExitCode.DONE
        if self.status is HostStatus.ROLLED_BACK:
            return ExitCode.ROLLED_BACK
        if self.error is not None:
            return ExitCode(self.error.exit_code)
        return _EXIT_CODES.get(self.status, ExitCode.HOSTS_FAILED)
