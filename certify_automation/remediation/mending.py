"""Which findings of a host a remedy ends, and why the others are left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from certify_automation.doctor.diagnosis import Case
from certify_automation.evidence import foreign_listener
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
    f"CA{number}"
    for number in (6102, 6103, 6108, 6114, 6117, 6118, 6121, 6308, 6401, 6402, 6403, 6405, 6406, 6506, 6801)
)
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
    every = _Mending(findings, goal, allowed, lambda _: "")
    mending = _Mending(findings, goal, allowed, _blocked_by(every.left(findings), goal))
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


def _blocked_by(left: Sequence[Finding], goal: Goal) -> Callable[[Fragment], str]:
    """What forbids the service's start, in words, for those remedies that would start it; empty for the others."""
    case = goal.case
    ids = _NO_START | _NO_START_OF.get(case.generation or "", frozenset())
    blocker = next((one for one in left if one.id in ids and one.severity.rank <= Severity.ERROR.rank), None)
    owner = foreign_listener(case.facts, goal.target)
    why = ""
    if blocker is not None:
        why = f"{_named(blocker)} stands against that: that first"
    elif owner is not None:
        who = f"{owner.process_name or 'an unnamed process'} (process {owner.process_id})"
        why = f"{who} listens at {goal.target.url} already: which of the two is to have it, only a person can say"
    silent = case.running and case.generation == "v6" and not case.effective

    def blocked(fragment: Fragment) -> str:
        return why if fragment.starts or (silent and fragment.listens) else ""

    return blocked


class _Mending:
    """The remedies of one host's findings, each found once.

    What follows from others ends with them: with all of them, or not at all.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        goal: Goal,
        allowed: Allowed,
        blocked: Callable[[Fragment], str],
    ) -> None:
        self._findings = findings
        self._goal = goal
        self._allowed = allowed
        self._blocked = blocked
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
        why = self._blocked(remedy) if isinstance(remedy, Fragment) else ""
        return NeedsPerson(f"the service would have to be started for it, and {why}") if why else remedy

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
