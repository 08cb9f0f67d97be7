"""`run` on real sockets: playbooks over simulated servers, stopped, killed, gone on with and taken back."""

from __future__ import annotations

import json
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
