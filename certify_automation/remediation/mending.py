"""Which findings of a host a remedy ends, and why the others are left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from certify_automation.doctor.diagnosis import Case
from certify_automation.evidence import endpoint_url, foreign_listener, foreign_urls
from certify_automation.model.facts import Facts
from certify_automation.model.finding import Finding, Repair, Severity
from certify_automation.model.host import HostState
from certify_automation.remediation.files import FILES
from certify_automation.remediation.fragment import Allowed, Fragment, NeedsPerson, Remedied, Remedy, merged
from certify_automation.remediation.goal import Goal
from certify_automation.remediation.http_sys import HTTP_SYS
from certify_automation.remediation.listening import LISTENING, Remedial

REMEDIES: Mapping[str, Remedial] = {**LISTENING, **HTTP_SYS, **FILES}
"""Finding id -> its remedy, for every one that the catalogue does not leave to a person."""

# Where one of these stays, a start would end without an API, or spoil what is left: every start replaces the database's
# backups, and where appsettings.json cannot be read it loses the instance's identity.
_NO_START = frozenset(
    f"CA{number}" for number in (6102, 6103, 6114, 6117, 6118, 6121, 6308, 6401, 6402, 6403, 6405, 6406, 6408, 6506)
)
# A service that is stuck takes no orders, and on a full disk no journal can be kept.
_NO_CHANGE = frozenset({"CA6108", "CA6801"})
_NO_START_OF = {
    "v6": frozenset({"CA6201", "CA6205", "CA6207", "CA6208", "CA6209"}),
    "v7": frozenset({"CA6307"}),
}


def remedied(
    findings: Sequence[Finding], facts: Facts, declared: HostState, allowed: Allowed, only: Collection[str] = ()
) -> Remedied:
    """What ends these findings of a host, as far as that can be done from here.

    Args:
        findings: of the host, as `diagnose` tells them.
        facts: they were told from.
        declared: for the host; where nothing is, serviceconfig.json and then the product's defaults count.
        allowed: by the caller.
        only: ids of the findings to end, with what follows from them; empty = all.
    """
    asked = {text.upper() for text in only} or {one.id for one in findings}
    chosen = _with_consequences(findings, asked)
    goal = Goal(Case(facts, declared), frozenset(one.id for one in chosen))
    obstacle = _obstacle(_Mending(findings, goal, allowed, _Obstacle()).left(findings), goal)
    mending = _Mending(findings, goal, allowed, obstacle)
    state, restart = _as_declared(declared), False
    mended, left = [], []
    for finding in chosen:
        remedy = mending.remedy(finding)
        if isinstance(remedy, NeedsPerson):
            # What only follows from what was asked for was not asked for itself.
            left += [(finding, remedy.reason)] if finding.id in asked else []
        else:
            mended.append(finding)
            state, restart = merged(state, remedy.state), restart or remedy.restart
    if obstacle.why:  # whether the API answers afterwards says nothing of what is changed
        state = replace(state, endpoint=None)
    return Remedied(state, restart, tuple(mended), tuple(left))


def _with_consequences(findings: Sequence[Finding], asked: Collection[str]) -> tuple[Finding, ...]:
    """Those with these ids and all that follows from them, at however many removes; hints are no faults."""
    ids, grown = set(asked), set[str]()
    while grown != ids:
        grown, ids = ids, ids | {one.id for one in findings if ids & set(one.caused_by)}
    return tuple(one for one in findings if one.id in ids and one.severity is not Severity.HINT)


def _as_declared(declared: HostState) -> HostState:
    """What decides how the rest is understood."""
    return HostState(
        http_01=declared.http_01, kestrel_endpoint=declared.kestrel_endpoint, allow_https=declared.allow_https
    )


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """What keeps the service from listening after a start.

    Attributes:
        why: in words; empty = nothing does.
        whole: no change at all can be made meanwhile.
        silent: the service of version 6 runs without its API: it is started anew when http.sys changes.
    """

    why: str = ""
    whole: bool = False
    silent: bool = False

    def against(self, fragment: Fragment) -> str:
        """Why a remedy has to wait, empty when it need not."""
        if not self.why or not (self.whole or fragment.starts or (self.silent and fragment.listens)):
            return ""
        return self.why if self.whole else f"the service would have to be started for it, and {self.why}"


def _obstacle(left: Sequence[Finding], goal: Goal) -> _Obstacle:
    case = goal.case
    silent = case.running and case.generation == "v6" and not case.effective
    grave = [one for one in left if one.severity.rank <= Severity.ERROR.rank]
    stuck = next((one for one in grave if one.id in _NO_CHANGE), None)
    if stuck is not None:
        return _Obstacle(f"nothing can be changed because of {_named(stuck)}", whole=True)
    ids = _NO_START | _NO_START_OF.get(case.generation or "", frozenset())
    blocker = next((one for one in grave if one.id in ids), None)
    if blocker is not None:
        return _Obstacle(f"{_named(blocker)} stands against that: that first", silent=silent)
    return _Obstacle(_taken(goal), silent=silent)


def _taken(goal: Goal) -> str:
    """Why the place where the API is to listen cannot be had, in words; empty when it can."""
    end, facts = goal.target, goal.case.facts
    if endpoint_url(end.url) in goal.case.effective:
        return ""
    if any(first <= end.port <= last for first, last in goal.case.examination.excluded_ports or ()):
        return f"Windows lets nobody listen on port {end.port}"
    owner = foreign_listener(facts, end)
    urls = foreign_urls(facts, end) if goal.case.generation == "v6" else ()
    holder = f"another program of http.sys with {', '.join(urls)}" if urls else ""
    if owner is not None:
        holder = f"{owner.process_name or 'an unnamed process'} (process {owner.process_id})"
    choice = "which of the two is to have it, only a person can say"
    return f"{end.url} is held by {holder}: {choice}" if holder else ""


class _Mending:
    """The remedies of one host's findings, each found once.

    What follows from others ends with them: with all of them, or not at all.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        goal: Goal,
        allowed: Allowed,
        obstacle: _Obstacle,
    ) -> None:
        self._findings = findings
        self._goal = goal
        self._allowed = allowed
        self._obstacle = obstacle
        self._known: dict[tuple[str, str], Remedy] = {}

    def left(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Those that stay."""
        return tuple(one for one in findings if isinstance(self.remedy(one), NeedsPerson))

    def remedy(self, finding: Finding) -> Remedy:
        """What ends a finding, with its causes; or why nothing here does."""
        key = finding.id, finding.subject
        if key not in self._known:
            self._known[key] = NeedsPerson("it follows from itself")
            self._known[key] = self._found(finding)
        return self._known[key]

    def _found(self, finding: Finding) -> Remedy:
        if finding.id not in self._goal.ending:
            return NeedsPerson("it is none of those that are to end")
        causes = [one for one in self._findings if one.id in finding.caused_by]
        # One that nobody asked to end may be without effect here: it counts where no other is to end.
        counting = [one for one in causes if one.id in self._goal.ending] or causes
        for cause in counting:
            if isinstance(self.remedy(cause), NeedsPerson):
                return NeedsPerson(f"it follows from {_named(cause)}: that first")
        if finding.caused_by and finding.repair is Repair.PERSON:
            return Fragment()
        remedy = self._own(finding)
        why = self._obstacle.against(remedy) if isinstance(remedy, Fragment) else ""
        return NeedsPerson(why) if why else remedy

    def _own(self, finding: Finding) -> Remedy:
        if finding.repair is Repair.PERSON or finding.id not in REMEDIES:
            return NeedsPerson(finding.person or finding.fix)
        if finding.repair is Repair.WITH_DATA and not self._allowed.data:
            return NeedsPerson("it changes the product's data: pass --allow-data to have it done")
        if finding.repair is Repair.WITH_LOCKOUT and not self._allowed.lockout:
            return NeedsPerson("it can cut this host off: pass --allow-lockout to have it done under a timer")
        return REMEDIES[finding.id](self._goal, finding)


def _named(finding: Finding) -> str:
    return f"{finding.id} ({finding.title})"
