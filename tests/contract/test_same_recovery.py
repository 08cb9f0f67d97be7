"""A run cut off on the simulated host is recovered by the scripts and by the lab: both must do the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.onhost import Cut, Killed, Point, PowerLost, VisitFaults
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.windows.power import boot, lose_power
from contract.comparing import check_schema, comparable, left_behind
from contract.engine import HERE, Engine, Visit
from contract.hosts import AUTOMATION, Host, make_host, make_plan
from contract.simulated import simulated_reply

EFFECTS = {
    "every kind of change, v6": 50,
    "files and restart, v7, German, whose API never answers": 38,
    "a backup in place of the database, v6": 39,
    "a backup in place of the database, v7, whose API never answers": 40,
}
"""Case -> how many effects its visit has at least."""

CASES = {
    case["name"]: case
    for case in yaml.safe_load((HERE.parent / "cases" / "contract" / "sweep.yaml").read_text("utf-8"))
    if case["name"] in EFFECTS
}
OBSERVE = {"endpoint": {"host": "127.0.0.2", "port": 9696, "https": False}, "ports": [9696], "run": "last"}
_DEADLINE = 300


def parameters(case: dict[str, Any], host: Host, name: str, **changed: Any) -> dict[str, Any]:
    return {"verb": "apply", "plan": {**make_plan({**case, "name": name}, host), **changed}}


def recovering(case: dict[str, Any], host: Host) -> dict[str, Any]:
    return parameters(case, host, "recovering", changes=[], health=None)


def cut_off(case: dict[str, Any], root: Path, cut: Cut) -> Host:
    """A host on which the lab's visit was cut off."""
    host = make_host(case, root)
    with pytest.raises(PowerLost if cut.power else Killed):
        simulated_reply(
            host, "Apply", parameters(case, host, "cut off"), deadline=_DEADLINE, faults=VisitFaults(cut=cut)
        )
    if cut.power:
        lose_power(host.computer)
        boot(host.computer)
    host.computer.pass_time(60)
    return host


def as_the_engine_sees_it(host: Host) -> None:
    """Write the records of runs with the paths that the engine's disk has."""
    files = host.computer.files
    for entry in files.entries(f"{AUTOMATION}\\runs"):
        folder = f"{AUTOMATION}\\runs\\{entry.name}"
        if not files.exists(f"{folder}\\journal"):
            continue
        plan = ascii_json(host.paths.everywhere_inward(json.loads(files.read(f"{folder}\\plan.json")))).encode()
        *lines, torn = files.read(f"{folder}\\journal").split(b"\n")
        seen = [host.paths.everywhere_inward(json.loads(line)) for line in lines]
        for begin in seen[:1]:
            begin["plan_sha256"] = hashlib.sha256(plan).hexdigest()
        files.write(f"{folder}\\plan.json", plan)
        files.write(f"{folder}\\journal", b"".join(ascii_json(line).encode() + b"\n" for line in seen) + torn)


def without_plan(reply: dict[str, Any]) -> dict[str, Any]:
    """A record's plan has the paths of the disk, which is another one for the engine."""
    reply = comparable(reply)
    run = (reply["value"].get("records") or {}).get("run")
    if run is not None:
        assert run.pop("plan").startswith('{"run_id":')
        assert len(run.pop("plan_sha256")) == 64
    return reply


def cuts(name: str) -> list[Cut]:
    """Some, spread over the visit after the plan was kept; those without a middle are cut before they are had."""
    return [Cut(number, Point.INSIDE, power=number % 8 == 3) for number in range(7, EFFECTS[name], 4)]


@pytest.mark.parametrize("name", CASES)
def test_both_recover_a_run_in_the_same_way(name: str, engine: Engine, tmp_path: Path) -> None:
    case, pairs, visits = CASES[name], [], []
    for number, cut in enumerate(cuts(name)):
        host, twin = (cut_off(case, tmp_path / f"{number}{kind}", cut) for kind in ("engine", "lab"))
        as_the_engine_sees_it(host)
        pairs.append((cut, host, twin))
        visits += [
            Visit("Observe", OBSERVE, host.commands()),
            Visit("Apply", recovering(case, host), host.commands(), _DEADLINE),
            Visit("Observe", OBSERVE, host.commands()),
        ]
    replies = iter(engine.visits(visits))
    for cut, host, twin in pairs:
        expected = [
            simulated_reply(twin, "Observe", OBSERVE),
            simulated_reply(twin, "Apply", recovering(case, twin), deadline=_DEADLINE),
            simulated_reply(twin, "Observe", OBSERVE),
        ]
        for script, said in zip(("facts", "outcome", "facts"), expected, strict=True):
            check_schema(script, said["value"])
            assert without_plan(next(replies)) == without_plan(said), cut
        assert left_behind(host) == left_behind(twin), cut
