"""What a visit makes of the runs it finds: torn, of another version, damaged, too many."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.comparing import check_schema, comparable, left_behind
from contract.engine import Engine, Killed, Visit
from contract.hosts import AUTOMATION, DATA, Host, make_host
from contract.simulated import simulated_reply
from contract.sweep import OBSERVE, plan_of, visit_of

CASE: dict[str, Any] = {
    "name": "one",
    "product": {"generation": "v6"},
    "files": {"serviceconfig.json": '{"Port": 9696, "Host": "127.0.0.2"}', "servers.json": "[]"},
    "changes": [
        {"kind": "ip_listen.add", "address": "127.0.0.2"},
        {"kind": "file.write", "file": "servers", "text": "[1]"},
        {"kind": "service.restart", "service": "Certify.Service"},
    ],
}
NOTHING = {**CASE, "changes": []}
RUN = hashlib.sha256(b"first").hexdigest()[:32]
FOLDER = f"{AUTOMATION}\\runs\\{RUN}"
CULTURES = ("tr-TR", "ja-JP", "de-DE")


def cut_off(engine: Engine, root: Path, where: str = "sc.exe", case: dict[str, Any] = CASE) -> Host:
    """A host on which the script was killed before its first command of that name."""
    host = make_host(case, root)
    commands = host.commands()

    def power_goes(command: str, _arguments: Any) -> None:
        if command == where:
            raise Killed

    commands.before = power_goes
    visit = visit_of(case, host, "first", commands)
    assert engine.bootstrap(visit.request(), commands).stdout == ""
    return host


def edit(host: Host, name: str, change: Callable[[bytes], bytes]) -> None:
    path = f"{FOLDER}\\{name}"
    host.computer.files.write(path, change(host.computer.files.read(path)))


def apply(engine: Engine, host: Host, name: str = "second", case: dict[str, Any] = NOTHING) -> dict[str, Any]:
    reply = engine.visit(visit_of(case, host, name))
    assert reply["ok"], reply
    check_schema("outcome", reply["value"])
    return dict(reply["value"])


def observe(engine: Engine, host: Host, run: str | None = None) -> dict[str, Any]:
    facts = dict(engine.visit(Visit("Observe", {**OBSERVE, "run": run}, host.commands()))["value"])
    check_schema("facts", facts)
    return facts


def servers(host: Host) -> bytes:
    return host.computer.files.read(f"{DATA}\\servers.json")


@pytest.mark.parametrize("culture", CULTURES)
def test_a_torn_line_counts_as_not_written_in_every_language(engine: Engine, tmp_path: Path, culture: str) -> None:
    host = cut_off(engine, tmp_path, case={**CASE, "computer": {"culture": culture}})
    edit(host, "journal", lambda text: text + b'{"event":"und')
    statuses = [step["status"] for step in observe(engine, host)["open_run"]["steps"]]
    assert statuses == ["done", "done", "begun"]
    outcome = apply(engine, host)
    assert [(run["run_id"], run["result"]) for run in outcome["recovered"]] == [(RUN, "rolled_back")]
    assert outcome["recovered"][0]["failure"]["code"] == "interrupted"
    assert [step["status"] for step in outcome["recovered"][0]["steps"]] == ["undone"] * 3
    assert servers(host) == b"[]"
    lines = [json.loads(line) for line in host.computer.files.read(f"{FOLDER}\\journal").splitlines()]
    assert [line["event"] for line in lines[-4:]] == ["undo", "undone", "undone", "undone"]
    assert host.computer.events.entries[-1].event_id == 1010


DAMAGE: list[tuple[str, str, Callable[[bytes], bytes]]] = [
    ("journal_version", "journal", lambda text: text.replace(b'{"journal":1', b'{"journal":2', 1)),
    ("journal_damaged", "journal", lambda text: text.replace(b'"event":"done"', b'"event":"do\nne"', 1)),
    ("journal_damaged", "plan.json", lambda text: text.replace(b"127.0.0.2", b"127.0.0.4", 1)),
    ("journal_damaged", "plan.json", lambda _: b""),
]


@pytest.mark.parametrize(("code", "file", "change"), DAMAGE)
def test_a_journal_that_cannot_be_used_keeps_everything_as_it_is(
    engine: Engine, tmp_path: Path, code: str, file: str, change: Callable[[bytes], bytes]
) -> None:
    host = cut_off(engine, tmp_path)
    edit(host, file, change)
    seen = observe(engine, host)["open_run"]
    assert (seen["run_id"], seen["steps"], seen["error"] != "") == (RUN, [], True)
    assert seen["journal"] == (2 if code == "journal_version" else 1)
    before = left_behind_files(host)
    outcome = apply(engine, host, case=CASE)
    assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", code)
    assert RUN in outcome["refusal"]["message"]
    assert left_behind_files(host) == before
    assert host.computer.events.entries[-1].event_id == 1011


def left_behind_files(host: Host) -> dict[str, Any]:
    return {path: text for path, text in host.computer.files.walk().items() if "lock" not in path}


def test_an_altered_backup_is_not_put_back(engine: Engine, tmp_path: Path) -> None:
    host = cut_off(engine, tmp_path)
    edit(host, "servers.before", lambda _: b"[666]")
    run = apply(engine, host)["recovered"][0]
    assert (run["result"], [step["status"] for step in run["steps"]]) == (
        "rollback_failed",
        ["undone", "undo_failed", "undone"],
    )
    assert servers(host) == b"[1]"
    assert host.computer.events.entries[-1].event_id == 1020


def test_a_missing_backup_is_said(engine: Engine, tmp_path: Path) -> None:
    host = cut_off(engine, tmp_path)
    host.computer.files.delete(f"{FOLDER}\\servers.before")
    run = apply(engine, host)["recovered"][0]
    assert [step["status"] for step in run["steps"]] == ["undone", "undo_failed", "undone"]


def test_what_somebody_else_wrote_between_two_steps_of_an_exchange_goes_back(engine: Engine, tmp_path: Path) -> None:
    host = cut_off(engine, tmp_path)
    files = host.computer.files
    files.write(f"{DATA}\\servers.json.certify-automation.old", b"theirs")
    run = apply(engine, host)["recovered"][0]
    assert (run["result"], servers(host)) == ("rollback_failed", b"theirs")


def test_a_full_disk_at_the_journal_is_refused_before_anything_is_done(engine: Engine, tmp_path: Path) -> None:
    host = make_host(CASE, tmp_path)
    visit = visit_of(CASE, host, "first")

    def fill(command: str, _arguments: Any) -> None:
        host.computer.files.disk_full = host.computer.files.disk_full or command == "Add-FileLine"

    visit.commands.before = fill
    outcome = engine.visit(visit)["value"]
    assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", "journal")
    host.computer.files.disk_full = False
    assert (list(host.computer.http.live), servers(host)) == ([], b"[]")
    outcome = apply(engine, host, "first", CASE)
    assert (outcome["result"], outcome["recovered"]) == ("applied", [])


def test_a_disk_that_fills_before_an_effect_undoes_what_was_done(engine: Engine, tmp_path: Path) -> None:
    host = make_host(CASE, tmp_path)
    visit = visit_of(CASE, host, "first")

    def fill(command: str, arguments: Any) -> None:
        if command == "Add-FileLine":
            line = json.loads(base64.b64decode(arguments["content"]))
            host.computer.files.disk_full = line["event"] == "begun" and line["step"] == 1

    visit.commands.before = fill
    outcome = engine.visit(visit)["value"]
    assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "journal")
    assert [step["status"] for step in outcome["steps"]] == ["undone", "failed", "not_run"]
    assert servers(host) == b"[]"


def test_a_repeated_run_id_after_a_cut_acts_no_second_time(engine: Engine, tmp_path: Path) -> None:
    host = cut_off(engine, tmp_path)
    outcome = apply(engine, host, "first", CASE)
    assert (outcome["run_id"], outcome["result"], outcome["repeated"]) == (RUN, "rolled_back", True)
    assert [run["run_id"] for run in outcome["recovered"]] == [RUN]
    again = apply(engine, host, "first", CASE)
    assert (again["result"], again["repeated"], again["recovered"]) == ("rolled_back", True, [])


def test_records_are_given_when_they_are_asked_for(engine: Engine, tmp_path: Path) -> None:
    host = make_host(CASE, tmp_path)
    assert apply(engine, host, "first", CASE)["result"] == "applied"
    assert observe(engine, host)["records"] is None
    records = observe(engine, host, "last")["records"]
    assert [(run["run_id"], run["result"], run["by"]) for run in records["runs"]] == [(RUN, "applied", "ops@admin01")]
    run = records["run"]
    plan = host.computer.files.read(f"{FOLDER}\\plan.json")
    assert hashlib.sha256(plan).hexdigest() == run["plan_sha256"]
    assert run["plan"].startswith('{"run_id":"' + RUN)
    assert base64.b64decode(run["before"]["servers"]) == b"[]"
    assert json.loads(run["outcome"])["result"] == "applied"
    assert observe(engine, host, "f" * 32)["records"]["run"] is None


def test_old_runs_are_removed_but_never_the_only_copy(engine: Engine, tmp_path: Path) -> None:
    hosts = [make_host(CASE, tmp_path / name) for name in ("engine", "lab")]
    day = 86_400_000
    now = round(hosts[0].computer.clock.now().timestamp() * 1000)
    for host in hosts:
        for number in range(30):
            age = 10 if number < 5 else 100
            record(host, number, now - age * day - number * 1000)
        keep = f"{AUTOMATION}\\runs\\{run_id(29)}\\appsettings_core.before"
        host.computer.files.write(keep, b"the only one")
        host.computer.files.make_folder(f"{AUTOMATION}\\runs\\{'e' * 32}")
    plan = {**CASE, "changes": CASE["changes"][:1]}
    reply = engine.visit(visit_of(plan, hosts[0], "first"))
    answer = simulated_reply(hosts[1], "Apply", plan_of(plan, hosts[1], "first"), deadline=300)
    assert comparable(reply) == comparable(answer)
    kept = {run_id(number) for number in range(19)} | {run_id(29), RUN}
    assert {entry.name for entry in hosts[0].computer.files.entries(f"{AUTOMATION}\\runs")} == kept
    assert left_behind(hosts[0]) == left_behind(hosts[1])


def run_id(number: int) -> str:
    return f"{number:032x}"


def record(host: Host, number: int, started: int) -> None:
    """An ended run with a copy of data."""
    folder = f"{AUTOMATION}\\runs\\{run_id(number)}"
    host.computer.files.make_folder(f"{folder}\\data")
    host.computer.files.set_security(AUTOMATION, "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    outcome = {
        "contract": 1, "run_id": run_id(number), "result": "applied", "refusal": None, "steps": [], "failure": None,
        "health": None, "repeated": True, "recovered": [],
    }  # fmt: skip
    begin = {
        "journal": 1,
        "event": "begin",
        "run_id": run_id(number),
        "plan_sha256": "0" * 64,
        "started_utc_ms": started,
    }
    for name, content in (("outcome.json", outcome), ("journal", begin), ("data\\manageditems.db", {})):
        host.computer.files.write(f"{folder}\\{name}", json.dumps(content).encode() + b"\n")
