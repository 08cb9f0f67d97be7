"""The step `renew` of playbooks: one run over the hosts of a batch, which goes on where it was cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from certify_automation.desired import DesiredHost
from certify_automation.desired.playbook_steps import step_values
from certify_automation.errors import HostError, Problem, UsageError
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.reach import Reach
from certify_automation.fleet.records import RecordedRun
from certify_automation.fleet.renewal_run import RenewalRun, RunTerms
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.plan import Origin
from certify_automation.model.playbook import PlaybookStep
from certify_automation.renewal import Filters, Wanted

_UNKNOWN, _FINISHED = "CA3211", "CA3212"
_SWITCHES = ("due", "failing", "force", "reissue", "outside_window", "restart_stalled")
_NOTHING_LEFT = "nothing of it is left to be requested"


@dataclass(frozen=True, slots=True)
class RequestTerms:
    """What a step asks for, the same on every host, and how many seconds it waits for certificates; 0 = not at all."""

    terms: RunTerms
    wait_seconds: int

    @classmethod
    def of(cls, step: PlaybookStep) -> RequestTerms:
        """Those of a step.

        Raises:
            HostError: CA1620, CA1622 an expression uses something else than parameters, or has no value; CA3244 what is
                not due is to be requested, and it is not said how much of it.
        """
        with_ = step_values(step, {})
        due, failing, force, reissue, outside, restart = (bool(with_.get(name)) for name in _SWITCHES)
        filters = Filters(due=due, failing=failing, issuer=with_.get("issuer"), domain=with_.get("domain"))
        if force and "max" not in with_:
            raise HostError("CA3244", "`force` requests what is not due, and `max` does not say how many")
        if reissue and not filters.issuer:
            raise HostError("CA3244", "`reissue` has certificates of an issuer issued again, and `issuer` names none")
        terms = RunTerms(Wanted(force, reissue, outside, filters), restart, with_.get("max"))
        return cls(terms, with_.get("wait", 0))


@dataclass(slots=True)
class RequestingStep:
    """The certificates that one step requests of the hosts of a batch.

    Attributes:
        asked: what the step asks for, of these hosts.
        recorded: the run that goes on; finished = it has nothing left.
    """

    run: RenewalRun
    guard: Guard
    wait_seconds: int
    recorded: RecordedRun | None = None
    finished: bool = False
    _looked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, asked: RequestTerms, reach: Reach, guard: Guard, origin: Origin, run_id: str) -> RequestingStep:
        """The step under a run id; where certificates were requested under it before, with what of them is left.

        Raises:
            UsageError: CA3210, CA3213, CA3214 what was requested before cannot be read.
            Locked: CA3216 another process has that run in hand.
        """
        recorded, finished = None, False
        try:
            recorded = guard.ledger.run(run_id)
        except UsageError as error:
            if error.id not in {_UNKNOWN, _FINISHED}:
                raise
            finished = error.id == _FINISHED
        guard.options, guard.outside_window = asked.terms.to_json(), asked.terms.wanted.outside_window
        run = RenewalRun(reach, guard, origin, asked.terms, run_id, recorded)
        return cls(run, guard, asked.wait_seconds, recorded, finished)

    @property
    def warnings(self) -> tuple[tuple[str, Problem], ...]:
        """What is asked for by name and fits nothing on any of the hosts."""
        return self.run.missed if self._looked else ()

    def plan(self, host: DesiredHost, _view: Mapping[str, object]) -> tuple[HostReport, str]:
        """What a host is to request, and what there is to be said of it; also from several threads.

        Raises:
            HostError: as `RenewalRun.look`.
        """
        if self.finished or (self.recorded is not None and host.name not in self.run.hosts):
            return HostReport(host.name, HostStatus.OK), _NOTHING_LEFT
        self._looked.add(host.name)
        return self.run.look(host), ""

    def chosen(self, reports: Sequence[HostReport], *, dry_run: bool) -> list[HostReport]:
        """The reports with no more than the step may request."""
        return self.run.chosen(reports, dry_run=dry_run)

    def desired(self, host: DesiredHost) -> DesiredHost:
        """The host, whose window counts."""
        return host

    def reach(self, reach: Reach) -> Reach:
        """With the time that the step waits for certificates."""
        return reach.waiting(self.wait_seconds)


def at_most(asked: RequestTerms, requested: int) -> RequestTerms:
    """The same terms, once so many certificates were requested of other hosts."""
    most = asked.terms.most
    if most is None:
        return asked
    return replace(asked, terms=replace(asked.terms, most=max(most - requested, 0)))
