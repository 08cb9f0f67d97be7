"""One host examined: one visit, and what it comes to; a host that cannot be visited is a finding as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from certify_automation.desired import DesiredHost
from certify_automation.doctor import diagnose, unreached
from certify_automation.errors import HostError
from certify_automation.model.facts import Facts
from certify_automation.model.finding import Finding
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.plan import observe_request
from certify_automation.remote import Session
from certify_automation.remote.examine import examine_raw


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of examining a host.

    Attributes:
        report: OK also with findings; the error of a host that could not be examined.
        findings: worst first.
        facts: None when the visit failed; raw: the same as the host gave it, for a bundle.
    """

    report: HostReport
    findings: tuple[Finding, ...]
    facts: Facts | None = None
    raw: Mapping[str, Any] | None = None


def examine_host(desired: DesiredHost, session: Session, now_utc_ms: int | None = None) -> Examined:
    """One visit that reads, and what is wrong there.

    Args:
        desired: the host; its API is asked where it is declared, and where it is seen to listen.
        session: the host's.
        now_utc_ms: of the caller, compared with the host's clock; None = not compared.
    """
    try:
        facts, raw = examine_raw(session, observe_request(desired.state), desired.connection.api_caller)
    except HostError as error:
        return Examined(HostReport.of_error(desired.name, error), unreached(error))
    findings = diagnose(facts, desired.state, now_utc_ms)
    report = HostReport(desired.name, HostStatus.OK)
    report = replace(report, open_run=facts.open_run.run_id if facts.open_run else None)
    return Examined(report, findings, facts, raw)
