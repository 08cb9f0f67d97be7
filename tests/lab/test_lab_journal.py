"""What a run leaves in its folder, what an unusable folder does, and which records go."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from lab_plans import AUTOMATION, PLANS, another_run, apply, call, observe, path, read, state, without_changes

from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.onhost import Cut, Killed, PowerLost, Visit, VisitFaults, answer
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.windows import Win32Error

Json = dict[str, Any]
RUN = "1" * 32
FOLDER = f"{AUTOMATION}\\runs\\{RUN}"
EVERYTHING = PLANS["everything"]


def journal(host: BuiltHost, run_id: str = RUN) -> list[Json]:
    return [json.loads(line) for line in text(host, f"runs\\{run_id}\\journal").splitlines()]


def text(host: BuiltHost, name: str) -> str:
    return host.computer.files.read(f"{AUTOMATION}\\{name}").decode()


def cut_at(host: BuiltHost, plan: Json, effect: str) -> None:
    """Kill a visit before the first of its effects that has this in its name."""
    twin, _ = EVERYTHING.prepare(host.spec.generation)
    visit = Visit(twin.computer)
    answer(visit, "Apply", {"verb": "apply", "plan": plan}, deadline_seconds=300)
    number = next(i for i, one in enumerate(visit.effects.reached) if effect in one.name)
    with pytest.raises(Killed):
        apply(host, plan, faults=VisitFaults(cut=Cut(number)))


def test_a_run_writes_down_what_it_does() -> None:
    host, plan = EVERYTHING.prepare("v6")
    config = read(host, "serviceconfig")
    outcome = apply(host, plan)
    begin, *events = journal(host)
    assert [event["event"] for event in events] == ["begun", "done"] * len(plan["changes"]) + ["healthy"]
    assert begin["plan_sha256"] == hashlib.sha256(text(host, f"runs\\{RUN}\\plan.json").encode()).hexdigest()
    assert (begin["service_state"], begin["by"], begin["origin"]) == ("Running", "WEB01\\lab", plan["origin"])
    assert text(host, f"runs\\{RUN}\\plan.json") == ascii_json(plan)
    assert host.computer.files.read(f"{FOLDER}\\serviceconfig.before") == config
    recorded = json.loads(text(host, f"runs\\{RUN}\\outcome.json"))
    assert {**recorded, "repeated": False} == {name: part for name, part in outcome.items() if name != "facts"}


def test_a_change_that_is_there_already_is_not_begun_and_not_undone() -> None:
    host, plan = EVERYTHING.prepare("v6", fails=True)
    host.computer.http.add_listen("127.0.0.3")
    before = state(host)
    assert apply(host, plan)["result"] == "rolled_back"
    assert journal(host)[1] == {"event": "done", "step": 0, "acted": False}
    assert state(host) == before


def test_an_event_tells_an_auditor_what_was_done() -> None:
    host, plan = EVERYTHING.prepare("v6", fails=True)
    apply(host, plan)
    (entry,) = host.computer.events.entries
    assert (entry.source, entry.kind, entry.event_id) == ("certify-automation", "Warning", 1010)
    for part in ("rolled_back", RUN, plan["plan_id"], "c0ffee", "alice@ctl01", "WEB01\\lab", "file.write: undone"):
        assert part in entry.text
    assert "endpoint_differs" in entry.text


@pytest.mark.parametrize("code", [5, 1502])
def test_a_log_that_takes_no_entry_changes_nothing(code: int) -> None:
    host, plan = EVERYTHING.prepare("v6")
    host.computer.events.refusal = code
    assert apply(host, plan)["result"] == "applied"
    assert host.computer.events.entries == []


def test_a_torn_line_counts_as_not_written() -> None:
    host, plan = EVERYTHING.prepare("v6")
    cut_at(host, plan, "sc.exe stop")
    whole = journal(host)
    host.computer.files.append(f"{FOLDER}\\journal", b'{"event":"done","st')
    assert [step["status"] for step in observe(host)["open_run"]["steps"]][-1] == "begun"
    assert apply(host, without_changes(plan))["recovered"][0]["result"] == "rolled_back"
    assert journal(host)[: len(whole)] == whole


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("journal", b'{"journal":2,"event":"begin"}\n', "journal_version"),
        ("journal", b"\x00\x00\x00\n", "journal_damaged"),
        ("plan.json", b"{}", "journal_damaged"),
        ("plan.json", None, "journal_damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_left_alone(name: str, content: bytes | None, code: str) -> None:
    host, plan = EVERYTHING.prepare("v6")
    cut_at(host, plan, "sc.exe stop")
    if content is None:
        host.computer.files.delete(f"{FOLDER}\\{name}")
    else:
        host.computer.files.write(f"{FOLDER}\\{name}", content)
    before = state(host)
    for outcome in (
        apply(host, another_run(plan, "2")),
        call(host, {"verb": "confirm", "run_id": RUN, "observe": plan["observe"]}),
    ):
        assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", code)
        assert FOLDER in outcome["refusal"]["message"]
        assert FOLDER in outcome["facts"]["open_run"]["error"]
    assert state(host) == before


def test_an_altered_copy_is_not_put_back() -> None:
    host, plan = EVERYTHING.prepare("v6")
    cut_at(host, plan, "sc.exe stop")
    written = read(host, "serviceconfig")
    host.computer.files.write(f"{FOLDER}\\serviceconfig.before", b"{}")
    (recovered,) = apply(host, without_changes(plan))["recovered"]
    failed = [step for step in recovered["steps"] if step["status"] == "undo_failed"]
    assert (recovered["result"], len(failed)) == ("rollback_failed", 1)
    assert read(host, "serviceconfig") == written


@pytest.mark.parametrize("at", [0, 3])
def test_a_change_that_cannot_be_written_down_is_not_made(at: int) -> None:
    host, plan = PLANS["removals"].prepare("v6")
    before = state(host)
    if at:
        outcome = apply(host, plan, faults=VisitFaults(disk_full_at=0))
        assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "journal")
    else:
        host.computer.files.disk_full = True
        outcome = apply(host, plan)
        assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", "journal")
        host.computer.files.disk_full = False
        assert observe(host)["open_run"] is None
    assert state(host) == before


def test_the_bytes_of_somebody_else_come_back_after_a_cut() -> None:
    host, plan = EVERYTHING.prepare("v6")
    file = path(host, "serviceconfig")
    cut_at(host, plan, f"replace {file}")
    host.computer.files.write(file, b'{"Port": 1}')
    host.computer.files.replace(f"{file}.certify-automation", file, f"{file}.certify-automation.old")
    (recovered,) = apply(host, without_changes(plan))["recovered"]
    assert recovered["result"] == "rollback_failed"
    assert read(host, "serviceconfig") == b'{"Port": 1}'
    assert [name for name in host.computer.files.walk() if ".certify-automation" in name] == []


def test_two_runs_without_an_end_are_ended_oldest_first() -> None:
    host, plan = EVERYTHING.prepare("v6")
    before = state(host)
    cut_at(host, plan, "sc.exe stop")
    files = host.computer.files
    begin, *rest = text(host, f"runs\\{RUN}\\journal").splitlines(keepends=True)
    older = {**json.loads(begin), "run_id": "0" * 32, "started_utc_ms": 1}
    older_plan = ascii_json(another_run(plan, "0")).encode()
    older["plan_sha256"] = hashlib.sha256(older_plan).hexdigest()
    files.make_folder(f"{AUTOMATION}\\runs\\{'0' * 32}")
    files.write(f"{AUTOMATION}\\runs\\{'0' * 32}\\plan.json", older_plan)
    files.write(f"{AUTOMATION}\\runs\\{'0' * 32}\\journal", ascii_json(older).encode() + b"\n")
    assert rest
    recovered = apply(host, without_changes(plan))["recovered"]
    assert [run["run_id"] for run in recovered] == ["0" * 32, RUN]
    assert state(host) == before


def test_records_are_brought_home() -> None:
    host, plan = EVERYTHING.prepare("v6")
    config = read(host, "serviceconfig")
    assert observe(host, "last")["records"] == {"runs": [], "run": None}
    apply(host, plan)
    host.computer.pass_time(60)
    failing = {**another_run(plan, "2"), "health": {**plan["health"], "url": "http://127.0.0.2:9799"}}
    apply(host, failing)
    seen = observe(host, "last")["records"]
    assert [(run["run_id"], run["result"]) for run in seen["runs"]] == [("2" * 32, "rolled_back"), (RUN, "applied")]
    assert {run["by"] for run in seen["runs"]} == {"alice@ctl01"}
    assert seen["run"]["run_id"] == RUN
    assert hashlib.sha256(seen["run"]["plan"].encode()).hexdigest() == seen["run"]["plan_sha256"]
    assert base64.b64decode(seen["run"]["before"]["serviceconfig"]) == config
    host.computer.files.delete(f"{FOLDER}\\serviceconfig.before")
    assert observe(host, RUN)["records"]["run"]["before"]["serviceconfig"] is None
    assert observe(host, "9" * 32)["records"]["run"] is None
    assert observe(host)["records"] is None


def runs_of(host: BuiltHost) -> list[str]:
    return [entry.name for entry in host.computer.files.entries(f"{AUTOMATION}\\runs")]


def test_old_runs_go_but_never_the_only_copy() -> None:
    host, plan = PLANS["removals"].prepare("v6")
    with_copy, first = EVERYTHING.prepare("v6")
    apply(with_copy, another_run(first, "f"))
    host = with_copy
    host.computer.clock.advance(timedelta(days=1).total_seconds())
    for number in range(25):
        toggle = {"kind": "ip_listen.add" if number % 2 == 0 else "ip_listen.remove", "address": "::1"}
        apply(host, {**plan, "run_id": f"{number:032x}", "changes": [toggle]})
    assert len(runs_of(host)) == 26
    host.computer.clock.advance(timedelta(days=91).total_seconds())
    apply(host, {**another_run(plan, "e"), "changes": [{"kind": "ip_listen.remove", "address": "::1"}]})
    assert len(runs_of(host)) == 27
    apply(host, {**another_run(plan, "d"), "changes": [{"kind": "ip_listen.add", "address": "::1"}]})
    assert runs_of(host) == [*(f"{number:032x}" for number in range(7, 25)), "d" * 32, "e" * 32, "f" * 32]


def test_data_is_kept_of_the_last_three_runs_that_started_the_service() -> None:
    host, plan = EVERYTHING.prepare("v6")
    restart = {**plan, "changes": [plan["changes"][-1]], "health": None}
    for number in range(5):
        apply(host, another_run(restart, str(number)))
        host.computer.pass_time(60)
    files = host.computer.files
    kept = [name[0] for name in runs_of(host) if files.exists(f"{AUTOMATION}\\runs\\{name}\\data")]
    assert kept == ["2", "3", "4"]


def test_what_is_held_stays_for_the_next_time() -> None:
    host, plan = EVERYTHING.prepare("v6")
    restart = {**plan, "changes": [plan["changes"][-1]], "health": None}
    held = f"{AUTOMATION}\\runs\\{'0' * 32}\\data\\manageditems.db"
    for number in range(4):
        apply(host, another_run(restart, str(number)))
        if number == 0:
            host.computer.files.open_exclusive(held, "scanner")
        host.computer.pass_time(60)
    with pytest.raises(Win32Error):
        host.computer.files.read(held)
    host.computer.files.close(held)
    apply(host, another_run(restart, "4"))
    assert not host.computer.files.exists(held)


def test_power_lost_while_the_folder_is_made_is_no_obstacle() -> None:
    host, plan = EVERYTHING.prepare("v6")
    with pytest.raises(PowerLost):
        apply(host, plan, faults=VisitFaults(cut=Cut(0, power=True)))
    assert apply(host, plan)["result"] == "applied"
