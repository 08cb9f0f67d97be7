"""One host of a run: its plan carried out, and what follows it once the guard has let it pass."""

from __future__ import annotations

from dataclasses import replace

from certify_automation.desired import DesiredHost
from certify_automation.errors import OutcomeUnknown
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.reach import Reach
from certify_automation.fleet.rollout import ABANDONED
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Plan
from certify_automation.reconcile import apply_plan
from certify_automation.renewing import carry_on


def carry_out_host(plan: Plan, host: DesiredHost, reach: Reach, guard: Guard, *, declared: bool) -> HostReport:
    """What became of one host whose plan was carried out; what it requests was reserved before.

    Args:
        plan: of `Guard.reserve`.
        host: the host.
        reach: the way there.
        guard: is told when the host is asked for certificates; `Guard.settle` is the caller's to say.
        declared: the plan is to make the host as declared, so what is left is a failure.

    Raises:
        UsageError: CA3210, it cannot be recorded that the host is asked.
    """
    report = apply_plan(plan, reach.session(host), host.state if declared else None, reach.confirmation(host))
    if not plan.after_commit:
        return report
    window = host.state.renewals.window if host.state.renewals else None
    session, how = reach.renewal_session(host), reach.renewing(host)
    return carry_on(report, session, how, lambda ready: guard.asking(ready, window))


def under_timer(report: HostReport, plan: Plan) -> HostReport:
    """The report of a host that was not waited for, with what becomes of a change that has to be confirmed."""
    error = report.error
    if not isinstance(error, OutcomeUnknown) or error.id != ABANDONED or plan.confirm_seconds is None:
        return report
    hint = f"if the change was made, the host puts everything back by itself {plan.confirm_seconds} s after it, because"
    hint += " nobody confirms it; look at it with `plan` after that"
    return replace(report, error=OutcomeUnknown(error.id, error.message, hint=hint))
