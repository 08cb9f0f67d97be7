"""A case of a remediation table: a computer, what was found wrong with it, and what the caller allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from certify_automation.doctor.causes import related
from certify_automation.doctor.diagnosis import Remedy, finding
from certify_automation.model.examination import Examination
from certify_automation.model.facts import DataFile, Facts
from certify_automation.model.finding import Finding, Severity
from certify_automation.model.host import HostState
from certify_automation.plan import PlanOptions
from certify_automation.remediation import Allowed, Remedied, remedied
from planning.computer import Computer
from planning.declared import host_state
from planning.situations import RUN, observed

_ACCOUNT = "S-1-5-21-1-2-3-1105"


def findings(case: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Those of a case, by id or with more of them; what follows from what is as the catalogue says."""
    return related(_finding({"id": one} if isinstance(one, str) else one) for one in case["findings"])


def _finding(part: Mapping[str, Any]) -> Finding:
    remedy = Remedy(person=part.get("person", ""))
    found = finding(part["id"], "as the case says", (), remedy, subject=part.get("subject", ""))
    return replace(found, severity=Severity(part["severity"])) if "severity" in part else found


def examined(case: Mapping[str, Any]) -> Facts:
    """The facts of a case, with what an examination adds."""
    return with_examination(observed(case), case)


def with_examination(facts: Facts, case: Mapping[str, Any]) -> Facts:
    """Facts as an examination brings them home: addresses and account as usual, unless the case says otherwise."""
    usual: dict[str, Any] = {"addresses": ("10.0.0.5", "127.0.0.1"), "account_sid": _ACCOUNT}
    parts = {name: tuple(v) if isinstance(v, list) else v for name, v in case.get("examination", {}).items()}
    files = tuple(DataFile(name, size, written) for name, size, written in case.get("data_files", ()))
    return replace(facts, examination=Examination(**(usual | parts)), data_files=files or facts.data_files)


def declared(case: Mapping[str, Any]) -> HostState:
    """What is declared for the host of a case: nothing, unless it says."""
    return host_state(case.get("declared", {}))


def allowed(case: Mapping[str, Any]) -> Allowed:
    """What the caller of a case allows."""
    return Allowed(**dict.fromkeys(case.get("allowed", ()), True))


def options(case: Mapping[str, Any]) -> PlanOptions:
    """The same for its plan."""
    may = allowed(case)
    return PlanOptions(RUN, allow_data=may.data, allow_lockout=may.lockout, **case.get("options", {}))


def remedy_of(case: Mapping[str, Any]) -> Remedied:
    """What becomes of the findings of a case."""
    return remedied(findings(case), examined(case), declared(case), allowed(case), case.get("only", ()))


def facts_after(made: Computer, case: Mapping[str, Any]) -> Facts:
    """A computer that was acted on, examined again."""
    return with_examination(made.facts(), case)
