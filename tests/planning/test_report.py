from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from certify_automation.errors import HostError, Unreachable
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, Outcome, RecoveredRun, Result
from certify_automation.model.plan import Difference
from certify_automation.model.step import Failure, StepOutcome
from certify_automation.plan import make_plan
from certify_automation.report import (
    document,
    host_json,
    host_lines,
    plain_text,
    recap_line,
    status_text,
    summary_line,
)
from planning.situations import RUN, desired, observed, options


def report(case: dict[str, Any]) -> HostReport:
    return HostReport.of_plan(make_plan("web01", desired(case), observed(case), options(case)))


def text(one: HostReport) -> str:
    return "\n".join(plain_text(line) for line in host_lines(one))


MOVED: dict[str, Any] = {
    "before": {"files": {"serviceconfig": '{"Port": 9697, "Host": "127.0.0.2", "LogLevel": "information"}'}},
    "declared": {"connections": [{"name": "spare", "Port": 9696}], "url_reservations": []},
}


def test_a_plan_reads_as_a_difference_field_by_field() -> None:
    assert text(report(MOVED)).splitlines() == [
        "web01  to change",
        "  ~ service.config.port  9697 -> 9696",
        "  + connections[spare]",
        "      port: 9696",
        "    write C:\\ProgramData\\certify\\serviceconfig.json (file only)",
        "    write C:\\ProgramData\\certify\\servers.json (file only)",
        "    restart Certify.Service (service restart)",
        "  warning CA3051: stopping the service interrupts certificate requests that are running",
    ]


def test_styles_tell_added_changed_and_removed_apart() -> None:
    case: dict[str, Any] = {
        **MOVED,
        "declared": {**MOVED["declared"], "connections": [{"name": "(local)", "absent": True}, {"name": "new"}]},
    }
    styles = {line[0].style for line in host_lines(report(case)) if line[0].text.lstrip()[:2] in {"+ ", "- ", "~ "}}
    assert styles == {"added", "changed", "removed"}


def test_long_hints_are_broken_and_commands_have_a_line_each() -> None:
    added = [f"10.0.0.{number}" for number in range(1, 8)]
    case = {"before": {"listen": []}, "declared": {"ip_listen": {"include": added}}}
    hint = [line for line in text(report(case)).splitlines() if line.startswith("      ")]
    assert any(line.startswith("      pass --allow-lockout") for line in hint)
    assert max(map(len, hint)) <= 6 + 110
    commands = [f"      netsh http add iplisten ipaddress={address}" for address in added]
    begin = hint.index(commands[0])
    assert hint[begin - 1].endswith(":")
    assert hint[begin : begin + len(commands)] == commands


def test_a_refusal_is_told_once_with_what_to_do() -> None:
    one = report({"before": {"state": "Stopped", "taken": [["127.0.0.2", 9696]]}})
    lines = text(one).splitlines()
    assert lines[0] == "web01  refused"
    assert lines[2].startswith("  refused CA3005: http://127.0.0.2:9696 is taken: squatter.exe")
    assert lines[3] == "      stop that program, or declare another service.config.port"
    assert text(one).count("CA3005") == 1


def test_nothing_to_do_is_one_line() -> None:
    assert text(report({})) == "web01  ok"


def test_an_error_says_what_to_do() -> None:
    one = HostReport.of_error("web01", Unreachable("CA2001", "no answer", hint="switch it on"))
    assert text(one) == "web01  unreachable\n  CA2001: no answer\n      switch it on"


def test_a_roll_back_shows_every_step() -> None:
    plan = make_plan("web01", desired(MOVED), observed(MOVED), options(MOVED))
    outcome = Outcome(
        RUN,
        Result.ROLLED_BACK,
        steps=(
            StepOutcome(0, "file.write", "undone"),
            StepOutcome(1, "file.write", "failed", "file_write", "Disk full."),
            StepOutcome(2, "service.restart", "not_run"),
        ),
        failure=Failure("file_write", "Disk full.", 1),
    )
    one = HostReport.of_outcome(plan, outcome)
    assert text(one).splitlines()[-5:] == [
        "    step 1 file.write: undone",
        "    step 2 file.write: failed file_write: Disk full.",
        "    step 3 service.restart: not_run",
        "  CA4018: a file could not be written at step 2 (file.write): Disk full; everything was put back",
        "      see free space and access rights of the data folder",
    ]
    assert (one.status, one.exit_code) == (HostStatus.ROLLED_BACK, ExitCode.ROLLED_BACK)


@pytest.mark.parametrize(
    ("status", "columns"),
    [
        (HostStatus.OK, (1, 0, 0, 0, 0)),
        (HostStatus.UNREACHABLE, (0, 0, 1, 0, 0)),
        (HostStatus.FAILED, (0, 0, 0, 1, 0)),
        (HostStatus.ROLLED_BACK, (0, 0, 0, 1, 0)),
        (HostStatus.UNKNOWN, (0, 0, 0, 1, 0)),
        (HostStatus.REFUSED, (0, 0, 0, 0, 1)),
        (HostStatus.STALE, (0, 0, 0, 0, 1)),
        (HostStatus.LOCKED, (0, 0, 0, 0, 1)),
        (HostStatus.NOT_RUN, (0, 0, 0, 0, 0)),
    ],
)
def test_a_recap_line_a_host(status: HostStatus, columns: tuple[int, ...]) -> None:
    names = ("ok", "changed", "unreachable", "failed", "refused")
    counts = " ".join(f"{name}={count:<3}" for name, count in zip(names, columns, strict=True))
    assert plain_text(recap_line(HostReport("a", status), 3)) == f"a   : {counts} {status_text(status)}"


def test_the_recap_counts_changes_and_names_the_error() -> None:
    assert "changed=3 " in plain_text(recap_line(report(MOVED), 5))
    error = HostReport.of_error("a", HostError("CA4031", "x"))
    assert plain_text(recap_line(error, 1)).endswith("failed CA4031")


def test_the_summary_counts_hosts() -> None:
    counts = {HostStatus.OK: 3, HostStatus.ROLLED_BACK: 1, HostStatus.NOT_RUN: 2}
    assert plain_text(summary_line(counts)) == "6 hosts: 3 ok, 1 put itself back, 2 not run"
    assert plain_text(summary_line({HostStatus.OK: 1})) == "1 host: 1 ok"
    assert plain_text(summary_line({})) == "0 hosts"


def test_the_document_is_json_and_repeats_no_file() -> None:
    whole = document("plan", [report(MOVED), HostReport("web02", HostStatus.NOT_RUN)], ExitCode.DRIFT)
    again = json.loads(json.dumps(whole))
    assert (again["schema_version"], again["kind"], again["exit_code"]) == (1, "plan", 2)
    first, second = again["hosts"]
    assert first["differences"][0] == {
        "path": "service.config.port",
        "declared": 9696,
        "observed": 9697,
        "note": "",
    }
    assert first["changes"][-1] == {
        "kind": "service.restart",
        "service": "Certify.Service",
        "impact": "service restart",
        "reversal": "reversible",
    }
    assert "content" not in first["changes"][0]
    assert len(first["changes"][0]["after_sha256"]) == 64
    assert (second["status"], second["differences"], second["outcome"]) == ("not_run", [], None)


def test_a_host_of_the_document_says_why_it_was_refused_and_what_remains() -> None:
    refused = host_json(report({"before": {"state": "Stopped", "taken": [["127.0.0.2", 9696]]}}))
    assert refused["refusals"] == [
        {
            "id": "CA3005",
            "message": "http://127.0.0.2:9696 is taken: squatter.exe (process 4711) listens on 127.0.0.2:9696",
            "hint": "stop that program, or declare another service.config.port",
            "by_policy": False,
        }
    ]
    plan = make_plan("web01", desired(MOVED), observed(MOVED), options(MOVED))
    left = (Difference("service.config.port", 9696, 9697),)
    one = HostReport.of_outcome(plan, Outcome(RUN, Result.APPLIED), left)
    document_ = host_json(one)
    assert (one.status, one.exit_code) == (HostStatus.FAILED, ExitCode.HOSTS_FAILED)
    assert document_["remaining"] == [{"path": "service.config.port", "declared": 9696, "observed": 9697, "note": ""}]
    assert document_["error"] == {
        "id": "CA4031",
        "message": "applied, and still not as declared: service.config.port",
        "hint": "something on the host sets it back, or the product did not take it; plan again to see",
    }


LOCKOUT: dict[str, Any] = {
    "before": {"listen": []},
    "declared": {"ip_listen": {"include": ["127.0.0.1", "127.0.0.2"]}},
    "options": {"allow_lockout": True, "confirm_seconds": 60},
}


def test_a_change_that_can_lock_out_says_what_the_host_will_do() -> None:
    one = report(LOCKOUT)
    assert text(one).splitlines()[-3:] == [
        "    add 127.0.0.1 to the IP listen list (lockout risk)",
        "    add 127.0.0.2 to the IP listen list (lockout risk)",
        (
            "  lockout risk: the host puts everything back by itself, unless a new connection confirms "
            "within 60 seconds that it can still be reached"
        ),
    ]
    assert [line[-1].style for line in host_lines(one)][-3:] == ["error", "error", "error"]
    assert host_json(one)["confirm_seconds"] == 60
    assert host_json(report({}))["confirm_seconds"] is None


def test_recovery_reads_field_by_field() -> None:
    wanted = {"reset_seconds": 60, "actions": [{"action": "restart", "delay_ms": 1000}], "on_stop_with_error": False}
    assert text(report({"only": {"recovery": wanted}})).splitlines() == [
        "web01  to change",
        "  ~ service.recovery",
        '      actions: [] -> ["restart after 1s"]',
        "      reset_after: never -> 1m",
        "      on_stop_with_error: false",
        "    set what happens when Certify.Service fails (setting only)",
    ]


def test_a_run_that_was_brought_to_its_end_is_told_first() -> None:
    undone = RecoveredRun(
        "a" * 32,
        Result.ROLLED_BACK,
        (StepOutcome(0, "file.write", "undone"),),
        Failure("interrupted", "the script was cut off"),
    )
    one = replace(report({}), recovered=(undone, RecoveredRun("b" * 32, Result.APPLIED)))
    assert text(one).splitlines() == [
        "web01  ok",
        f"  brought to its end first: run {'a' * 32}, rolled back",
        "    step 1 file.write: undone",
        f"  brought to its end first: run {'b' * 32}, kept: everything had been done and the API answered",
    ]
    assert host_json(one)["recovered"] == [
        {
            "run_id": "a" * 32,
            "result": "rolled_back",
            "steps": [{"index": 0, "kind": "file.write", "status": "undone", "code": None, "message": None}],
            "failure": {"code": "interrupted", "message": "the script was cut off", "step": None},
        },
        {"run_id": "b" * 32, "result": "applied", "steps": [], "failure": None},
    ]


def test_what_a_rollback_leaves_alone_is_shown() -> None:
    plan = make_plan("web01", desired(MOVED), observed(MOVED), options(MOVED))
    conflict = Difference("service.config.log_level", "debug", "verbose", "changed since")
    one = HostReport.of_plan(replace(plan, conflicts=(conflict,)))
    line = "  conflict service.config.log_level  verbose is left as it is (debug before): changed since"
    assert line in text(one).splitlines()
    assert host_json(one)["conflicts"] == [
        {
            "path": "service.config.log_level",
            "declared": "debug",
            "observed": "verbose",
            "note": "changed since",
        }
    ]


def test_a_conflict_on_a_whole_file_is_told_by_a_few_digits_of_its_digests() -> None:
    plan = make_plan("web01", desired({}), observed({}), options({}))
    conflict = Difference("files.servers", "ab" * 32, "cd" * 32, "changed since")
    shown = text(HostReport.of_plan(replace(plan, conflicts=(conflict,))))
    assert "  conflict files.servers  cdcdcdcdcdcd is left as it is (abababababab before): changed since" in shown


@pytest.mark.parametrize(("number", "words"), [(1, "1 conflict left"), (2, "2 conflicts left")])
def test_the_recap_counts_the_conflicts_that_the_exit_code_is_for(number: int, words: str) -> None:
    plan = make_plan("web01", desired({}), observed({}), options({}))
    one = HostReport.of_plan(replace(plan, conflicts=(Difference("service.config.port", 1, 2),) * number))
    assert one.exit_code is ExitCode.DRIFT
    assert plain_text(recap_line(one, 5)).endswith(f" ok, {words}")


def test_a_run_that_waits_says_so() -> None:
    plan = make_plan("web01", desired(LOCKOUT), observed(LOCKOUT), options(LOCKOUT))
    one = HostReport("web01", HostStatus.UNKNOWN, plan, Outcome(RUN, Result.AWAITING))
    assert f"  done, and put back by the host itself unless the run {RUN} is confirmed" in text(one).splitlines()


def test_a_file_that_goes_is_removed() -> None:
    assert "    remove C:\\ProgramData\\certify\\servers.json (file only)" in text(
        report({"only": {"whole_files": {"servers": None}}})
    )
