"""`run` on real sockets: playbooks over simulated servers, stopped, killed, gone on with and taken back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start
from .locks import holds_the_lock

PROGRAM = [sys.executable, "-m", "certify_automation"]
ONE, TWO, THREE = (f"host00{number}.lab.example" for number in (1, 3, 2))  # the order of the inventory: by group
PATIENCE = 60


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))


def begin(folder: Path, *faults: FaultRule, hosts: int = 3) -> Iterator[Journey]:
    yield from start(folder, LabOptions(generated_hosts(hosts, 0), FaultRules(list(faults))))


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Journey]:
    """Three hosts whose service is stopped."""
    yield from begin(tmp_path, FaultRule("service_stopped"))


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Journey]:
    """Three hosts whose service is stopped; the first cannot be reached."""
    yield from begin(tmp_path, FaultRule("service_stopped"), FaultRule("unreachable", (ONE,)))


def playbook(journey: Journey, text: str, name: str = "a") -> None:
    folder = journey.folder / "fleet" / "playbooks"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(f"version: 1\nname: {name}\ndescription: a test\n{text}", "utf-8")


def steps(done: Ran) -> dict[str, list[str]]:
    """Host -> `name status` of its steps."""
    hosts = done.document()["hosts"]
    return {host["host"]: [f"{one['name']} {one['status']}" for one in host["steps"]] for host in hosts}


def every(expected: list[str]) -> dict[str, list[str]]:
    return dict.fromkeys((ONE, TWO, THREE), expected)


def records(journey: Journey) -> list[dict[str, Any]]:
    (path,) = (journey.folder / "state" / "playbooks").glob("*.jsonl")
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_steps_run_in_order_batch_by_batch_and_change_nothing_the_second_time(stopped: Journey) -> None:
    text = "strategy: {canary: 1, batch: 1}\nsteps: [{apply: }, {wait_for: {what: api}}, {doctor: }]\n"
    playbook(stopped, text)
    first = stopped.run("run", "a", "--yes", "--json")
    assert first.code == ExitCode.DONE, first.err
    assert steps(first) == every(["apply changed", "wait_for done", "doctor done"])
    begun = [event["hosts"] for event in records(stopped) if event["event"] == "begun"]
    assert begun == [[ONE]] * 3 + [[TWO]] * 3 + [[THREE]] * 3
    second = stopped.run("run", "a", "--yes", "--json")
    assert steps(second) == every(["apply done", "wait_for done", "doctor done"])


def test_a_step_is_left_out_where_its_condition_is_false(stopped: Journey) -> None:
    text = f"steps:\n  - {{when: host.name == '{TWO}', apply: }}\n  - {{when: facts.api.answers, restart: }}\n"
    playbook(stopped, text)
    done = stopped.run("run", "a", "--yes", "--json")
    assert done.code == ExitCode.DONE, done.err
    left_out = ["apply skipped", "restart skipped"]
    assert steps(done) == {ONE: left_out, TWO: ["apply changed", "restart changed"], THREE: left_out}


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(stopped: Journey) -> None:
    playbook(stopped, "steps: [{apply: }, {wait_for: {what: api}}, {assert: {that: [facts.api.answers]}}]\n")
    before = stopped.lab.dump()
    done = stopped.run("run", "a", "--dry-run", "--json")
    assert (done.code, stopped.lab.dump() == before) == (ExitCode.DRIFT, True)
    assert steps(done)[ONE] == ["apply changed", "wait_for skipped", "assert skipped"]
    assert (done.document()["run_id"], (stopped.folder / "state").exists()) == (None, False)


def test_a_host_that_fails_is_out_and_the_run_goes_on_with_it_later(stopped: Journey) -> None:
    playbook(stopped, "steps: [{assert: {that: [facts.api.answers], message: 'no {{ host.name }}'}}, {doctor: }]\n")
    applied = stopped.run("apply", "--yes", "-l", f"{TWO}:{THREE}")
    assert applied.code == ExitCode.DONE
    first = stopped.run("run", "a", "--json")
    assert first.code == ExitCode.HOSTS_FAILED
    assert steps(first) == every(["assert done", "doctor done"]) | {ONE: ["assert failed"]}
    failed = first.document()["hosts"][0]["steps"][0]
    assert failed["report"]["error"]["id"] == "CA3240"
    assert f"no {ONE}" in failed["message"]
    assert first.document()["left"] == [ONE]
    assert stopped.run("apply", "--yes", "-l", ONE).code == ExitCode.DONE
    run_id = first.document()["run_id"]
    second = stopped.run("run", "--resume", run_id[:8], "--json")
    assert (second.code, steps(second)) == (ExitCode.DONE, {ONE: ["assert done", "doctor done"]})
    third = stopped.run("run", "--resume", run_id, "--json")
    assert (third.code, "CA3230" in third.err) == (ExitCode.CONFIGURATION_ERROR, True)


def test_a_run_does_not_go_on_with_another_playbook(stopped: Journey) -> None:
    playbook(stopped, "steps: [{assert: {that: [facts.api.answers]}}]\n")
    run_id = stopped.run("run", "a", "--json").document()["run_id"]
    playbook(stopped, "steps: [{assert: {that: [not facts.api.answers]}}]\n")
    done = stopped.run("run", "--resume", run_id)
    assert (done.code, "CA3231" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)


def test_a_failing_canary_keeps_the_others_from_starting(stopped: Journey) -> None:
    playbook(stopped, "strategy: {canary: 1}\nsteps: [{assert: {that: [facts.api.answers]}}]\n")
    done = stopped.run("run", "a", "--json")
    assert (list(steps(done)), done.document()["stopped"]) == ([ONE], "canary")
    assert done.document()["left"] == [ONE, TWO, THREE]


@pytest.mark.parametrize(
    ("strategy", "hosts", "stopped_for"),
    [
        ("{batch: 1, max_failures: 1}", [ONE], "failures"),
        ("{batch: 1, max_failures: 1, max_unreachable: 2}", [ONE, TWO, THREE], None),
        ("{batch: 1, max_failures: 2, max_unreachable: 1}", [ONE], "failures"),
    ],
)
def test_unreachable_hosts_count_as_failed_unless_they_are_counted_apart(
    strategy: str, hosts: list[str], stopped_for: str | None, deaf: Journey
) -> None:
    playbook(deaf, f"strategy: {strategy}\nsteps: [{{apply: }}]\n")
    done = deaf.run("run", "a", "--yes", "--json")
    assert (list(steps(done)), done.document()["stopped"]) == (hosts, stopped_for)
    assert steps(done)[ONE] == ["apply unreachable"]
    assert done.code == ExitCode.HOSTS_UNREACHABLE


def test_what_a_playbook_changed_is_taken_back_where_a_step_fails(stopped: Journey) -> None:
    override = "overrides: {service: {config: {http_challenge_port: 8080}}}"
    text = f"""steps:
  - {{apply: }}
  - {{name: port, apply: {{declared: false, {override}}}}}
  - {{assert: {{that: ["host.name != '{TWO}'"]}}, on_failure: rollback}}
"""
    (stopped.folder / "fleet" / "state" / "baseline.yaml").write_text(
        "version: 1\nname: b\napplies_to: all\nservice: {state: running}\n", "utf-8"
    )
    playbook(stopped, text)
    before = config(stopped, TWO)
    done = stopped.run("run", "a", "--yes", "--json")
    assert done.code == ExitCode.HOSTS_FAILED, done.err
    assert steps(done)[ONE] == ["apply changed", "port changed", "assert done"]
    found = next(host for host in done.document()["hosts"] if host["host"] == TWO)["steps"][-1]
    assert (found["status"], len(found["taken_back"]), found["rollback"]["status"]) == ("failed", 2, "changed")
    assert "8080" in config(stopped, ONE)
    assert config(stopped, TWO) == before
    again = stopped.run("run", "--resume", done.document()["run_id"], "--yes", "--json")
    assert steps(again) == {TWO: ["apply changed", "port changed", "assert failed"]}


def test_a_run_that_was_killed_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    slow = FaultRule("service_slow", options={"seconds": 40})
    for journey in begin(tmp_path, FaultRule("service_stopped"), slow):
        playbook(journey, "strategy: {batch: 1}\nsteps: [{apply: }, {wait_for: {what: api}}]\n")
        killed(journey, THREE)
        run_id = next((journey.folder / "state" / "playbooks").glob("*.jsonl")).stem
        cut_off = journey.folder / "state" / "playbooks" / f"{run_id}.jsonl"
        with cut_off.open("a", encoding="ascii") as record:
            record.write('{"event":"step_en')
        done = journey.run("run", "--resume", run_id, "--yes", "--json")
        assert done.code == ExitCode.DONE, done.err
        assert list(steps(done)) == [THREE]
        assert steps(done)[THREE][-1] == "wait_for done"
        assert journey.run("plan").code == ExitCode.DONE


def test_what_is_declared_otherwise_is_an_error_with_both_places(stopped: Journey) -> None:
    playbook(stopped, "steps: [{apply: {overrides: {service: {config: {port: 9700}}}}}]\n")
    before = stopped.lab.dump()
    done = stopped.run("run", "a", "--yes", "--json")
    assert (done.code, stopped.lab.dump() == before) == (ExitCode.CONFIGURATION_ERROR, True)
    error = done.document()["hosts"][0]["steps"][0]["report"]["error"]
    assert error["id"] == "CA1615"
    assert "a.yaml:4:" in error["message"]
    assert "baseline.yaml:" in error["message"]


def test_a_host_that_does_not_answer_in_time_fails(stopped: Journey) -> None:
    text = """steps:
  - {name: reached, wait_for: {what: reachable}}
  - {wait_for: {what: api, timeout: 1s}, on_failure: continue}
  - {doctor: }
"""
    playbook(stopped, text)
    done = stopped.run("run", "a", "--json")
    assert done.code == ExitCode.HOSTS_FAILED
    assert steps(done) == every(["reached done", "wait_for failed", "doctor failed"])
    found = [one["report"]["error"] for one in done.document()["hosts"][0]["steps"][1:]]
    assert [one["id"] for one in found] == ["CA3242", "CA3241"]
    assert "CA6106" in found[1]["message"]


def test_findings_are_ended_and_told(stopped: Journey) -> None:
    playbook(stopped, "steps: [{remediate: {only: [service_not_running]}}, {doctor: {fail_on: warning}}]\n")
    done = stopped.run("run", "a", "--yes", "--json")
    assert (done.code, steps(done)) == (ExitCode.DONE, every(["remediate changed", "doctor done"])), done.err


def test_a_template_without_a_value_fails_on_its_host_alone(stopped: Journey) -> None:
    text = "steps: [{assert: {that: [host.labels.rack == '7']}}]\nstrategy: {max_failures: 9}\n"
    playbook(stopped, text)
    done = stopped.run("run", "a", "--json")
    errors = [host["steps"][0]["report"]["error"]["id"] for host in done.document()["hosts"]]
    assert (done.code, set(errors)) == (ExitCode.HOSTS_FAILED, {"CA1620"})


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "CA5050"),
        (["a", "-e", "port"], "CA5051"),
        (["a", "-e", "port=1", "-e", "port=2"], "CA5051"),
        (["a"], "CA5052"),
        (["a", "--json"], "CA5052"),
        (["--resume", "0123456789abcdef"], "CA3211"),
        (["--resume", "../../etc/passwd"], "CA3211"),
        (["nowhere"], "CA1601"),
        (["a", "-e", "prot=1", "--yes"], "CA16"),
        (["a", "--yes", "--limit", "nobody"], "CA131"),
    ],
    ids=str,
)
def test_a_call_that_makes_no_sense(arguments: list[str], error: str, stopped: Journey) -> None:
    playbook(stopped, "steps: [{apply: }]\n")
    before = stopped.lab.dump()
    done = stopped.run("run", *arguments)
    assert (done.code, error in done.err) == (ExitCode.CONFIGURATION_ERROR, True), done.err
    assert (stopped.lab.dump() == before, (stopped.folder / "state").exists()) == (True, False)


def test_parameters_and_hosts_of_a_run_that_goes_on_are_its_own(stopped: Journey) -> None:
    playbook(
        stopped, "parameters: {a: {type: string, description: d}}\nsteps: [{assert: {that: [parameters.a == 'x']}}]\n"
    )
    run_id = stopped.run("run", "a", "-e", "a=y", "--limit", ONE, "--json").document()["run_id"]
    for flags, error in ((["-e", "a=x"], "CA5053"), (["--limit", TWO], "CA3232")):
        done = stopped.run("run", "--resume", run_id, *flags)
        assert (done.code, error in done.err) == (ExitCode.CONFIGURATION_ERROR, True), done.err
    again = stopped.run("run", "--resume", run_id, "--json")
    assert steps(again) == {ONE: ["assert failed"]}


def test_what_happens_is_told_line_by_line(stopped: Journey) -> None:
    playbook(stopped, "strategy: {canary: 1}\nsteps: [{apply: , name: as declared}, {doctor: }]\n")
    done = stopped.run("run", "a", "--yes")
    out, err = done.out.splitlines(), done.err.splitlines()
    assert out[:4] == [
        "a: a test",
        "  on 3 hosts in 2 batches of at most 2, 1 of them first",
        "  1.  as declared  apply",
        "  2.  doctor       doctor",
    ]
    assert f"{ONE}  changed  after 2 of 2 steps" in out
    assert "3 hosts: 3 changed" in out
    assert err[0].startswith("run ")
    assert err[1:4] == ["batch 1 of 2: 1 host", "step 1 of 2, as declared: 1 host", f"  {ONE} changed"]
    assert stopped.run("run", "--list").out.splitlines()[0].split() == ["a", "a", "test"]


@pytest.mark.skipif(os.name == "nt", reason="Windows delivers no such signals to another process")
def test_ctrl_c_finishes_the_hosts_in_hand_and_the_run_goes_on(tmp_path: Path) -> None:
    slow = FaultRule("service_slow", options={"seconds": 40})
    for journey in begin(tmp_path, FaultRule("service_stopped"), slow):
        playbook(journey, "steps: [{apply: }, {doctor: }]\n")
        command = [*PROGRAM, "run", "a", "--yes", "--json", "--forks", "1", *journey.flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            until = time.monotonic() + PATIENCE
            while not holds_the_lock(journey.lab.hosts[ONE]):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < until
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == ExitCode.INTERRUPTED, err
        found = json.loads(out)
        assert found["stopped"] == "cancelled"
        assert [host["status"] for host in found["hosts"]] == ["changed", "not_run", "not_run"]
        rest = journey.run("run", "--resume", found["run_id"], "--yes", "--json")
        both = ["apply changed", "doctor done"]
        assert (rest.code, steps(rest)) == (ExitCode.DONE, {ONE: ["doctor done"], TWO: both, THREE: both})


def killed(journey: Journey, host: str) -> None:
    """A run that is killed while it changes this host."""
    command = [*PROGRAM, "run", "a", "--yes", *journey.flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        until = time.monotonic() + PATIENCE
        while not holds_the_lock(journey.lab.hosts[host]) or not acting(journey, host):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        in_hand = journey.run("run", "--resume", records(journey)[0]["run_id"], "--yes")
        assert "CA3216" in in_hand.err
        process.kill()
        process.communicate()
    while holds_the_lock(journey.lab.hosts[host]):
        assert time.monotonic() < until
        time.sleep(0.01)


def acting(journey: Journey, host: str) -> bool:
    return any(event["event"] == "begun" and event["hosts"] == [host] for event in records(journey))


def config(journey: Journey, host: str) -> str:
    files = journey.lab.hosts[host].computer.files.walk()
    return next(
        (content or b"").decode() for path, content in files.items() if path.casefold().endswith("\\serviceconfig.json")
    )
