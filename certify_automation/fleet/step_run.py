"""One step of a playbook on the hosts of a batch: planned, counted by the guard, carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TypeAlias

from certify_automation.desired import DesiredHost
from certify_automation.desired.playbook_steps import applies
from certify_automation.errors import HostError, Problem
from certify_automation.fleet.acting import carry_out_host, under_timer
from certify_automation.fleet.acting_steps import Acting, Options
from certify_automation.fleet.batches import Tally
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.looking_steps import Looking
from certify_automation.fleet.playbook_results import StepResult, StepStatus
from certify_automation.fleet.pool import FleetOptions, HostFinished, HostStarted, RunFinished, Work, run_fleet
from certify_automation.fleet.reach import Reach
from certify_automation.fleet.requesting_step import RequestingStep, RequestTerms, at_most
from certify_automation.fleet.rollout import Pace
from certify_automation.fleet.surveying import Survey
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, worst
from certify_automation.model.plan import Origin, Plan
from certify_automation.model.playbook import OnFailure, PlaybookStep, Verb
from certify_automation.model.renewal import Held, Hold
from certify_automation.report import counted
from certify_automation.verify import Roots

StepEvent: TypeAlias = HostStarted | StepResult

_LOOKING = frozenset({Verb.DOCTOR, Verb.VERIFY, Verb.WAIT_FOR, Verb.ASSERT})
_REFUSING = frozenset({Hold.GUARD, Hold.WINDOW, Hold.OTHER_RUN})
_COMMAND = "run"
_UNCHANGED = "it is about what a dry run does not change"
_NOT_WAITED = "a dry run waits for nothing"


def acts(step: PlaybookStep) -> bool:
    """Whether a step is one that may change a host."""
    return step.verb not in _LOOKING


@dataclass(frozen=True, slots=True)
class RunSetup:
    """How a playbook is run.

    Attributes:
        options: what a step may do on a host, as far as the caller allows; each step has a run id of its own.
        guard: makes the guard of one step.
        roots: gives who is trusted to sign what endpoints serve.
        check: raises UsageError for a plan that nobody could confirm.
        dry_run: nothing acts, and nothing is recorded.
        cancelled, aborted: as for `run_fleet`.
    """

    reach: Reach
    options: Options
    origin: Origin
    guard: Callable[[], Guard]
    roots: Callable[[], Roots]
    check: Callable[[Plan], None] = lambda _: None
    forks: int = 16
    dry_run: bool = False
    cancelled: Event = field(default_factory=Event)
    aborted: Event = field(default_factory=Event)


@dataclass(slots=True)
class StepRun:
    """One step on some hosts.

    Attributes:
        number: of the step, from 0.
        run_id: under which it acts; that of an earlier process, if the step goes on there.
        requested: certificates that the step has requested of other hosts.
        pretended: hosts that an earlier step of a dry run would have changed.
        stopped: why hosts were held back, once it has ended.
        asked: what a step `renew` asks for, once that is known.
        warnings: what is asked for by name and fits nothing.
    """

    how: RunSetup
    survey: Survey
    tally: Tally
    number: int
    step: PlaybookStep
    run_id: str
    requested: int = 0
    pretended: set[str] = field(default_factory=set)
    stopped: str = ""
    asked: RequestTerms | None = None
    warnings: tuple[tuple[str, Problem], ...] = ()
    _found: dict[str, StepResult] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)

    def carry_out(self, hosts: Sequence[str]) -> Iterator[StepEvent]:
        """The step on these hosts, several at a time; a result for each of them.

        Raises:
            UsageError, Locked: CA3210 to CA3216, what was requested before cannot be counted, so nothing is requested.
        """
        yield from self._act(hosts) if acts(self.step) else self._look(hosts)

    def _look(self, hosts: Sequence[str]) -> Iterator[StepEvent]:
        looking = Looking(self.survey, self.how.roots, self.how.cancelled)

        def work(name: str) -> HostReport:
            host = self._host(name)
            view = self.survey.view(self.step, host)
            result = self._passed_over(host, view) or looking.carry_out(self.step, self.number, host, view)
            self._found[name] = result
            return result.report or HostReport(name, HostStatus.OK)

        for event in self._visit(hosts, work, self._options()):
            if isinstance(event, HostStarted):
                yield event
            else:
                self._count(event)
                yield self._result(event)

    def _act(self, hosts: Sequence[str]) -> Iterator[StepEvent]:
        guard = self.how.guard()
        try:
            planning = self._planning(guard)
        except HostError as error:
            yield from (self._result(HostReport.of_error(name, error)) for name in hosts)
            return
        planned: dict[str, HostReport] = {}
        for event in self._visit(hosts, self._plan(planning), FleetOptions(self.how.forks, None)):
            if isinstance(event, HostStarted):
                yield event
            else:
                self._count(event)
                planned[event.host] = event
        acting = not self.how.dry_run and not self.stopped
        reports = planning.chosen([planned[name] for name in hosts], dry_run=not acting)
        self.warnings = planning.warnings
        reports = guard.reserve(_COMMAND, reports) if acting else guard.preview(reports)
        plans = {one.host: one.plan for one in reports if one.plan and one.status is HostStatus.CHANGED}
        for report in reports:
            if report.host not in plans or self.how.dry_run:
                yield self._result(report)
            elif not acting:
                yield self._result(HostReport(report.host, HostStatus.NOT_RUN))
        if acting:
            recovered = {one.host: one.recovered for one in reports}
            for result in self._carry_out(plans, planning, guard):
                yield self._result(replace(result, recovered=(*recovered[result.host], *result.recovered)))

    def _plan(self, planning: Acting | RequestingStep) -> Work:
        def work(name: str) -> HostReport:
            host = self._host(name)
            view = self.survey.view(self.step, host)
            if passed_over := self._passed_over(host, view):
                self._found[name] = passed_over
                return HostReport(name, HostStatus.OK)
            try:
                report, self._said[name] = planning.plan(host, view)
            except HostError:
                if name not in self.pretended:
                    raise
                self._found[name] = StepResult(name, self.number, StepStatus.SKIPPED, _UNCHANGED)
                return HostReport(name, HostStatus.OK)
            if report.plan is not None and not self.how.dry_run:
                self.how.check(report.plan)
            return report

        return work

    def _planning(self, guard: Guard) -> Acting | RequestingStep:
        how = self.how
        if self.step.verb is not Verb.RENEW:
            return Acting(self.step, self.survey, guard, how.options, how.origin, self.run_id)
        self.asked = at_most(RequestTerms.of(self.step), self.requested)
        return RequestingStep.of(self.asked, how.reach, guard, how.origin, self.run_id)

    def _carry_out(
        self, plans: Mapping[str, Plan], planning: Acting | RequestingStep, guard: Guard
    ) -> Iterator[HostReport]:
        reach, declared = planning.reach(self.how.reach), self.step.verb is not Verb.RENEW

        def work(name: str) -> HostReport:
            self.survey.forget(name)
            return carry_out_host(plans[name], planning.desired(self._host(name)), reach, guard, declared=declared)

        for event in self._visit(list(plans), work, self._options(guard.pace)):
            if not isinstance(event, HostStarted):
                guard.settle(event)
                self._count(event)
                yield under_timer(event, plans[event.host])
        guard.end()

    def _result(self, report: HostReport) -> StepResult:
        if (found := self._found.get(report.host)) is not None:
            return found
        result = StepResult.of(self.number, report, self._said.get(report.host, ""))
        plan = report.plan
        if self.how.dry_run and report.status is HostStatus.CHANGED and plan is not None:
            self.pretended.add(report.host)
            count = counted(len(plan.changes) + len(plan.after_commit), "change")
            return replace(result, message="; ".join(filter(None, (f"would make {count}", result.message))))
        return self._waiting(result, plan.held) if self.asked is not None and plan is not None else result

    def _waiting(self, result: StepResult, held: Sequence[Held]) -> StepResult:
        """With what waits; where it does not matter what is due, no other run requests that, so this one goes on."""
        kinds = Counter(one.hold for one in held)
        if not kinds or self.asked is None:
            return result
        said = ", ".join(f"{number} {hold.value.replace('_', ' ')}" for hold, number in kinds.items())
        asked, refused = self.asked.terms, bool(kinds.keys() & _REFUSING)
        left = _REFUSING | {Hold.RUNNING} | (set() if asked.most is not None else {Hold.MAX_PER_RUN})
        stays = asked.wanted.forced and bool(kinds.keys() & left) and not self.how.dry_run
        return replace(
            result,
            status=StepStatus.FAILED if stays else result.status,
            message=f"{counted(kinds.total(), 'certificate')} waiting ({said})",
            exit_code=worst([result.exit_code, *([ExitCode.REFUSED] if refused or stays else [])]),
        )

    def _passed_over(self, host: DesiredHost, view: Mapping[str, object]) -> StepResult | None:
        """The result of a step that is not for this host; None = it is.

        Raises:
            HostError: a condition has no usable value there.
        """
        if not applies(self.step, view):
            why = f"`{self.step.when}` is false" if self.step.when and not self.step.within else "a condition is false"
        elif self.how.dry_run and self.step.verb is Verb.WAIT_FOR:
            why = _NOT_WAITED
        elif self.how.dry_run and not acts(self.step) and host.name in self.pretended:
            why = _UNCHANGED
        else:
            return None
        return StepResult(host.name, self.number, StepStatus.SKIPPED, why)

    def _options(self, pace: Pace | None = None) -> FleetOptions:
        if self.step.on_failure is OnFailure.CONTINUE:
            return FleetOptions(self.how.forks, None, pace or Pace())
        left, lost = self.tally.left, self.tally.left_unreachable
        return FleetOptions(self.how.forks, left, pace or Pace(), unreachable=lost)

    def _count(self, report: HostReport) -> None:
        """A failure that is not to matter does not keep other hosts from starting either."""
        if self.step.on_failure is not OnFailure.CONTINUE:
            self.tally.count(report)

    def _visit(self, hosts: Sequence[str], work: Work, options: FleetOptions) -> Iterator[HostStarted | HostReport]:
        for event in run_fleet(hosts, work, options, self.how.cancelled, self.how.aborted):
            if isinstance(event, HostStarted):
                yield event
            elif isinstance(event, HostFinished):
                yield event.report
            elif isinstance(event, RunFinished):
                self.stopped = event.stopped

    def _host(self, name: str) -> DesiredHost:
        return self.how.reach.fleet.hosts[name]
