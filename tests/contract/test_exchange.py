"""A file's exchange that was cut off, resisted, or met somebody else's bytes: by the scripts and by the lab."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.onhost import Cut, Killed, VisitFaults
from certify_automation.lab.onhost import Visit as LabVisit
from certify_automation.lab.onhost import answer as lab_answer
from contract.comparing import check_schema, comparable, left_behind
from contract.engine import HERE, Engine
from contract.hosts import AUTOMATION, DATA, Host, make_host
from contract.simulated import simulated_reply
from contract.sweep import plan_of, visit_of
from contract.test_same_recovery import as_the_engine_sees_it

CASES = yaml.safe_load((HERE.parent / "cases" / "contract" / "exchange.yaml").read_text("utf-8"))
RUN = hashlib.sha256(b"first").hexdigest()[:32]
FILE = f"{DATA}\\servers.json"
PLACES = {
    "file": FILE,
    "new": f"{FILE}.certify-automation",
    "old": f"{FILE}.certify-automation.old",
    "kept": f"{AUTOMATION}\\runs\\{RUN}\\servers.displaced",
}
TEXTS = {"B": "[]", "A": "[1]"}
STEP = 1
_DEADLINE = 300


def plan_case(case: dict[str, Any]) -> dict[str, Any]:
    """Two changes on a host without the product running: the second writes, makes or removes servers.json."""
    before, after = (TEXTS.get(case.get(side, name)) for side, name in (("before", "B"), ("after", "A")))
    files = [] if before is None else [{"write": {"path": FILE, "text": before}}]
    changes = [
        {"kind": "ip_listen.add", "address": "127.0.0.2"},
        {"kind": "file.write", "file": "servers", "text": after},
    ]
    return {"name": case["name"], "arrange": [{"folder": {"path": DATA}}, *files], "changes": changes}


def effects_of(case: dict[str, Any], host: Host) -> list[str]:
    visit = LabVisit(host.computer, host.caller)
    asked = plan_of(case, host, "first")
    assert lab_answer(visit, "Apply", asked, deadline_seconds=_DEADLINE)["ok"]
    return [effect.name for effect in visit.effects.reached]


def begun(case: dict[str, Any], root: Path) -> Host:
    """A host whose run was cut off at the exchange, and what then stands where."""
    plan, found = plan_case(case), case["found"]
    names = effects_of(plan, make_host(plan, root / "twin"))
    number = next(i for i, name in enumerate(names) if name.startswith(("replace ", "move ")) and "servers" in name)
    host = make_host(plan, root / "host")
    with pytest.raises(Killed):
        simulated_reply(
            host, "Apply", plan_of(plan, host, "first"), deadline=_DEADLINE, faults=VisitFaults(cut=Cut(number))
        )
    for place, path in PLACES.items():
        put(host, path, found.get(place))
    return host


def put(host: Host, path: str, letter: str | None) -> None:
    if letter is not None:
        host.computer.files.write(path, TEXTS.get(letter, letter).encode())
    elif host.computer.files.exists(path):
        host.computer.files.delete(path)


def standing(host: Host) -> dict[str, str]:
    """What stands in which place, by its letter."""
    letters = {text.encode(): letter for letter, text in TEXTS.items()}
    files = host.computer.files
    contents = {place: files.read(path) for place, path in PLACES.items() if files.exists(path)}
    return {place: letters.get(content, content.decode()) for place, content in contents.items()}


@pytest.fixture(scope="module")
def recovered(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Host, dict[str, Any]]]:
    hosts = {case["name"]: begun(case, tmp_path_factory.mktemp("engine")) for case in CASES}
    visits = []
    for case in CASES:
        host = hosts[case["name"]]
        as_the_engine_sees_it(host)
        visits.append(visit_of({**plan_case(case), "changes": []}, host, "look"))
    replies = engine.visits(visits)
    return {name: (host, reply) for (name, host), reply in zip(hosts.items(), replies, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_nothing_of_anybody_is_lost(
    case: dict[str, Any], recovered: dict[str, tuple[Host, dict[str, Any]]], tmp_path: Path
) -> None:
    host, reply = recovered[case["name"]]
    check_schema("outcome", reply["value"])
    (run,) = reply["value"]["recovered"]
    assert run["result"] == case.get("result", "rolled_back")
    left = {place: letter for place, letter in case["left"].items() if letter is not None}
    assert standing(host) == left
    message = run["steps"][STEP]["message"] or ""
    assert ("\\servers.displaced" in message) is ("kept" in left)
    twin = begun(case, tmp_path)
    nothing = {**plan_case(case), "changes": []}
    said = simulated_reply(twin, "Apply", plan_of(nothing, twin, "look"), deadline=_DEADLINE)
    assert comparable(reply) == comparable(said)
    (theirs,) = said["value"]["recovered"]
    assert (PLACES["kept"] in (theirs["steps"][STEP]["message"] or "")) is ("kept" in left)
    assert left_behind(host) == left_behind(twin)
