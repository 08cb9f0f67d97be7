"""Sessions to the lab's simulated computers in this process: the contract without the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from certify_automation import bundled
from certify_automation.desired import Fleet, load
from certify_automation.errors import OutcomeUnknown, ScriptRefused
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import BuiltHost, HostSpec, build
from certify_automation.lab.onhost import Killed, PowerLost, Visit, VisitFaults, answer
from certify_automation.lab.windows.clock import StillClock
from certify_automation.onhost import Script


class LabSession:
    """A session that runs its scripts on a simulated computer at once; counts what was asked.

    Attributes:
        faults: of the next visit that acts.
    """

    def __init__(self, host: BuiltHost) -> None:
        self.host = host
        self.scripts: list[str] = []
        self.faults = VisitFaults()

    def run(self, script: Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        self.scripts.append(script.name)
        faults, self.faults = (self.faults, VisitFaults()) if acts else (VisitFaults(), self.faults)
        visit = Visit(self.host.computer, administrator=self.host.administrator, faults=faults)
        sent = json.loads(json.dumps(parameters))
        try:
            reply = answer(visit, script.name, sent, deadline_seconds=240)
        except (Killed, PowerLost) as error:
            self.host.computer.files.close_all(visit.process)
            raise OutcomeUnknown("CA2099", "the connection broke") from error
        if not reply["ok"]:
            raise ScriptRefused("CA2100", reply["error"]["message"])
        value: Mapping[str, object] = reply["value"]
        return value


def built(spec: HostSpec, number: int, faults: Iterable[tuple[str, Mapping[str, Any]]] = ()) -> BuiltHost:
    """A simulated host with these faults of its state."""
    clock = StillClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    rules = FaultRules(FaultRule(fault, options=options) for fault, options in faults)
    return rules.apply_state(build(spec, number, clock), number)


def declared(folder: Path, specs: Iterable[HostSpec]) -> Fleet:
    """What the example fleet declares for hosts with these names, groups and variables."""
    groups: dict[str, Any] = {"legacy": {"hosts": {}}, "modern": {"hosts": {}}}
    for spec in specs:
        groups[spec.group]["hosts"][spec.name] = {"vars": {"api_port": 9696, **spec.variables}}
    (folder / "state").mkdir()
    for state in sorted(bundled.folder("examples").glob("fleet/state/*.yaml")):
        if state.stem != "web07":
            (folder / "state" / state.name).write_bytes(state.read_bytes())
    inventory = {"version": 1, "defaults": {"connection": {"username": "lab"}}, "groups": groups}
    (folder / "inventory.yaml").write_text(yaml.safe_dump(inventory), "utf-8")
    return load(folder, environ={})
