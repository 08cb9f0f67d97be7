"""A run of `renew` over hosts: what it asks of each, and how it goes on where an earlier one has stopped."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from certify_automation.desired import DesiredHost
from certify_automation.errors import Problem, UsageError
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.reach import Reach
from certify_automation.fleet.records import RecordedRun
from certify_automation.guard.requests import CertificateRequest
from certify_automation.model.certificate import ManagedCertificate, RequestState
from certify_automation.model.config_files import JsonValue
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import ExitCode
from certify_automation.model.plan import Origin
from certify_automation.model.renewal import CertificateRenew, RenewalResult, RenewalStatus
from certify_automation.naming import some_of
from certify_automation.plan import PlanOptions, RequestTerms
from certify_automation.renewal import Filters, Met, Wanted, met, missed_warnings
from certify_automation.report import one_line
from certify_automation.requesting import Requested, Requesting, request_host

_COMMAND = "renew"
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RunTerms:
    """What a run asks for, of whichever host; recorded with it.

    Attributes:
        most: certificates in all; None = any number.
        waves: as written; empty = all hosts at once.
    """

    wanted: Wanted
    restart_stalled: bool = False
    most: int | None = None
    waves: str = ""

    def to_json(self) -> Mapping[str, JsonValue]:
        """For the record; the waves have a place of their own there."""
        wanted = {name: value for name, value in asdict(self.wanted).items() if name != "filters"}
        filters = {**asdict(self.wanted.filters), "ids": list(self.wanted.filters.ids)}
        return {**wanted, "filters": filters, "restart_stalled": self.restart_stalled, "most": self.most}

    def going_on(self, run: RecordedRun) -> RunTerms:
        """Those of a recorded run, for whichever certificates; what these terms allow is allowed as well.

        Raises:
            UsageError: CA5035 it is a run of another command.
        """
        start, options = run.start, run.start.options
        if start.command != _COMMAND:
            hint = f"`{start.command}` asks for what is left of it by itself"
            raise UsageError("CA5035", f"run {start.run_id} is one of `{start.command}`, not of `renew`", hint=hint)
        most = options.get("most")
        wanted = Wanted(
            bool(options.get("force")),
            bool(options.get("reissue")),
            self.wanted.outside_window or bool(options.get("outside_window")),
        )
        restart = self.restart_stalled or bool(options.get("restart_stalled"))
        return RunTerms(wanted, restart, most if isinstance(most, int) else None, start.waves)


@dataclass(slots=True)
class RenewalRun:
    """One run over the hosts of a fleet; what there is to be said is said by its guard.

    Attributes:
        terms: what it asks for.
        run_id: 32 hex digits.
        recorded: the run that goes on; None = it begins.
    """

    reach: Reach
    guard: Guard
    origin: Origin
    terms: RunTerms
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    recorded: RecordedRun | None = None
    _passed_over: dict[str, tuple[RenewalResult, ...]] = field(default_factory=dict)
    _met: dict[str, Met] = field(default_factory=dict)
    _left: dict[str, list[CertificateRequest]] = field(default_factory=dict)
    _cut_off: frozenset[CertificateRequest] = frozenset()

    def __post_init__(self) -> None:
        """Sorts out what the recorded run has left."""
        if self.recorded is not None:
            self._cut_off = frozenset(self.recorded.cut_off)
            for request in self.recorded.remaining:
                self._left.setdefault(request.host, []).append(request)

    @classmethod
    def of(cls, reach: Reach, guard: Guard, terms: RunTerms, origin: Origin, resume: str = "") -> RenewalRun:
        """The run with these terms, or the one to go on with, by the first 8 or more digits of its id.

        Raises:
            UsageError: as RunTerms.going_on; CA3210 to CA3214 the run to go on with, CA5037 none of its hosts is
                selected.
            Locked: CA3216 another process has that in hand.
        """
        run = cls(reach, guard, origin, terms)
        if resume:
            recorded = guard.ledger.run(resume.strip().lower())
            run = cls(reach, guard, origin, terms.going_on(recorded), recorded.start.run_id, recorded)
            guard.hosts = recorded.hosts
            run.check_who_is_there()
        guard.waves, guard.options = run.terms.waves, run.terms.to_json()
        guard.outside_window = run.terms.wanted.outside_window
        return run

    @property
    def hosts(self) -> list[str]:
        """The hosts to be looked at, in the order in which they start."""
        if self.recorded is None:
            return list(self.reach.fleet.hosts)
        return [name for name in self.recorded.hosts if name in self._left and name in self.reach.fleet.hosts]

    def look(self, host: DesiredHost) -> HostReport:
        """What a host is to request; also from several threads.

        Raises:
            HostError: as request_host.
        """
        options = PlanOptions(self.run_id, now_utc_ms=_now_ms())
        wanted, expected = self.terms.wanted, {one.id: one.thumbprint for one in self._left.get(host.name, ())}
        if self.recorded is not None:
            wanted = replace(wanted, filters=Filters(ids=tuple(expected)))
        attempted = {one.id: one.attempted_utc_ms for one in self._cut_off if one.host == host.name}
        terms = RequestTerms(wanted, self.terms.restart_stalled, expected, attempted)
        how = Requesting(options, terms, self.origin)
        found = request_host(host, self.reach.session(host), how, self.guard.watching(host.name))
        self.guard.waiting.extend(found.waiting)
        if (seen := found.facts.certificates) is not None and seen.certificates is not None:
            filters = self.terms.wanted.filters
            self._met[host.name] = met(filters, host.name, seen.certificates, seen.preferences or {})
        self._passed_over[host.name] = tuple(self._gone(found))
        return found.report

    def chosen(self, reports: Sequence[HostReport], *, dry_run: bool) -> list[HostReport]:
        """The reports with no more than the run may request; what has come to an end without it is recorded."""
        for host, results in self._passed_over.items():
            if not dry_run:
                self.guard.pass_over(self.run_id, host, results)
            self._say_what_failed(host, results)
        return self.guard.cap(reports, self.terms.most)

    @property
    def missed(self) -> tuple[tuple[str, Problem], ...]:
        """What is asked for by name and fits nothing on the hosts that were looked at, each with what to do."""
        return tuple(missed_warnings(self.terms.wanted.filters, self._met.values()))

    def check_who_is_there(self) -> None:
        """Say which hosts the run that goes on has left and this call has not.

        Raises:
            UsageError: CA5037 it has none of them.
        """
        absent = [name for name in self._left if name not in self.reach.fleet.hosts]
        names = some_of(absent, _NAMES_SHOWN)
        if absent and not self.hosts:
            hint = "see --limit, and whether they are in the inventory still"
            raise UsageError("CA5037", f"no host that run {self.run_id} has left is selected: {names}", hint=hint)
        if absent:
            self.guard.say(f"not selected, or not in the inventory, and left for later: {names}")

    @property
    def code(self) -> ExitCode:
        """What the certificates that an earlier part of the run has requested come to."""
        results = [result for every in self._passed_over.values() for result in every]
        failed = any(result.status is RenewalStatus.FAILED for result in results)
        return ExitCode.HOSTS_FAILED if failed else ExitCode.DONE

    def say_what_is_left(self) -> None:
        """How to go on with what the run has left, where another run would not do the same."""
        if self.guard.left and (self.terms.wanted.forced or self.terms.waves):
            number = f"{self.guard.left} certificate{'' if self.guard.left == 1 else 's'}"
            self.guard.say(f"left of this run: {number}; go on with `renew --resume {self.run_id}`")

    def _say_what_failed(self, host: str, results: Sequence[RenewalResult]) -> None:
        names = {request.id: request.name for request in self._left.get(host, ())}
        for result in results:
            if result.status is RenewalStatus.FAILED:
                said = f": {one_line(result.message)}" if result.message else ""
                what = f"{host}/{one_line(names[result.id])} was requested by this run before it was cut off"
                self.guard.warn(f"{what}: the attempt failed{said}")

    def _gone(self, found: Requested) -> Iterator[RenewalResult]:
        """What of a host's part of the run is neither requested now nor waits, and so has come to its end."""
        plan, inventory = found.report.plan, found.facts.certificates
        if plan is None or inventory is None or self.recorded is None:
            return
        items = {one.id: one for one in inventory.certificates or ()}
        wanted = {change.id for change in plan.after_commit if isinstance(change, CertificateRenew)}
        wanted |= {held.id for held in plan.held}
        for request in self._left[plan.host]:
            if request.id in wanted:
                continue
            item = items.get(request.id)
            if item is None:
                yield RenewalResult(request.id, RenewalStatus.MISSING)
            else:
                status = _become(request, item) if request in self._cut_off else RenewalStatus.MOVED
                yield RenewalResult(request.id, status, item.failure_message, item.thumbprint, item.attempted_utc_ms)


def _become(request: CertificateRequest, item: ManagedCertificate) -> RenewalStatus:
    """What an attempt came to of which the run has heard nothing; MOVED: there was none."""
    if item.thumbprint != request.thumbprint:
        return RenewalStatus.RENEWED
    if item.attempted_utc_ms == request.attempted_utc_ms:
        return RenewalStatus.MOVED
    if item.status == RequestState.PAUSED:
        return RenewalStatus.PAUSED
    return RenewalStatus.RENEWED if item.status == RequestState.SUCCESS else RenewalStatus.FAILED


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
