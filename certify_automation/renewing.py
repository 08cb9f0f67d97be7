"""What follows a run on one host: preferences and renewals, in a visit of their own that is never undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from certify_automation.errors import HostError
from certify_automation.model.host import ApiAccess
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.plan import Plan
from certify_automation.model.renewal_request import START_SECONDS, WAIT_SECONDS, ApiQuestion, RenewRequest
from certify_automation.remote import Session
from certify_automation.remote.renew import renew


@dataclass(frozen=True, slots=True)
class Renewing:
    """How a visit that renews is made.

    Attributes:
        access: who asks the product's API, `Connection.api_caller`.
        wait_seconds: how long certificates are waited for, as far as the session's deadlines allow; 0 = not at all.
        start_seconds: when the product has begun with none by then, none is waited for.
    """

    access: ApiAccess = ApiAccess.TASK
    wait_seconds: int = WAIT_SECONDS
    start_seconds: int = START_SECONDS


def renew_host(plan: Plan, session: Session, how: Renewing) -> HostReport:
    """Carries out what follows the changes of a plan, and nothing else of it; without any it makes no visit.

    Returns:
        A report with `renewed`; what failed is its error, and nothing is put back because of it.
    """
    if not plan.after_commit:
        return HostReport.of_plan(plan)
    request = RenewRequest(
        run_id=plan.run_id,
        origin=plan.origin,
        observe=plan.observe,
        question=ApiQuestion(how.access),
        changes=plan.after_commit,
        start_seconds=how.start_seconds,
        wait_seconds=how.wait_seconds,
    )
    try:
        renewed = renew(session, request)
    except HostError as error:
        return HostReport.of_error(plan.host, error, plan)
    return HostReport.of_renewed(plan, replace(renewed, facts=None), waited=how.wait_seconds > 0)


def carry_on(
    report: HostReport, session: Session, how: Renewing, ready: Callable[[Plan], Plan] = lambda plan: plan
) -> HostReport:
    """What became of a host once its changes are made, and what follows them too.

    Args:
        report: of `apply_plan`. One whose changes were not all made and confirmed is handed back as it is.
        session: the host's.
        how: how the visit is made.
        ready: is given the plan when what follows is about to be carried out, and gives what of it still is to be.
    """
    plan = report.plan
    if plan is None or not plan.after_commit or report.status is not HostStatus.CHANGED:
        return report
    after = renew_host(ready(plan), session, how)
    return replace(after, outcome=report.outcome, remaining=report.remaining, recovered=report.recovered)
