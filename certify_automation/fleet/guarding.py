"""The renewals of a run against the limits of certification authorities: counted before the first is requested."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TypeAlias

from certify_automation.desired import Settings
from certify_automation.due import moment_text
from certify_automation.errors import AuthenticationRefused, NotTrusted, OutcomeUnknown, Unreachable, UsageError
from certify_automation.fleet.record_files import state_folder
from certify_automation.fleet.records import RunStart
from certify_automation.fleet.rollout import Pace, waves_left
from certify_automation.fleet.runs import Ledger
from certify_automation.guard.counting import Admission, HeldRequest
from certify_automation.guard.limits import LONGEST_WINDOW_SECONDS, Limits, read_limits
from certify_automation.guard.observing import observed
from certify_automation.guard.requests import CertificateRequest, PastRequest
from certify_automation.model.config_files import JsonValue
from certify_automation.model.facts import Facts
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import Result
from certify_automation.model.plan import Plan
from certify_automation.model.renewal import CertificateRenew, Held, Hold, RenewalResult, Window
from certify_automation.renewal import out_of_time

Say: TypeAlias = Callable[[str], None]

_NOT_SENT = (Unreachable, AuthenticationRefused, NotTrusted)


@dataclass(slots=True)
class Guard:
    """What a run may request, and the record of what it did. Nothing is read or written where nothing is renewed.

    Attributes:
        say: takes a sentence for whoever waits; warn: takes one that is never hidden.
        selection, waves, options: of the command, recorded so that its run can go on later.
        hosts: of the run that goes on, in the order of its waves; empty = it begins.
        outside_window: windows do not matter.
        waiting: what else belongs to the run, and is not requested now; from all threads of a run.
        left: how many of its certificates are still to be requested when it has ended.
        seen: what the products were found to have requested by themselves; from all threads of a run.
        pace: at which authorities may be asked for what was reserved.
    """

    ledger: Ledger
    limits: Limits
    say: Say = field(default=lambda _: None)
    warn: Say = field(default=lambda _: None)
    selection: tuple[str, ...] = ()
    waves: str = ""
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    outside_window: bool = False
    waiting: list[CertificateRequest] = field(default_factory=list)
    left: int = 0
    seen: list[PastRequest] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    _reserved: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _run_id: str = ""
    _ahead_ms: dict[str, int] = field(default_factory=dict)
    _settling: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, settings: Settings, environ: Mapping[str, str]) -> Guard:
        """One by the settings of a repository, that says nothing."""
        return cls(Ledger(state_folder(settings, environ)), read_limits(settings.ca_limits))

    def watching(self, host: str) -> Callable[[Facts], None]:
        """Takes the facts of a host for what its product requested by itself, and for what time it is there."""

        def watch(facts: Facts) -> None:
            now = _now_ms()
            self._ahead_ms[host] = ahead = facts.host.clock_utc_ms - now
            if facts.certificates is not None:
                since = now - LONGEST_WINDOW_SECONDS * 1000
                self.seen.extend(observed(host, facts.certificates, since, ahead))

        return watch

    def preview(self, reports: Sequence[HostReport]) -> list[HostReport]:
        """The reports as `reserve` would give them now; nothing is recorded.

        Raises:
            UsageError: CA3210, CA3213, CA3214, as `reserve`.
        """
        plans = [report.plan for report in reports if report.plan]
        requests = list(_in_turn(plans))
        if not requests:
            return list(reports)
        admission = self.ledger.preview(plans[0].run_id, requests, self.limits, self.seen, _now_ms())
        return _parted(reports, admission)

    def reserve(self, command: str, reports: Sequence[HostReport]) -> list[HostReport]:
        """The same reports, with what a limit holds back taken out of their plans and listed as waiting.

        Each host's most urgent request is counted first, then each one's second: no host takes all there is.

        Raises:
            UsageError, Locked: CA3210 to CA3216, what was requested before cannot be counted, so nothing is requested.
        """
        plans = [report.plan for report in reports if report.plan]
        requests = list(_in_turn(plans))
        if not requests:
            return list(reports)
        admission = self.ledger.reserve(self._start(command, plans[0]), requests, self.limits, self.seen, _now_ms())
        if self.waiting:
            self.ledger.wait(self._run_id, self.waiting, _now_ms())
        for request in admission.admitted:
            self._reserved[request.host] = (*self._reserved.get(request.host, ()), request.id)
        if admission.admitted:
            self._say_the_run(command)
        parted = _parted(reports, admission)
        acting = [report.host for report in parted if report.status is HostStatus.CHANGED]
        waves = waves_left(self.waves, self.hosts or acting, frozenset(acting)) if self.waves else ()
        self.pace = Pace.of_requests(admission.admitted, self.limits, waves)
        return parted

    def cap(self, reports: Sequence[HostReport], most: int | None) -> list[HostReport]:
        """The reports with no more than so many renewals in all; the others wait, and belong to the run."""
        over = [] if most is None else list(_in_turn([report.plan for report in reports if report.plan]))[most:]
        self.waiting.extend(over)
        held: dict[str, list[Held]] = {}
        for one in over:
            text = f"no more than {most} are requested in this run (--max)"
            held.setdefault(one.host, []).append(Held(one.id, one.name, Hold.MAX_PER_RUN, text))
        return [_without(report, held.get(report.host, ())) for report in reports]

    def pass_over(self, run_id: str, host: str, results: Sequence[RenewalResult]) -> None:
        """Records of a run that goes on what has become of its requests without it."""
        if results:
            self.ledger.finished(run_id, host, results, _now_ms())

    def asking(self, plan: Plan, window: Window | None) -> Plan:
        """Records that a host is about to be asked for its certificates; also from several threads.

        Returns:
            The plan as it is to be carried out: when the window has closed since it was made, its renewals wait, and
            are not reserved any longer. A host that was not looked at counts as having this computer's time. Nothing
            is left of the plan of a host that has been settled, because it was not waited for.

        Raises:
            UsageError: CA3210, it cannot be recorded; then the host must not be asked.
        """
        if not any(isinstance(change, CertificateRenew) for change in plan.after_commit):
            return plan
        now, ahead = _now_ms(), self._ahead_ms.get(plan.host, 0)
        late = () if self.outside_window else out_of_time(plan.after_commit, window, now + ahead)
        with self._settling:
            if plan.host not in self._reserved:
                return replace(plan, after_commit=())
            if not late:
                self.ledger.asking(self._run_id, plan.host, now)
                return plan
            self.ledger.release(self._run_id, plan.host, self._reserved.pop(plan.host), now)
        return _waiting(plan, late)

    def settle(self, report: HostReport) -> None:
        """Records what became of the requests of a host; where nobody can tell they count as made."""
        with self._settling:
            ids = self._reserved.pop(report.host, ())
            if not ids:
                return
            try:
                if report.renewed is not None:
                    self.ledger.finished(self._run_id, report.host, report.renewed.renewals, _now_ms())
                elif _never_asked(report):
                    self.ledger.release(self._run_id, report.host, ids, _now_ms())
            except UsageError as error:
                self._not_recorded(error)

    def end(self) -> None:
        """Records that the run has come to its end."""
        if self._run_id:
            try:
                self.left = self.ledger.left(self._run_id)
                self.ledger.ended(self._run_id, _now_ms())
            except UsageError as error:
                self._not_recorded(error)

    def _start(self, command: str, plan: Plan) -> RunStart:
        self._run_id, origin = plan.run_id, plan.origin
        return RunStart(plan.run_id, command, origin.by, origin.commit, self.selection, self.waves, self.options)

    def _say_the_run(self, command: str) -> None:
        """Before the first request: what kills this process leaves nobody to say it afterwards."""
        cut_off = f": if it is cut off, `renew --resume {self._run_id}` goes on with it" if command == "renew" else ""
        self.say(f"run {self._run_id}{cut_off}")

    def _not_recorded(self, error: UsageError) -> None:
        self.warn(f"warning {error}; what is not recorded counts as requested")


def _in_turn(plans: Sequence[Plan]) -> Iterator[CertificateRequest]:
    renewals = [(plan.host, [c for c in plan.after_commit if isinstance(c, CertificateRenew)]) for plan in plans]
    for turn in range(max((len(changes) for _, changes in renewals), default=0)):
        for host, changes in renewals:
            if turn < len(changes):
                yield CertificateRequest.of(host, changes[turn])


def _parted(reports: Sequence[HostReport], admission: Admission) -> list[HostReport]:
    held: dict[str, list[Held]] = {}
    for one in admission.held:
        wait = Held(one.request.id, one.request.name, one.hold, _text(one), one.until_utc_ms)
        held.setdefault(one.request.host, []).append(wait)
    return [_without(report, held.get(report.host, ())) for report in reports]


def _without(report: HostReport, waits: Sequence[Held]) -> HostReport:
    plan = report.plan
    if plan is None or not waits:
        return report
    plan = _waiting(plan, waits)
    return replace(HostReport.of_plan(plan), recovered=report.recovered, open_run=report.open_run)


def _waiting(plan: Plan, waits: Sequence[Held]) -> Plan:
    ids = {held.id for held in waits}
    kept = tuple(c for c in plan.after_commit if not (isinstance(c, CertificateRenew) and c.id in ids))
    return replace(plan, after_commit=kept, held=(*plan.held, *waits))


def _text(held: HeldRequest) -> str:
    return held.text if held.until_utc_ms is None else f"{held.text}; not before {moment_text(held.until_utc_ms)}"


def _never_asked(report: HostReport) -> bool:
    """Whether a host without an answer to its renewals was surely not asked for them."""
    outcome, error = report.outcome, report.error
    if report.status is HostStatus.NOT_RUN or isinstance(error, _NOT_SENT):
        return True
    if outcome is None:
        # What follows the changes is never begun without an answer to them.
        return error is None or (report.plan is not None and bool(report.plan.changes))
    return not isinstance(error, OutcomeUnknown) and (outcome.result is not Result.APPLIED or bool(report.remaining))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
