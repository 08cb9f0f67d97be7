"""Simulated hosts with faults of `tests/cases/doctor/faults.yaml`: examined and remediated without the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from planning.on_the_lab import LabSession

from certify_automation.desired import DesiredHost
from certify_automation.doctor import diagnose
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import BuiltHost, HostSpec, build
from certify_automation.lab.windows import StillClock
from certify_automation.model.facts import Facts
from certify_automation.model.finding import Finding
from certify_automation.model.host import Connection, HostState
from certify_automation.model.host_report import HostReport
from certify_automation.plan import PlanOptions, observe_request
from certify_automation.reconcile import apply_plan
from certify_automation.remediation import Allowed, Remedied, remedied, remedy_plan
from certify_automation.remote.examine import examine_raw

CASES = Path(__file__).parent.parent / "cases" / "doctor"
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
EVERYTHING = Allowed(data=True, lockout=True)
_RUN = "a" * 32


@dataclass(frozen=True)
class Row:
    """What is to be found on a host of one generation with one fault.

    Attributes:
        number: of the row, from 0.
        finding: its cause; None = nothing is wrong.
        cuts_winrm: only a bundle tells of it.
        visit: what is found instead where the visit itself is refused; empty = it is not.
        remedy: `converges`, `person` or `flag`.
        also: further ids that are the fault's own.
    """

    number: int
    fault: str
    generation: str
    finding: str | None
    cuts_winrm: bool
    options: Mapping[str, Any] = field(hash=False)
    remedy: str
    visit: str = ""
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A host name whose first fifteen characters, the computer's name, no other row has."""
        return f"f{self.number:03}-{self.fault.replace('_', '-')}-{self.generation}.lab.example"

    @property
    def own(self) -> frozenset[str]:
        """Every id that the fault may have by itself."""
        return frozenset({self.finding, *self.also} - {None})


def rows() -> tuple[Row, ...]:
    """Every fault on every generation that it means anything for."""
    table: dict[str, dict[str, Any]] = yaml.safe_load((CASES / "faults.yaml").read_text("utf-8"))
    every = ((fault, one) for fault, entry in table.items() for one in _generations(entry["generation"]))
    return tuple(_row(number, fault, one, table[fault]) for number, (fault, one) in enumerate(every))


def _generations(text: str) -> tuple[str, ...]:
    return ("v6", "v7") if text == "both" else (text,)


def _row(number: int, fault: str, generation: str, entry: Mapping[str, Any]) -> Row:
    found = entry["id"][generation] if isinstance(entry["id"], dict) else entry["id"]
    refused, also = entry.get("visit", ""), tuple(entry.get("also", ()))
    return Row(number, fault, generation, found, entry["cuts_winrm"], entry["options"], entry["remedy"], refused, also)


@dataclass
class Examined:
    """What an examination without the wire found."""

    facts: Facts
    raw: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(one.id for one in self.findings)


@dataclass
class FaultyHost:
    """One computer, for which nothing is declared."""

    generation: str
    faults: Sequence[Row]
    host: BuiltHost = field(init=False)
    session: LabSession = field(init=False)
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        rules = FaultRules(FaultRule(row.fault, options=row.options) for row in self.faults)
        self.host = rules.apply_state(build(HostSpec("web01.lab.example", self.generation), 0, StillClock(NOW)), 0)
        self.session = LabSession(self.host)
        self._begun = self.host.computer.clock.elapsed()

    @property
    def now_ms(self) -> int:
        """The time of day elsewhere."""
        return round(1000 * (NOW.timestamp() + self.host.computer.clock.elapsed() - self._begun))

    @property
    def desired(self) -> DesiredHost:
        name = self.host.spec.name
        return DesiredHost(name, (), {}, {}, Connection(name), HostState())

    def files(self) -> Mapping[str, bytes]:
        """Path -> content of every file of the computer."""
        every = self.host.computer.files.walk()
        return {path: content for path, content in every.items() if content is not None}

    def examine(self) -> Examined:
        caller = self.desired.connection.api_caller
        facts, raw = examine_raw(self.session, observe_request(HostState()), caller)
        return Examined(facts, raw, diagnose(facts, HostState(), self.now_ms))

    def remediate(self, examined: Examined, allowed: Allowed = EVERYTHING) -> tuple[Remedied, HostReport]:
        """What was to become of the findings of an examination just now, and what became of the host."""
        options = PlanOptions(_RUN, now_utc_ms=self.now_ms, allow_lockout=allowed.lockout, allow_data=allowed.data)
        remedy = remedied(examined.findings, examined.facts, HostState(), allowed)
        plan = remedy_plan(self.host.spec.name, remedy, examined.facts, options)
        if plan.refusals:
            refused = ", ".join(one.message for one in plan.refusals)
            left = (*((one, refused) for one in remedy.mended), *remedy.left)
            return Remedied(HostState(), left=left), HostReport.of_plan(plan)
        report = apply_plan(plan, self.session)
        self.host.computer.pass_time(5)
        return remedy, report
