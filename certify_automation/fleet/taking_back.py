"""What a playbook has changed on a host, taken back: its runs there, the last one first."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from certify_automation.desired import DesiredHost
from certify_automation.fleet.acting_steps import Options
from certify_automation.fleet.reach import Reach
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.plan import Origin
from certify_automation.reconcile import apply_plan
from certify_automation.rollback import NO_RUN
from certify_automation.takeback import rollback_host

_NOTHING_THERE = frozenset({NO_RUN, "CA3045", "CA3046"})
"""The run never got as far, was put back by the host itself, or changed nothing that can be taken back."""


def take_back(
    host: DesiredHost, runs: Sequence[str], reach: Reach, options: Options, origin: Origin
) -> tuple[HostReport | None, tuple[str, ...]]:
    """The report of the last rollback, and the runs that were taken back; None = there was nothing to take back.

    A run that cannot be taken back ends it: what came before that may be what it builds on.

    Raises:
        HostError: a visit failed.
    """
    last, taken = None, []
    meant = listed(host)
    for run in reversed(runs):
        how = replace(options(meant), run_id=uuid.uuid4().hex)
        report, _ = rollback_host(meant, reach.session(host), how, run, origin)
        if report.error is not None and report.error.id in _NOTHING_THERE:
            continue
        if report.plan is not None and report.status is HostStatus.CHANGED:
            report = apply_plan(report.plan, reach.session(host), None, reach.confirmation(host))
        last = report
        if report.status not in {HostStatus.OK, HostStatus.CHANGED}:
            break
        taken.append(run)
    return last, tuple(taken)


def listed(host: DesiredHost) -> DesiredHost:
    """The host with an IP listen list declared, so that its address is looked up: a run may have changed the list."""
    listen = host.state.ip_listen or IpListen(ListenRule.INCLUDE)
    return replace(host, state=replace(host.state, ip_listen=listen))
