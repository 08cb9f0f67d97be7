"""A file's exchange that was cut off, resisted, or met somebody else's bytes: by the scripts and by the lab."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.onhost import Cut, Killed, VisitFaults
from certify_automation.lab.onhost import Visit as LabVisit
from certify_automation.lab.onhost import answer as lab_answer
from certify_automation.lab.windows import Win32Error
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


CUT_NOWHERE = {"name": "whole", "found": {}}


def resisting(host: Host, refusals: dict[str, list[tuple[str, int]]]) -> Callable[[str, Any], None]:
    """What refuses a command: for each, a mark in its arguments and the Win32 code, in the order in which they come."""
    waiting = {command: list(codes) for command, codes in refusals.items()}

    def before(command: str, arguments: Any) -> None:
        mark, code = next(iter(waiting.get(command, [])), ("", 0))
        said = str(arguments)
        if command == "Add-FileLine":
            said += base64.b64decode(arguments["content"]).decode()
        if code == 0 or mark not in said:
            return
        del waiting[command][0]
        if code == HALF_AN_EXCHANGE:
            host.computer.files.move(arguments["old"], arguments["backup"], overwrite=True)
        raise Win32Error(code, said)

    return before


HALF_AN_EXCHANGE = 1177
HELD = 32


def resisted(
    engine: Engine, root: Path, refusals: dict[str, list[tuple[str, int]]], **changed: Any
) -> tuple[Host, dict[str, Any]]:
    case = {**plan_case(CUT_NOWHERE), **changed}
    host = make_host(case, root)
    visit = visit_of(case, host, "first")
    visit.commands.before = resisting(host, refusals)
    outcome = engine.visit(visit)["value"]
    check_schema("outcome", outcome)
    return host, outcome


def test_half_an_exchange_is_gone_on_with_when_the_backup_was_held(engine: Engine, tmp_path: Path) -> None:
    refusals = {"Switch-File": [("", HALF_AN_EXCHANGE)], "Rename-NewFile": [("servers", HELD)] * 3}
    host, outcome = resisted(engine, tmp_path, refusals)
    assert (outcome["result"], standing(host)) == ("applied", {"file": "A"})


def test_half_an_exchange_counts_as_one_when_the_backup_stays_held(engine: Engine, tmp_path: Path) -> None:
    """The undo comes when the file is free again."""
    refusals = {"Switch-File": [("", HALF_AN_EXCHANGE)], "Rename-NewFile": [("servers", HELD)] * 5}
    host, outcome = resisted(engine, tmp_path, refusals)
    assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "file_write")
    assert [step["status"] for step in outcome["steps"]] == ["undone", "failed"]
    assert standing(host) == {"file": "B"}


def test_files_of_our_own_may_be_held_for_a_moment(engine: Engine, tmp_path: Path) -> None:
    refusals = {
        "Write-NewFile": [("plan.json", HELD), ("servers.before", HELD), ("outcome.json", HELD)],
        "Add-FileLine": [(word, 33) for word in ("begin", "begun", "done")],
        "Rename-NewFile": [("outcome.json", HELD)],
    }
    host, outcome = resisted(engine, tmp_path, refusals)
    assert (outcome["result"], standing(host)) == ("applied", {"file": "A"})
    assert host.computer.files.exists(f"{AUTOMATION}\\runs\\{RUN}\\outcome.json")


def test_what_has_failed_is_said_although_the_new_file_is_held(engine: Engine, tmp_path: Path) -> None:
    host = make_host(plan_case(CUT_NOWHERE), tmp_path)
    visit = visit_of(plan_case(CUT_NOWHERE), host, "first")
    files = host.computer.files

    def edit(command: str, arguments: Any) -> None:
        if command == "Switch-File" and arguments["new"] == PLACES["new"]:
            files.write(FILE, b"X")
        if command == "Remove-OldFile" and arguments["path"] == PLACES["new"]:
            raise Win32Error(HELD, PLACES["new"])

    visit.commands.before = edit
    outcome = engine.visit(visit)["value"]
    assert (outcome["failure"]["code"], files.read(FILE)) == ("file_changed", b"X")


def test_the_copy_of_what_was_there_before_is_never_replaced(engine: Engine, tmp_path: Path) -> None:
    case = {**plan_case(CUT_NOWHERE)}
    first = case["changes"][STEP]
    second = {**first, "text": "[2]", "before_sha256": hashlib.sha256(b"[1]").hexdigest()}
    case["changes"] = [*case["changes"], second]
    host, twin = (make_host(case, tmp_path / name) for name in ("engine", "lab"))
    reply = engine.visit(visit_of(case, host, "first"))
    said = simulated_reply(twin, "Apply", plan_of(case, twin, "first"), deadline=_DEADLINE)
    assert comparable(reply) == comparable(said)
    outcome = reply["value"]
    assert (outcome["result"], outcome["failure"]["code"], outcome["failure"]["step"]) == (
        "rolled_back",
        "file_write",
        STEP + 1,
    )
    assert (standing(host), standing(twin)) == ({"file": "B"}, {"file": "B"})
