"""The steps of playbooks that change hosts, as far as planning: apply, remediate, restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from certify_automation.desired import DesiredHost
from certify_automation.desired.overrides import overridden
from certify_automation.desired.playbook_steps import step_values
from certify_automation.errors import ConfigurationError, Problem
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.reach import Reach
from certify_automation.fleet.surveying import Survey
from certify_automation.model.host import HostState
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Origin
from certify_automation.model.playbook import PlaybookStep, Verb
from certify_automation.model.service import ServiceState, WindowsService
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import prepare_host
from certify_automation.remediating import Wanted as Asked
from certify_automation.remediating import declared_otherwise, prepare_remedy
from certify_automation.remediation import Allowed
from certify_automation.report import counted, left_heads

Options: TypeAlias = Callable[[DesiredHost], PlanOptions]


@dataclass(slots=True)
class Acting:
    """What one step plans with, on the hosts of a batch; also from several threads.

    Attributes:
        options: of a host, as the caller allows; their run id is that of the step.
        run_id: of the step, 32 hex digits.
        wanted: the hosts as they are to be, where that is not as declared.
    """

    step: PlaybookStep
    survey: Survey
    guard: Guard
    options: Options
    origin: Origin
    run_id: str
    wanted: dict[str, DesiredHost] = field(default_factory=dict)

    def plan(self, host: DesiredHost, view: Mapping[str, object]) -> tuple[HostReport, str]:
        """What a host, of which expressions see this view, would do, and what there is to be said of it.

        Raises:
            HostError: the host could not be visited, or an expression has no usable value there.
            UsageError: what the step asks for is declared otherwise, or cannot be; by the id of its first Problem.
        """
        with_ = step_values(self.step, view)
        if self.step.verb is Verb.REMEDIATE:
            return self._remediate(with_, host)
        try:
            return (self._restart(host) if self.step.verb is Verb.RESTART else self._apply(with_, host)), ""
        except ConfigurationError as error:
            raise declared_otherwise(error.problems) from error

    def chosen(self, reports: Sequence[HostReport], *, dry_run: bool) -> list[HostReport]:
        """All of them."""
        del dry_run
        return list(reports)

    def desired(self, host: DesiredHost) -> DesiredHost:
        """The host as the step wants it."""
        return self.wanted.get(host.name, host)

    @property
    def warnings(self) -> tuple[tuple[str, Problem], ...]:
        """None."""
        return ()

    def reach(self, reach: Reach) -> Reach:
        """As it is."""
        return reach

    def _apply(self, with_: Mapping[str, Any], host: DesiredHost) -> HostReport:
        if overrides := with_.get("overrides"):
            host = overridden(host, self.survey.reach.fleet, self.step, overrides, whole=with_["declared"])
            self.wanted[host.name] = host
        return self._prepared(host, self._options(host))

    def _restart(self, host: DesiredHost) -> HostReport:
        running = HostState(service=WindowsService(state=ServiceState.RUNNING))
        self.wanted[host.name] = host = replace(host, state=running)
        return self._prepared(host, replace(self._options(host), restart=True))

    def _prepared(self, host: DesiredHost, options: PlanOptions) -> HostReport:
        session = self.survey.reach.session(host)
        return prepare_host(host, session, options, self.origin, self.guard.watching(host.name))

    def _remediate(self, with_: Mapping[str, Any], host: DesiredHost) -> tuple[HostReport, str]:
        options = self._options(host)
        allowed = Allowed(with_["allow_data"], with_["allow_lockout"] or options.allow_lockout)
        options = replace(options, allow_data=allowed.data, allow_lockout=allowed.lockout)
        asked = Asked(allowed, with_.get("only", ()))
        made = prepare_remedy(host, self.survey.reach.session(host), options, asked, self.origin)
        self.wanted[host.name] = replace(host, state=made.remedy.state)
        heads = left_heads(made.remedy.left)
        left = "; ".join(f"{one.id} {one.title}: {why}" for one, why in heads)
        return made.report, f"{counted(len(heads), 'finding')} left: {left}" if left else ""

    def _options(self, host: DesiredHost) -> PlanOptions:
        return replace(self.options(host), run_id=self.run_id, now_utc_ms=time.time_ns() // 1_000_000)
