"""Runs taken back from the hosts' own records, on the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.faults import FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.lab.machine import Pace
from certify_automation.lab.onhost import Cut, Point, VisitFaults
from certify_automation.model.outcome import ExitCode
from certify_automation.model.recovery import Recovery, recovery_of

from .conftest import Journey, Ran, start

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
BOTH = (LEGACY, MODERN)
QUICK = ("--allow-lockout", "--confirm-within", "5s")
LEFT_BEHIND = ("\\certify-automation", "\\logs", "manageditems")
RUNS = "C:\\ProgramData\\certify-automation\\runs"
CONFIG = "C:\\ProgramData\\certify\\serviceconfig.json"


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    """Two hosts, not as declared, whose dead-man timers run ten times as fast as real ones."""
    for one in start(tmp_path, LabOptions(generated_hosts(2, 0), pace=Pace(tasks=0.1))):
        (one.folder / "fleet" / "state" / "more.yaml").write_text(DECLARED, "utf-8")
        yield one


DECLARED = f"""
version: 1
name: more
applies_to: {{hosts: [{LEGACY}, {MODERN}]}}
service:
  start_mode: automatic
  recovery: {{reset_after: 1h, actions: [{{action: restart, delay: 1m}}], on_stop_with_error: true}}
  config: {{port: 9700, log_level: warning}}
connections:
  - {{name: spare, host: 127.0.0.9, port: 9700}}
http_sys:
  url_reservations:
    - {{url: "http://127.0.0.2:9700/", sddl: "D:(A;;GX;;;SY)"}}
    - {{url: "http://127.0.0.9:8080/x/", sddl: "D:(A;;GX;;;SY)"}}
security: {{api_exposure: {{scope: loopback, block: true}}}}
"""


def applied(journey: Journey) -> str:
    """The run of an apply that changes both hosts."""
    done = journey.run("apply", "--yes", "--json", *QUICK)
    assert (done.code, done.hosts()) == (ExitCode.DONE, {LEGACY: "changed", MODERN: "changed"})
    return str(done.document()["hosts"][0]["outcome"]["run_id"])


def rollback(journey: Journey, *arguments: str) -> Ran:
    return journey.run("rollback", *arguments, "--yes", "--json", *QUICK)


def managed(journey: Journey) -> dict[str, Any]:
    """What the hosts are like, but for what runs and starts leave behind: records, logs, copies, process ids."""
    left: dict[str, Any] = dict(journey.lab.dump())
    for state in left.values():
        (own,) = (one for one in state["services"] if one["name"].startswith("Certify."))
        for part in ("listeners", "registrations"):
            state[part] = str(state[part]).replace(str(own["process_id"]), "its own")
        own["process_id"] = 0
        state["listeners"] = sorted(str(state["listeners"]).split("}"))
        recovery = recovery_of(bytes.fromhex(own["failure_actions"] or ""), flag=own["failure_flag"])
        own["failure_actions"] = None if recovery.same_as(Recovery()) else recovery
        state["firewall"] = sorted(state["firewall"].values())  # Windows gives every rule a name of its own
        del state["events"], state["processes"]
        for name in ("files", "file_security"):
            kept = {path for path in state[name] if not any(one in path for one in LEFT_BEHIND)}
            state[name] = {path: value for path, value in state[name].items() if path in kept}
    return left


def test_a_rollback_puts_everything_back(journey: Journey) -> None:
    before = managed(journey)
    run = applied(journey)
    assert managed(journey) != before
    done = rollback(journey, "all")
    assert (done.code, done.hosts()) == (ExitCode.DONE, {LEGACY: "changed", MODERN: "changed"})
    assert {host["rolls_back"] for host in done.document()["hosts"]} == {run}
    assert "the next `apply` makes it so again" in done.err
    assert managed(journey) == before


def test_a_rollback_is_taken_back_by_another(journey: Journey) -> None:
    applied(journey)
    after = managed(journey)
    done = rollback(journey, LEGACY, MODERN)
    assert done.code == ExitCode.DONE
    assert rollback(journey, "legacy", "modern", "--run", done.document()["run_id"]).code == ExitCode.DONE
    assert managed(journey) == after
    assert journey.run("plan").code == ExitCode.DONE


def test_a_rollback_that_reached_some_hosts_only_is_repeated_with_its_run(journey: Journey) -> None:
    before, run = managed(journey), applied(journey)
    assert rollback(journey, LEGACY).code == ExitCode.DONE
    once_more = rollback(journey, "all")
    assert once_more.hosts() == {LEGACY: "refused CA3049", MODERN: "changed"}
    assert f"took back run {run}" in once_more.document()["hosts"][0]["error"]["message"]
    assert rollback(journey, "all", "--run", run).hosts() == {LEGACY: "ok", MODERN: "ok"}
    assert managed(journey) == before


def test_a_run_by_the_beginning_of_its_id_is_taken_back_once(journey: Journey) -> None:
    before, run = managed(journey), applied(journey)
    for status in ("changed", "ok"):
        done = rollback(journey, "all", "--run", run[:8])
        assert (done.code, set(done.hosts().values())) == (ExitCode.DONE, {status})
        assert managed(journey) == before


def test_what_somebody_has_changed_since_is_shown_and_stays(journey: Journey) -> None:
    applied(journey)
    files = journey.lab.hosts[LEGACY].computer.files
    theirs = {**json.loads(files.read(CONFIG)), "LogLevel": "verbose", "Theirs": 1}
    files.write(CONFIG, json.dumps(theirs).encode())
    done = journey.run("rollback", LEGACY, "--yes", *QUICK)
    assert done.code == ExitCode.DRIFT
    assert re.search(r"^run [0-9a-f]{32}$", done.out, re.MULTILINE)
    assert (
        "conflict service.config.log_level  verbose is left as it is (information before): changed since the run"
        in done.out
    )
    assert f"{LEGACY}: taking back run " in done.out
    assert json.loads(files.read(CONFIG)) == {**theirs, "Port": 9696}
    again = journey.run("rollback", LEGACY, "--yes", "--run", run_of(done), *QUICK)
    assert again.code == ExitCode.DRIFT
    assert "conflict service.config.log_level" in again.out


def run_of(done: Ran) -> str:
    """The run that is said to be taken back."""
    return done.out.partition("taking back run ")[2][:32]


def test_runs_that_are_not_there(journey: Journey) -> None:
    before = journey.lab.dump()
    none = rollback(journey, LEGACY)
    assert (none.code, none.hosts()) == (ExitCode.HOSTS_FAILED, {LEGACY: "refused CA3040"})
    assert journey.lab.dump() == before
    told = journey.run("rollback", "all", "--yes", *QUICK)
    assert "2 hosts have no run to take back (CA3040; -v shows each)\n" in told.out
    assert (LEGACY in told.out, LEGACY in journey.run("rollback", "all", "--yes", "-v", *QUICK).out) == (False, True)
    run = applied(journey)
    for unknown in ("0123abcd", "0123abcd" * 4):
        done = rollback(journey, LEGACY, "--run", unknown)
        assert done.hosts() == {LEGACY: "refused CA3040"}
        assert run in done.document()["hosts"][0]["error"]["hint"]


@pytest.mark.parametrize(
    ("arguments", "error_id"),
    [
        ((), "CA5000"),
        (("nobody",), "CA1310"),
        ((LEGACY, "--limit", MODERN), "CA5026"),
        ((LEGACY, "--limit", "nobody"), "CA1310"),
        ((LEGACY, "--run", "0123"), "CA5024"),
        ((LEGACY, "--run", "last"), "CA5024"),
        ((LEGACY, "--confirm-within", "3s"), "CA5020"),
    ],
)
def test_bad_usage(arguments: tuple[str, ...], error_id: str, journey: Journey) -> None:
    before = journey.lab.dump()
    done = journey.run("rollback", *arguments, "--yes")
    assert (done.code, error_id in done.err) == (ExitCode.CONFIGURATION_ERROR, True), done.err
    assert journey.lab.dump() == before


def test_nobody_can_be_asked(journey: Journey) -> None:
    done = journey.run("rollback", LEGACY)
    assert (done.code, "CA5025" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)


@pytest.mark.parametrize(
    ("name", "content", "error_id"),
    [
        ("serviceconfig.before", None, "CA3044"),
        ("serviceconfig.before", b"{}", "CA3044"),
        ("plan.json", b"{}", "CA3042"),
    ],
)
def test_a_record_that_was_altered_on_the_host(
    name: str, content: bytes | None, error_id: str, journey: Journey
) -> None:
    run = applied(journey)
    files, path = journey.lab.hosts[LEGACY].computer.files, f"{RUNS}\\{run}\\{name}"
    if content is None:
        files.delete(path)
    else:
        files.write(path, content)
    before = managed(journey)
    done = rollback(journey, "all")
    assert (done.code, done.hosts()) == (ExitCode.HOSTS_FAILED, {LEGACY: f"refused {error_id}", MODERN: "changed"})
    assert managed(journey)[LEGACY] == before[LEGACY]


def test_a_rollback_to_what_did_not_work_is_taken_back_by_the_host(journey: Journey) -> None:
    journey.lab.hosts[LEGACY].computer.files.write(CONFIG, b'{"Host": "203.0.113.9"}')
    applied(journey)
    after = managed(journey)
    done = rollback(journey, LEGACY)
    assert (done.code, done.hosts()) == (ExitCode.ROLLED_BACK, {LEGACY: "rolled_back CA4019"})
    assert managed(journey) == after


def test_a_removal_from_the_list_needs_the_flag_and_is_confirmed(journey: Journey) -> None:
    computer = journey.lab.hosts[LEGACY].computer
    computer.http.live[:] = ["127.0.0.2", "10.20.0.1"]
    applied(journey)
    assert set(computer.http.live) == {"127.0.0.2", "10.20.0.1", "127.0.0.1"}
    refused = journey.run("rollback", LEGACY, "--yes", "--json")
    assert (refused.code, refused.hosts()) == (ExitCode.REFUSED, {LEGACY: "refused CA3015"})
    done = rollback(journey, LEGACY)
    assert (done.code, done.document()["hosts"][0]["confirm_seconds"]) == (ExitCode.DONE, 5)
    assert set(computer.http.live) == {"127.0.0.2", "10.20.0.1"}
    assert computer.tasks.rows() == []


class OneCut(FaultRules):
    """Cuts the next visit that acts off, once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.cut: Cut | None = None

    def visit(self, name: str) -> VisitFaults:
        faults = super().visit(name)
        faults.cut, self.cut = self.cut, None
        return faults


def test_a_run_that_was_cut_off_is_brought_to_its_end_and_no_earlier_one_taken_back(tmp_path: Path) -> None:
    rules = OneCut()
    for journey in start(tmp_path, LabOptions(generated_hosts(1, 0), rules)):
        before, more = managed(journey), journey.folder / "fleet" / "state" / "more.yaml"
        more.write_text(DECLARED.replace(f", {MODERN}", ""), "utf-8")
        run = journey.run("apply", "--yes", "--json").document()["hosts"][0]["outcome"]["run_id"]
        more.write_text(more.read_text("utf-8").replace("warning", "debug"), "utf-8")
        rules.cut = Cut(8, Point.AFTER)
        assert journey.run("apply", "--yes", "--json").hosts()[LEGACY][:7] == "unknown"
        for recovered in (["rolled_back"], []):
            refused = rollback(journey, "all")
            (host,) = refused.document()["hosts"]
            assert (refused.code, refused.hosts()) == (ExitCode.HOSTS_FAILED, {LEGACY: "refused CA3048"})
            assert [one["result"] for one in host["recovered"]] == recovered
            assert "was cut off, and has been put back" in host["error"]["message"]
            assert f"run {run}" in host["error"]["hint"]
        done = rollback(journey, "all", "--run", run)
        assert (done.code, done.document()["hosts"][0]["rolls_back"]) == (ExitCode.DONE, run)
        assert managed(journey) == before


def test_where_the_last_run_was_not_confirmed_no_earlier_one_is_taken_back(journey: Journey) -> None:
    run = applied(journey)
    text = f"version: 1\nname: list\napplies_to: {{hosts: [{LEGACY}]}}\n"
    text += "http_sys: {ip_listen: {exactly: [127.0.0.2, 127.0.0.1]}}\n"
    (journey.folder / "fleet" / "state" / "list.yaml").write_text(text, "utf-8")
    assert journey.run("apply", "--yes", "--json", *QUICK).hosts()[LEGACY] == "rolled_back CA4026"
    after = managed(journey)
    done = rollback(journey, LEGACY)
    assert (done.code, done.hosts()) == (ExitCode.HOSTS_FAILED, {LEGACY: "refused CA3048"})
    assert "was not confirmed, and has been put back" in done.document()["hosts"][0]["error"]["message"]
    assert run in done.document()["hosts"][0]["error"]["hint"]
    assert managed(journey) == after
