"""A remedy as a plan of the ordinary kind, with all that may refuse one."""

from __future__ import annotations

from dataclasses import replace

from certify_automation.diff import observe_request
from certify_automation.model.facts import Facts
from certify_automation.model.plan import Plan
from certify_automation.plan import PlanOptions, make_plan
from certify_automation.remediation.fragment import Remedied


def remedy_plan(host: str, remedy: Remedied, facts: Facts, options: PlanOptions) -> Plan:
    """What the host is to do for its findings to end; nothing where none of them ends from here.

    Args:
        host: its name.
        remedy: what is to become of its findings.
        facts: they were told from.
        options: the caller's; whether the service is restarted, the remedy says.
    """
    if not remedy.mended:
        return Plan(host, options.run_id, observe_request(remedy.state))
    return make_plan(host, remedy.state, facts, replace(options, restart=remedy.restart))
