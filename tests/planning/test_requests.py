"""What a host is to request when it is asked for certificates and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from certify_automation.model.host import HostState
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Plan
from certify_automation.model.renewal import CertificateRenew, RenewalPolicy
from certify_automation.plan import PlanOptions, RequestTerms, make_request_plan, observe_request
from certify_automation.renewal import Filters, Wanted
from planning.certified import CLOCK_UTC_MS
from planning.situations import RUN, observed
from planning.tables import table

OF_WANTED = {"force", "reissue", "outside_window"}


def planned(case: dict[str, Any]) -> Plan:
    given = case.get("wanted", {})
    filters = Filters(**{name: value for name, value in given.items() if name not in OF_WANTED})
    wanted = Wanted(**{name: value for name, value in given.items() if name in OF_WANTED}, filters=filters)
    terms = RequestTerms(wanted, case.get("restart_stalled", False), case.get("unless_moved", {}))
    terms = replace(terms, unless_attempted=case.get("unless_attempted", {}))
    declared = case.get("declared", {})
    policy = RenewalPolicy(**declared["renewals"]) if "renewals" in declared else None
    desired = HostState(preferences=declared.get("preferences"), renewals=policy)
    options = PlanOptions(RUN, now_utc_ms=CLOCK_UTC_MS + case.get("now", 0))
    return make_request_plan("web01", desired, observed(case), options, terms)


@table("requests")
def test_what_a_host_requests(case: Any) -> None:
    plan, expect = planned(case), case["expect"]
    report = HostReport.of_plan(plan)
    renewals = [change for change in plan.after_commit if isinstance(change, CertificateRenew)]
    assert [change.name for change in renewals] == expect["renew"]
    assert len(renewals) == len(plan.after_commit)
    assert {held.name: held.hold.value for held in plan.held} == expect.get("held", {})
    assert [change.kind for change in plan.changes] == expect.get("changes", [])
    assert [warning.id for warning in plan.warnings] == expect.get("warnings", [])
    assert (report.status.value, int(report.exit_code)) == (expect["status"], expect["exit_code"])
    assert (report.error.id if report.error else None) == expect.get("error")
    assert plan.differences == ()
    assert plan.observe == observe_request(HostState())
    assert (plan.health is None) == (not plan.changes)
    assert plan == planned(case)
