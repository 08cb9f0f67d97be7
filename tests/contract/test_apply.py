from __future__ import annotations

import base64
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation import onhost
from certify_automation.lab.onhost import VisitFaults
from certify_automation.lab.windows import access
from certify_automation.model import codec, recovery
from certify_automation.model.apply_errors import outcome_error
from contract.comparing import at, check_schema, comparable, left_behind
from contract.engine import HERE, Engine, Killed, Visit
from contract.hosts import AUTOMATION, DATA, Host, arrange, make_host, make_plan
from contract.simulated import simulated_reply

FILES = ("apply.yaml", "apply-nouns.yaml", "apply-hosts.yaml")
CASES = [
    case for file in FILES for case in yaml.safe_load((HERE.parent / "cases" / "contract" / file).read_text("utf-8"))
]
NAMES = [case["name"] for case in CASES]
COMPARED = [case for case in CASES if "engine_only" not in case]
Answered = dict[str, tuple[Host, dict[str, Any]]]


def interference(case: dict[str, Any], host: Host) -> Callable[[str, Any], None]:
    """What happens on the host while the scripts run: each entry once, before the first command that matches."""
    waiting = list(case.get("during", []))

    def before(command: str, arguments: Any) -> None:
        for entry in list(waiting):
            said = str(arguments)
            if command == "Add-FileLine":
                said += base64.b64decode(arguments["content"]).decode()
            if entry["command"] == command and entry.get("matching", "") in said:
                waiting.remove(entry)
                for act in entry["do"]:
                    arrange(host, act)

    return before


def parameters(case: dict[str, Any], host: Host) -> dict[str, Any]:
    return {"verb": "apply", "plan": make_plan(case, host)}


def visit_of(case: dict[str, Any], host: Host) -> Visit:
    commands = host.commands()
    commands.before = interference(case, host)
    asked = parameters(case, host)
    return Visit(onhost.acting_script(asked).name, asked, commands, case.get("deadline", 60))


@pytest.fixture(scope="module")
def answered(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    hosts = [make_host(case, tmp_path_factory.mktemp("engine")) for case in CASES]
    replies = engine.visits([visit_of(case, host) for case, host in zip(CASES, hosts, strict=True)])
    return {name: (host, reply) for name, host, reply in zip(NAMES, hosts, replies, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_outcomes_are_as_the_contract_says(case: dict[str, Any], answered: Answered) -> None:
    host, reply = answered[case["name"]]
    assert reply["ok"], reply
    outcome, expect = reply["value"], case["expect"]
    check_schema("outcome", outcome)
    assert [step["status"] for step in outcome["steps"]] == expect["steps"]
    assert outcome["result"] == expect["result"]
    assert (outcome["failure"] or {}).get("code") == expect.get("failure")
    refusal = outcome["refusal"] or {"code": None, "moved": [], "message": ""}
    assert (refusal["code"], refusal["moved"]) == (expect.get("refusal"), expect.get("moved", []))
    assert refusal["message"] == expect.get("message", refusal["message"])
    assert (outcome["health"] or {"healthy": False})["healthy"] == expect.get("healthy", False)
    if "status" in expect:
        assert outcome["health"]["status"] == expect["status"]
    codes = {step["code"] for step in outcome["steps"] if step["status"] == "undo_failed"} - {"undo"}
    assert codes == set(expect.get("codes", []))
    assert outcome["facts"] is not None
    for path, wanted in case.get("after", {}).items():
        assert at(outcome["facts"], path) == wanted, path
    for path in case.get("absent", []):
        assert not host.computer.files.exists(path), path
    if "left" in case:
        service = host.computer.services.get("Certify.Service")
        assert service is not None
        assert (service.failure_actions or b"").hex() == case["left"]


@pytest.mark.parametrize("case", COMPARED, ids=[case["name"] for case in COMPARED])
def test_the_scripts_and_the_lab_do_the_same(case: dict[str, Any], answered: Answered, tmp_path: Path) -> None:
    host, reply = answered[case["name"]]
    twin = make_host(case, tmp_path)
    faults = VisitFaults(**case.get("faults", {}))
    deadline = case.get("deadline", 60)
    expected = simulated_reply(twin, "Apply", parameters(case, twin), deadline=deadline, faults=faults)
    check_schema("outcome", expected["value"])
    assert comparable(reply) == comparable(expected)
    assert left_behind(host) == left_behind(twin)


REVERSED = [case for case in CASES if case["expect"]["result"] in ("rolled_back", "refused")]


@pytest.mark.parametrize("case", REVERSED, ids=[case["name"] for case in REVERSED])
def test_undo_and_refusal_leave_the_host_as_it_was(case: dict[str, Any], answered: Answered, tmp_path: Path) -> None:
    host, reply = answered[case["name"]]
    before, after = lasting(make_host(case, tmp_path)), lasting(host)
    for path in case.get("edited", []):
        before["files"].pop(path, None)
        assert after["files"].pop(path) is not None
    kept = {step["kind"] for step in reply["value"]["steps"] if step["status"] == "kept"}
    for part in before:
        if part == "states" and kept:
            continue
        assert after[part] == before[part], part


def lasting(host: Host) -> dict[str, Any]:
    """What an undo owes: everything but process ids, logs, databases, and our own folder."""
    dump = left_behind(host)
    rows = [*dump["services"], *dump["drivers"]]
    ours = (
        "C:\\ProgramData\\certify-automation",
        "C:\\ProgramData\\certify\\logs",
        "C:\\ProgramData\\certify\\manageditems",
    )
    product = ("appsettings.json", "credentials", "cred.db")
    return {
        "states": {row["name"]: row["state"] for row in rows},
        "modes": {row["name"]: (row["start_mode"], row["delayed"]) for row in rows},
        "files": {
            path: content
            for path, content in dump["files"].items()
            if not path.startswith(ours) and not any(name in path for name in product)
        },
        "recoveries": {row["name"]: recovery_of(row) for row in rows},
        "rules": sorted((dump["firewall"] or {}).values()),
        "rights": access_text(host.computer.files.security(DATA)),
        "listen": (sorted(dump["listen_live"]), sorted(dump["listen_registry"] or [])),
        "reservations": dump["reservations"],
    }


def recovery_of(row: dict[str, Any]) -> Any:
    """What a service's recovery does; its bytes where they cannot be read."""
    content = None if row["failure_actions"] is None else bytes.fromhex(row["failure_actions"])
    try:
        found = recovery.recovery_of(content, flag=row["failure_flag"])
    except ValueError:
        return content
    nothing = recovery.Recovery(on_stop_with_error=found.on_stop_with_error)
    return nothing if found.same_as(nothing) else found


def access_text(sddl: str) -> tuple[str, list[str]]:
    """The owner and flags of a list of rights, and its entries in no order that means anything."""
    head, *entries = access.canonical_list(sddl).split("(")
    return head, sorted(entries)


DAMAGED = [
    case
    for case in CASES
    if "codes" in case["expect"] and all(change["kind"] != "data_store.restore" for change in case["changes"])
]


@pytest.mark.parametrize("case", DAMAGED, ids=[case["name"] for case in DAMAGED])
def test_one_start_on_damaged_data_keeps_good_copies(case: dict[str, Any], answered: Answered, tmp_path: Path) -> None:
    host, reply = answered[case["name"]]
    before, after = (
        {path.rpartition("\\")[2]: one.computer.files.read(path) for path in databases(one)}
        for one in (make_host(case, tmp_path), host)
    )
    run = f"{AUTOMATION}\\runs\\{reply['value']['run_id']}\\data"
    files = host.computer.files
    assert {entry.name: files.read(f"{run}\\{entry.name}") for entry in files.entries(run)} == before
    assert after["manageditems.db.bak.old"] == before["manageditems.db.bak"] != before["manageditems.db"]
    assert run in reply["value"]["steps"][-1]["message"]
    error = outcome_error(codec.outcome_from_json(reply["value"]))
    assert error is not None
    assert (error.id, run in error.message) == ("CA4023", True)


def databases(host: Host) -> list[str]:
    return [path for path in host.computer.files.walk() if path.startswith(f"{DATA}\\manageditems.db")]


def test_an_interrupted_copy_is_not_replaced_by_later_data(engine: Engine, tmp_path: Path) -> None:
    restart = {"kind": "service.restart", "service": "Certify.Service"}
    case = {"name": "one", "product": {"generation": "v6"}, "changes": [restart]}
    host = make_host(case, tmp_path)
    good = host.computer.files.read(f"{DATA}\\manageditems.db")
    killed = visit_of(case, host)

    def power_goes(command: str, arguments: Any) -> None:
        if command == "sc.exe" and "start" in arguments:
            raise Killed

    killed.commands.before = power_goes
    assert engine.bootstrap(killed.request(), killed.commands).stdout == ""
    host.computer.files.write(f"{DATA}\\manageditems.db", b"damaged")
    outcome = engine.visit(visit_of(case, host))["value"]
    copy = f"{AUTOMATION}\\runs\\{outcome['run_id']}\\data\\manageditems.db"
    assert host.computer.files.read(copy) == good


def test_a_run_id_acts_once(engine: Engine, tmp_path: Path) -> None:
    case = next(case for case in CASES if case["name"].startswith("every kind of change at once, v6"))
    host = make_host(case, tmp_path)
    first, second, third = (visit_of(case, host) for _ in range(3))
    asked: list[list[str]] = [visit.commands.asked for visit in (first, second, third)]
    done, repeated = engine.visit(first), engine.visit(second)
    left = left_behind(host)
    assert engine.visit(third) == {**repeated, "value": {**repeated["value"], "facts": repeated["value"]["facts"]}}
    assert done["value"]["repeated"] is False
    assert {**repeated["value"], "repeated": False, "facts": None} == {**done["value"], "facts": None}
    assert repeated["value"]["facts"]["product"] == done["value"]["facts"]["product"]
    assert "sc.exe" in asked[0]
    assert "sc.exe" not in asked[1]
    assert left_behind(host) == left


def test_a_refused_run_id_may_act_later(engine: Engine, tmp_path: Path) -> None:
    case = {"name": "later", "product": {"generation": "v6"}, "changes": [{"kind": "ip_listen.add", "address": "::1"}]}
    host = make_host(case, tmp_path)
    refused = visit_of({**case, "expects": {"ip_listen": "127.0.0.2"}}, host)
    replies = engine.visits([refused, visit_of(case, host)])
    assert [reply["value"]["result"] for reply in replies] == ["refused", "applied"]


def test_a_killed_script_leaves_what_it_had_done_and_the_lock_free(engine: Engine, tmp_path: Path) -> None:
    case = next(case for case in CASES if case["name"].startswith("every kind of change at once, v6"))
    host = make_host(case, tmp_path)
    killed = visit_of(case, host)

    def power_goes(command: str, arguments: Any) -> None:
        if command == "netsh.exe" and "127.0.0.3" in str(arguments):
            raise Killed

    killed.commands.before = power_goes
    finished = engine.bootstrap(killed.request(), killed.commands)
    assert (finished.exit_code, finished.stdout) == (-signal.SIGKILL, "")
    assert "http://127.0.0.2:9700/" in host.computer.http.reservations
    seen = engine.visit(Visit("Observe", make_plan(case, host)["observe"], host.commands()))["value"]
    assert seen["lock"] == {"held": False, "holder": None}
    check_schema("facts", seen)
    assert [step["status"] for step in seen["open_run"]["steps"]] == ["done"] * 5 + ["begun"] + ["not_run"] * 5
    again = {**case, "name": "after the power came back", "expects": {}}
    outcome = engine.visit(visit_of(again, host))["value"]
    assert (outcome["result"], [run["result"] for run in outcome["recovered"]]) == ("applied", ["rolled_back"])


def test_an_outcome_is_recorded_whole_or_not_at_all(engine: Engine, tmp_path: Path) -> None:
    case = {"name": "one", "product": {"generation": "v6"}, "changes": [{"kind": "ip_listen.add", "address": "::1"}]}
    host = make_host(case, tmp_path)
    killed = visit_of(case, host)

    def power_goes(command: str, arguments: Any) -> None:
        if command == "Rename-NewFile" and "outcome.json" in str(arguments):
            raise Killed

    killed.commands.before = power_goes
    assert engine.bootstrap(killed.request(), killed.commands).stdout == ""
    outcome = engine.visit(visit_of(case, host))["value"]
    assert (outcome["result"], outcome["repeated"]) == ("applied", True)
    assert [(run["run_id"], run["result"]) for run in outcome["recovered"]] == [(outcome["run_id"], "applied")]
    assert engine.visit(visit_of(case, host))["value"]["repeated"] is True


def test_a_link_in_place_of_the_folder_is_refused(engine: Engine, tmp_path: Path) -> None:
    case = {"name": "one", "product": {"generation": "v6"}, "changes": [{"kind": "ip_listen.add", "address": "::1"}]}
    host = make_host(case, tmp_path / "host")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "host" / "C" / "ProgramData" / "certify-automation").symlink_to(elsewhere)
    outcome = engine.visit(visit_of(case, host))["value"]
    assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", "lock_folder")
    assert list(elsewhere.iterdir()) == []


def test_two_applies_at_once_do_not_both_act(engine: Engine, tmp_path: Path) -> None:
    case = {"name": "one", "product": {"generation": "v6"}, "changes": [{"kind": "ip_listen.add", "address": "::1"}]}
    host = make_host(case, tmp_path)
    inner: list[dict[str, Any]] = []
    outer = visit_of(case, host)

    def meanwhile(command: str, arguments: Any) -> None:
        if command == "netsh.exe" and "add" in arguments and not inner:
            inner.append({})
            inner[0] = engine.visit(visit_of({**case, "name": "two"}, host))

    outer.commands.before = meanwhile
    reply = engine.visit(outer)
    assert reply["value"]["result"] == "applied"
    assert inner[0]["value"]["refusal"]["code"] == "locked"
    assert inner[0]["value"]["refusal"]["message"].startswith(reply["value"]["run_id"])
    assert inner[0]["value"]["facts"]["lock"]["held"] is True
