"""Two faults at once on a simulated host: what hides what (impossible_pairs.yaml), and what has become of the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import yaml

from certify_automation.diff import ip_listen_entries
from certify_automation.doctor import roots
from certify_automation.model.change import DataStoreRestore
from certify_automation.model.config_files import DATABASE
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.impact import Impact
from certify_automation.model.service import ServiceState
from certify_automation.plan import PlanOptions
from certify_automation.remediation import Allowed, Remedied, remedied, remedy_plan

from .faulty_hosts import CASES, Examined, FaultyHost, Row, rows

_TABLE: Mapping[str, Any] = yaml.safe_load((CASES / "impossible_pairs.yaml").read_text("utf-8"))
_GENERATIONS = {"both": ("v6", "v7"), "v6": ("v6",), "v7": ("v7",)}
_ANSWERS = {200, 401}
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, never bound
SEEN = tuple(row for row in rows() if not row.visit or row.fault == "constrained_language")
"""Every fault that an examination without the wire can tell of."""

Hidden = tuple[str, str, str]
"""Generation, the fault that is hidden, the one that hides it."""


def hidden() -> frozenset[Hidden]:
    return frozenset(
        (generation, fault, hider)
        for entry in _TABLE["hidden"]
        for hider in entry["by"]
        for key, generations in _GENERATIONS.items()
        for fault in entry.get(key, ())
        for generation in generations
    )


def tried() -> frozenset[tuple[str, frozenset[str]]]:
    """Generation and both faults of the pairs whose remedy fails and is put back."""
    return frozenset(
        (generation, frozenset({entry["fault"], other}))
        for entry in _TABLE["tried"]
        for key, generations in _GENERATIONS.items()
        for other in entry.get(key, ())
        for generation in generations
    )


def reasons() -> tuple[set[str], set[str]]:
    """Those the table has, and those its rows name."""
    return set(_TABLE["reasons"]), {entry["why"] for entry in _TABLE["hidden"]}


def pairs() -> tuple[tuple[Row, Row], ...]:
    """All pairs of faults that one host can have."""
    return tuple((one, two) for one, two in combinations(SEEN, 2) if one.generation == two.generation)


@dataclass
class Outcome:
    """A host with two faults before and after its remedy, with everything allowed."""

    pair: tuple[Row, Row]
    host: FaultyHost
    before: Examined
    reachable: bool
    files: Mapping[str, bytes]
    remedy: Remedied
    report: HostReport
    after: Examined

    def unexpected(self, table: frozenset[Hidden], failing: frozenset[tuple[str, frozenset[str]]]) -> Iterator[str]:
        """Everything that is not as it must be, in words."""
        yield from self._misleading(table)
        yield from self._worse()
        yield from self._dangerous()
        one, two = self.pair
        fails = self.report.status in {HostStatus.ROLLED_BACK, HostStatus.FAILED}
        if fails is not ((one.generation, frozenset({one.fault, two.fault})) in failing):
            yield f"the remedy ended with {self.report.status}: {self.report.error}"
        if not fails:
            yield from self._not_ended()

    def _misleading(self, table: frozenset[Hidden]) -> Iterator[str]:
        for row, other in (self.pair, self.pair[::-1]):
            told = row.finding is None or row.finding in self.before.ids
            if told is ((row.generation, row.fault, other.fault) in table):
                yield f"{row.fault} is {'told' if told else 'hidden'} by {sorted(self.before.ids)}"

    def _worse(self) -> Iterator[str]:
        """What answered answers, who could be reached can, and nothing is found that was not there."""
        own = self.pair[0].own | self.pair[1].own
        new = {one.id for one in roots(self.after.findings)} - self.before.ids - own
        if new:
            yield f"after the remedy there is {sorted(new)}"
        if answering(self.before.facts) and not answering(self.after.facts):
            yield "the API does not answer any more"
        if self.reachable and not self.host.host.computer.reachable():
            yield "the host is cut off"
        driver = self.before.facts.driver, self.after.facts.driver
        if (
            driver[0]
            and driver[0].state is ServiceState.RUNNING
            and driver[1]
            and driver[1].state is not driver[0].state
        ):
            yield "the driver does not run any more"

    def _dangerous(self) -> Iterator[str]:
        entries = [set(ip_listen_entries(one.facts) or ()) for one in (self.before, self.after)]
        entries[0] |= set(self.before.facts.ip_listen.registry or ())  # in force with the driver's next start
        if (not entries[0] and entries[1]) or (entries[1] - entries[0]) & _EVERYWHERE:
            yield f"the IP listen list has become {sorted(entries[1])}"
        changes = self.report.plan.changes if self.report.plan else ()
        restores = any(isinstance(change, DataStoreRestore) for change in changes)
        files = self.host.files()
        gone = set(self.files) - set(files)
        if gone:
            yield f"{sorted(gone)} is not there any more"
        data = {path for path in self.files if path.endswith(DATABASE)} if restores else set()
        if any(self.files[path] not in files.values() for path in data):
            yield "the database that was replaced is nowhere any more"
        careful = remedied(self.before.findings, self.before.facts, HostState(), Allowed())
        plan = remedy_plan("web01", careful, self.before.facts, PlanOptions("b" * 32))
        for change in plan.changes:
            if change.impact is Impact.LOCKOUT or isinstance(change, DataStoreRestore):
                yield f"{change.kind} is planned although nobody has allowed it"
        if any(refusal.by_policy for refusal in plan.refusals):
            yield f"a plan asks for what is not allowed: {[refusal.id for refusal in plan.refusals]}"

    def _not_ended(self) -> Iterator[str]:
        """What was to end has ended, and everything that is left was said to be, with the reason."""
        left = {one.id: why for one, why in self.remedy.left}
        if not all(left.values()):
            yield f"no reason is given for {left}"
        said = {one.id for one in self.remedy.mended if not one.caused_by}
        if said & self.after.ids:
            yield f"{sorted(said & self.after.ids)} was to end"
        hid = {row.finding for row in self.pair if row.finding not in {one.id for one in roots(self.before.findings)}}
        known = {*left, *hid}
        unsaid = {one.id for one in roots(self.after.findings) if not known & {one.id, *one.caused_by}}
        if unsaid:
            yield f"{sorted(unsaid)} is left, and nobody said so"


def answering(facts: Facts) -> bool:
    return any(api.status in _ANSWERS for api in facts.api)


def outcome(pair: tuple[Row, Row]) -> Outcome:
    """What becomes of a host with both faults."""
    host = FaultyHost(pair[0].generation, pair)
    before, reachable, files = host.examine(), host.host.computer.reachable(), host.files()
    remedy, report = host.remediate(before)
    return Outcome(pair, host, before, reachable, files, remedy, report, host.examine())
