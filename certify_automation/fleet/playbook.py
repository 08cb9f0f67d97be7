"""A playbook over the hosts of a fleet: batch by batch, step by step, recorded so that it can go on."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from certify_automation.desired import DesiredHost
from certify_automation.errors import Problem, UsageError
from certify_automation.fleet.acting_steps import Options
from certify_automation.fleet.batches import Tally, batches
from certify_automation.fleet.playbook_records import (
    PlaybookRecords,
    PlaybookStart,
    Progress,
    RecordedPlaybook,
    check_resumable,
)
from certify_automation.fleet.playbook_results import (
    BatchPaused,
    BatchStarted,
    PlaybookEvent,
    PlaybookFinished,
    PlaybookOutcome,
    StepResult,
    StepStarted,
    StepStatus,
)
from certify_automation.fleet.pool import FleetOptions, HostFinished, HostStarted, run_fleet
from certify_automation.fleet.step_run import RunSetup, StepRun, acts
from certify_automation.fleet.surveying import Survey
from certify_automation.fleet.taking_back import take_back
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import Result
from certify_automation.model.playbook import OnFailure, Playbook, PlaybookStep, Verb
from certify_automation.naming import some_of
from certify_automation.plan import PlanOptions

_NAMES_SHOWN = 5


@dataclass(slots=True)
class PlaybookRun:
    """One run of a playbook.

    Attributes:
        recorded: what its record says; of a run that begins, nothing yet.
        records: where it is recorded; None = a dry run, of which nothing is.
        resumed: it goes on with an earlier run.
    """

    playbook: Playbook
    how: RunSetup
    recorded: RecordedPlaybook
    records: PlaybookRecords | None = None
    resumed: bool = False
    _survey: Survey = field(init=False)
    _tally: Tally = field(init=False)
    _out: set[str] = field(default_factory=set)
    _results: dict[str, list[StepResult]] = field(default_factory=dict)
    _pretended: set[str] = field(default_factory=set)
    _warnings: list[tuple[str, Problem]] = field(default_factory=list)
    _stopped: str = ""

    def __post_init__(self) -> None:
        """Begins to count failures.

        Raises:
            UsageError: CA5001, the strategy has neither a number nor a share.
        """
        self._survey = Survey(self.how.reach)
        self._tally = Tally.of(self.playbook.strategy, len(self.recorded.start.hosts))

    @classmethod
    def begin(cls, playbook: Playbook, how: RunSetup, start: PlaybookStart, records: PlaybookRecords) -> PlaybookRun:
        """A new run; nothing is recorded before its first event."""
        new = RecordedPlaybook(start, dict.fromkeys(start.hosts, Progress()))
        return cls(playbook, how, new, None if how.dry_run else records)

    @classmethod
    def resume(
        cls, playbook: Playbook, how: RunSetup, found: RecordedPlaybook, records: PlaybookRecords
    ) -> PlaybookRun:
        """A run that goes on, each host with the first of its steps that has not ended.

        Raises:
            UsageError: CA3230 it is finished, CA3231 the playbook has changed, CA3232 none of its hosts is selected.
        """
        check_resumable(found, playbook.digest, len(playbook.steps))
        left = found.left(len(playbook.steps))
        if not any(name in how.reach.fleet.hosts for name in left):
            names = some_of(left, _NAMES_SHOWN)
            raise UsageError(
                "CA3232",
                f"no host that run {found.start.run_id} has left is selected: {names}",
                hint="see --limit, and whether they are in the inventory still",
            )
        return cls(playbook, how, found, None if how.dry_run else records, resumed=True)

    @property
    def run_id(self) -> str:
        """32 hex digits."""
        return self.recorded.start.run_id

    @property
    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The hosts on which steps are left, as they run together: the parts in which the run began."""
        left = {name for name in self.recorded.left(len(self.playbook.steps)) if name in self.how.reach.fleet.hosts}
        every = batches(self.playbook.strategy, self.recorded.start.hosts)
        return tuple(part for batch in every if (part := tuple(name for name in batch if name in left)))

    def events(self) -> Iterator[PlaybookEvent]:
        """Carries the playbook out while this is iterated over; the last event is PlaybookFinished.

        Raises:
            UsageError, Locked: CA3210 and others: something cannot be recorded, or counted, so nothing more is done.
        """
        if self.records is None:
            yield from self._batches()
        else:
            if not self.resumed:
                self.records.begin(self.recorded.start, _now_ms())
            try:
                yield from self._batches()
                self.records.ended(self.run_id, _now_ms())
            finally:
                self.records.let_go(self.run_id)
        yield PlaybookFinished(self._outcome())

    def _batches(self) -> Iterator[PlaybookEvent]:
        groups, pause = self.batches, 0 if self.how.dry_run else self.playbook.strategy.pause_seconds
        for number, group in enumerate(groups, 1):
            if number > 1:
                self._stopped = self._stopped or self._held_back()
                if self._stopped:
                    return
                if pause:
                    yield BatchPaused(pause)
                    self.how.cancelled.wait(pause)
            yield BatchStarted(number, len(groups), group)
            yield from self._batch(group)

    def _held_back(self, *, canaries: bool = True) -> str:
        """Why no further host may start; empty = one may."""
        if self.how.cancelled.is_set():
            return "cancelled"
        if canaries and self._out.intersection(self.recorded.start.hosts[: self.playbook.strategy.canary]):
            return "canary"
        return "failures" if self._tally.spent else ""

    def _batch(self, group: Sequence[str]) -> Iterator[PlaybookEvent]:
        for number, step in enumerate(self.playbook.steps):
            hosts = [name for name in group if name not in self._out and self.recorded.hosts[name].step == number]
            if not hosts:
                continue
            self._stopped = self._stopped or self._held_back(canaries=False)
            if self._stopped:
                return
            yield StepStarted(number, tuple(hosts))
            for run_id, part in self._parts(step, hosts).items():
                yield from self._step(StepRun(self.how, self._survey, self._tally, number, step, run_id), part)
        for name in group:
            self._survey.forget(name)

    def _parts(self, step: PlaybookStep, hosts: Sequence[str]) -> dict[str, list[str]]:
        """Run id -> the hosts on which a step acts under it: a request for certificates goes on under its own."""
        fresh, parts = uuid.uuid4().hex, dict[str, list[str]]()
        for name in hosts:
            under_way = self.recorded.hosts[name].under_way if step.verb is Verb.RENEW else ""
            parts.setdefault(under_way or fresh, []).append(name)
        return parts

    def _step(self, run: StepRun, hosts: Sequence[str]) -> Iterator[PlaybookEvent]:
        run.requested, run.pretended = self.recorded.requested.get(run.number, 0), self._pretended
        acts_as = run.run_id if acts(run.step) else ""
        if self.records is not None:
            self.records.begun(self.run_id, run.number, hosts, acts_as, _now_ms())
        to_take_back: list[StepResult] = []
        for event in run.carry_out(hosts):
            if isinstance(event, HostStarted):
                yield event
                continue
            self._count(event, run)
            if event.status.failed and run.step.on_failure is OnFailure.ROLLBACK and not self.how.dry_run:
                to_take_back.append(event)
            else:
                yield self._take(event, run.step)
        for event in self._taken_back(to_take_back):
            yield self._take(event, run.step)
        self._warnings += run.warnings
        self._stopped = run.stopped or self._stopped

    def _count(self, result: StepResult, run: StepRun) -> None:
        """Notes what a step has done to its host, and what of it is left to be done under the same run."""
        at = self.recorded.hosts[result.host]
        applied = tuple(one for one in at.applied if one != run.run_id)
        if _made(result.report):
            applied = (*applied, run.run_id)
        # What is requested whether due or not must not be requested again because some of it failed.
        forced = run.asked is not None and run.asked.terms.wanted.forced
        kept = run.run_id if forced and result.status.failed else ""
        self.recorded.hosts[result.host] = Progress(at.step, applied, kept)
        self.recorded.requested[run.number] = self.recorded.requested.get(run.number, 0) + result.requested

    def _take(self, result: StepResult, step: PlaybookStep) -> StepResult:
        """Notes and records how far a host has come with a result."""
        at = self.recorded.hosts[result.host]
        if result.status is StepStatus.NOT_RUN:
            self._out.add(result.host)
        elif result.status.failed and step.on_failure is not OnFailure.CONTINUE:
            self._out.add(result.host)
            if result.taken_back:
                kept = tuple(one for one in at.applied if one not in result.taken_back)
                at = Progress(at.step if kept else 0, kept, at.under_way)
        else:
            at = replace(at, step=result.step + 1, under_way="")
        self.recorded.hosts[result.host] = at
        self._results.setdefault(result.host, []).append(result)
        if self.records is not None:
            self.records.step_ended(self.run_id, result, at, _now_ms())
        return result

    def _taken_back(self, results: Sequence[StepResult]) -> Iterator[StepResult]:
        """The results of failed steps, once what the playbook has changed on their hosts is taken back."""
        how, failed = self.how, {one.host: one for one in results}
        taken: dict[str, tuple[str, ...]] = {}

        def work(name: str) -> HostReport:
            self._survey.forget(name)
            runs = self.recorded.hosts[name].applied
            report, taken[name] = take_back(how.reach.fleet.hosts[name], runs, how.reach, self._options(), how.origin)
            return report or HostReport(name, HostStatus.OK)

        for event in run_fleet(list(failed), work, FleetOptions(how.forks, None), how.aborted):
            if isinstance(event, HostFinished):
                name = event.report.host
                touched = bool(taken.get(name)) or event.report.status is not HostStatus.OK
                yield failed[name].with_back(event.report if touched else None, taken.get(name, ()))

    def _options(self) -> Options:
        """As the caller allows, with what steps of the playbook allow: what they did can be taken back."""
        asked = [step.with_ for step in self.playbook.steps if step.verb is Verb.REMEDIATE]
        lockout, data = (any(with_.get(name) for with_ in asked) for name in ("allow_lockout", "allow_data"))

        def options(host: DesiredHost) -> PlanOptions:
            made = self.how.options(host)
            return replace(made, allow_lockout=made.allow_lockout or lockout, allow_data=made.allow_data or data)

        return options

    def _outcome(self) -> PlaybookOutcome:
        order = [name for name in self.how.reach.fleet.hosts if name in self._results]
        return PlaybookOutcome(
            "" if self.how.dry_run else self.run_id,
            {name: tuple(self._results[name]) for name in order},
            self._stopped,
            () if self.how.dry_run else self.recorded.left(len(self.playbook.steps)),
            tuple(dict.fromkeys(self._warnings)),
        )


def _made(report: HostReport | None) -> bool:
    """Whether a run of a plan has changed its host, or may have."""
    if report is None or report.plan is None or not report.plan.changes:
        return False
    if report.outcome is None:
        return report.status is HostStatus.UNKNOWN
    return report.outcome.result is Result.APPLIED


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
