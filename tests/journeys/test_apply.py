"""Questions, limits and interruptions, on the real wire."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from certify_automation.cli import main
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.lab.winrm.faults import WireFaultKind
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start

PROGRAM = [sys.executable, "-m", "certify_automation"]
LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
KILLED = FaultRule("killed_during", options={"effect": 6})
posix = pytest.mark.skipif(os.name == "nt", reason="signals and terminals are of another kind on Windows")


def with_faults(folder: Path, hosts: int, *rules: FaultRule) -> Iterator[Journey]:
    yield from start(folder, LabOptions(generated_hosts(hosts, 0), FaultRules(rules)))


def test_plan_apply_plan(healthy: Journey) -> None:
    assert healthy.run("plan").code == ExitCode.DRIFT
    applied = healthy.run("apply", "--yes")
    assert applied.code == ExitCode.DONE
    assert f"{MODERN} : ok=1" in applied.out
    again = healthy.run("plan")
    assert (again.code, again.out.splitlines()[-1]) == (ExitCode.DONE, "no changes: the servers are as declared")
    assert healthy.run("apply", "--yes").code == ExitCode.DONE


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_both_schemes(tmp_path: Path, scheme: str) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(2, 0), scheme=scheme)):
        assert journey.run("status", "--json").hosts() == {LEGACY: "ok", MODERN: "changed"}


def test_reading_commands_change_no_byte(healthy: Journey) -> None:
    before = healthy.lab.dump()
    commands = (
        ("plan",),
        ("check",),
        ("diff",),
        ("status",),
        ("validate",),
        ("inventory", "list"),
        ("explain", LEGACY),
    )
    for command in commands:
        assert healthy.run(*command).code in {ExitCode.DONE, ExitCode.DRIFT}
    assert healthy.run("render", "-o", str(healthy.folder / "out")).code == ExitCode.DONE
    assert healthy.lab.dump() == before


def test_status_shows_what_runs_where(healthy: Journey) -> None:
    shown = healthy.run("status")
    assert shown.code == ExitCode.DRIFT
    row = next(line for line in shown.out.splitlines() if line.startswith(LEGACY)).split()
    assert row[1:3] == ["ok", "v6"]
    assert "http://127.0.0.2:9696" in row
    document = healthy.run("status", "--json").document()
    assert document["kind"] == "status"
    assert document["hosts"][1]["differences"][0] == "service.start_mode"


def test_the_password_is_nowhere_to_be_seen(healthy: Journey) -> None:
    for command in (
        ("plan", "-vv"),
        ("apply", "--yes", "-vv"),
        ("status", "--json", "-vv"),
        ("inventory", "list", "--json"),
    ):
        ran = healthy.run(*command)
        assert healthy.lab.password not in ran.out + ran.err


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_without_anybody_to_ask_nothing_is_applied(healthy: Journey, flags: tuple[str, ...]) -> None:
    before = healthy.lab.dump()
    done = healthy.run("apply", *flags)
    assert done.code == ExitCode.CONFIGURATION_ERROR
    assert "CA5006" in done.err
    assert healthy.lab.dump() == before


@posix
@pytest.mark.parametrize(("answer", "code"), [(b"n\n", ExitCode.CONFIGURATION_ERROR), (b"y\n", ExitCode.DONE)])
def test_at_a_terminal_it_asks(healthy: Journey, answer: bytes, code: ExitCode) -> None:
    before = healthy.lab.dump()
    ours, theirs = os.openpty()
    try:
        os.write(ours, answer)
        command = [*PROGRAM, "apply", *healthy.flags]
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Apply these changes to 1 host?" in done.stderr
    assert (healthy.lab.dump() == before) == (code != ExitCode.DONE)


@pytest.mark.parametrize(("budget", "visited"), [("2", 2), ("50%", 3), ("100%", 6)])
def test_no_further_host_starts_after_too_many_failures(tmp_path: Path, budget: str, visited: int) -> None:
    for journey in with_faults(tmp_path, 6, FaultRule("service_stopped"), KILLED):
        done = journey.run("apply", "--yes", "--json", "--forks", "1", "--max-failures", budget)
        statuses = list(done.hosts().values())
        assert statuses.count("unknown CA2032") == visited
        assert statuses.count("not_run") == 6 - visited
        assert done.code == ExitCode.HOSTS_FAILED
        assert ("no further one was changed" in done.err) == (visited < 6)


@pytest.mark.parametrize("command", ["plan", "status"])
def test_however_many_hosts_cannot_be_reached_the_others_are_looked_at(tmp_path: Path, command: str) -> None:
    for journey in with_faults(tmp_path, 4, FaultRule("unreachable", ("host00[123]*",))):
        done = journey.run(command, "--json", "--forks", "1", "--max-failures", "1")
        assert [status.partition(" ")[0] for status in done.hosts().values()] == [*["unreachable"] * 3, "changed"]
        assert done.code == ExitCode.HOSTS_UNREACHABLE


def test_hosts_that_could_be_looked_at_are_changed_and_the_others_reported(tmp_path: Path) -> None:
    for journey in with_faults(tmp_path, 4, FaultRule("unreachable", ("host002*",)), FaultRule("service_stopped")):
        done = journey.run("apply", "--yes", "--forks", "1", "--max-failures", "1", "--json")
        assert done.code == ExitCode.HOSTS_UNREACHABLE
        assert [status.partition(" ")[0] for status in done.hosts().values()] == [
            "changed",
            "changed",
            "unreachable",
            "changed",
        ]
        assert len(done.document()["run_id"]) == len("0123456789abcdef" * 2)


@pytest.mark.parametrize("budget", ["0", "many", "101%"])
def test_a_budget_that_is_none(healthy: Journey, budget: str) -> None:
    done = healthy.run("apply", "--yes", "--max-failures", budget)
    assert (done.code, "CA5001" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)


@pytest.mark.parametrize("deadline", ["0", "soon", "5 m"])
def test_a_deadline_that_is_none(healthy: Journey, deadline: str) -> None:
    assert healthy.run("plan", "--deadline", deadline).code == ExitCode.CONFIGURATION_ERROR


def test_a_host_that_is_slower_than_the_deadline_is_unreachable(tmp_path: Path) -> None:
    for journey in with_faults(tmp_path, 1, FaultRule("slow_start", options={"seconds": 600})):
        done = journey.run("plan", "--json", "--deadline", "1.5s")
        assert done.code == ExitCode.HOSTS_UNREACHABLE
        assert done.hosts()[LEGACY].startswith("unreachable")


def test_a_wrong_password_is_tried_once_in_the_whole_run(healthy: Journey) -> None:
    (healthy.folder / "lab-password").write_text("wrong", "utf-8")
    done = healthy.run("plan", "--json")
    assert done.code == ExitCode.HOSTS_UNREACHABLE
    assert sorted(done.hosts().values()) == ["unreachable CA2010", "unreachable CA2011"]


def test_a_missing_secret_is_named_and_no_host_is_visited(healthy: Journey) -> None:
    (healthy.folder / "lab-password").unlink()
    done = healthy.run("plan")
    assert done.code == ExitCode.CONFIGURATION_ERROR
    assert "CA1501" in done.err
    assert "lab-password" in done.err


def test_a_host_without_its_secret_stops_no_other(healthy: Journey) -> None:
    change_connection(healthy, MODERN, {"password": "${env:CERTIFY_AUTOMATION_NO_SUCH_VARIABLE}"})
    done = healthy.run("plan", "--json")
    assert done.hosts() == {LEGACY: "ok", MODERN: "failed CA1501"}
    assert done.code == ExitCode.CONFIGURATION_ERROR


def test_a_certificate_of_nobody_known(healthy: Journey, tmp_path: Path) -> None:
    for other in start(tmp_path / "other", LabOptions(generated_hosts(1, 0))):
        change_connection(healthy, LEGACY, {"ca_file": str(other.folder / "lab-ca.pem")})
        done = healthy.run("plan", "--json")
        assert done.hosts() == {LEGACY: "unreachable CA2015", MODERN: "changed"}


def test_verification_switched_off_is_honoured_and_warned_about(healthy: Journey) -> None:
    for host in (LEGACY, MODERN):
        change_connection(healthy, host, {"verify": False})
    done = healthy.run("apply", "--yes")
    assert done.code == ExitCode.DONE
    assert (done.err.count("CA1322"), done.err.count("not verified on 2 hosts")) == (1, 1)


@pytest.mark.skipif(os.name == "nt", reason="Windows is where it works")
def test_local_is_for_windows(healthy: Journey) -> None:
    change_connection(healthy, LEGACY, {"transport": "local"})
    done = healthy.run("plan", "--json")
    assert done.hosts() == {LEGACY: "failed CA2040", MODERN: "changed"}
    assert done.code == ExitCode.CONFIGURATION_ERROR


def test_a_host_that_drops_in_the_middle_is_unknown_and_converges_later(tmp_path: Path) -> None:
    for journey in with_faults(tmp_path, 2, FaultRule("power_loss", ("host002*",), {"change": 1, "seconds": 1})):
        dropped = journey.run("apply", "--yes", "--json")
        assert dropped.code == ExitCode.HOSTS_FAILED
        assert dropped.hosts()[MODERN].startswith("unknown")
        assert "file.write" in dropped.document()["hosts"][1]["error"]["message"]
        for _ in range(100):
            journey.lab.hosts[MODERN].computer.clock.advance(60)
            if journey.run("apply", "--yes", "--json").code == ExitCode.DONE:
                break
        assert journey.run("plan").code == ExitCode.DONE


@posix
def test_one_interrupt_finishes_the_hosts_in_hand(tmp_path: Path) -> None:
    for journey in with_faults(tmp_path, 3, FaultRule("slow_start", ("host003*",), {"seconds": 2})):
        code, out, err = interrupted(journey, times=1)
        assert code == ExitCode.INTERRUPTED, err
        statuses = [host["status"] for host in json.loads(out)["hosts"]]
        assert statuses == ["ok", "ok", "not_run"]


@posix
def test_two_interrupts_abort(tmp_path: Path) -> None:
    for journey in with_faults(tmp_path, 3, FaultRule("slow_start", ("host003*",), {"seconds": 600})):
        code, out, err = interrupted(journey, times=2)
        assert code == ExitCode.INTERRUPTED, err
        statuses = [host["status"] for host in json.loads(out)["hosts"]]
        assert (statuses[0], set(statuses[1:])) == ("ok", {"unknown", "not_run"})
        assert "Traceback" not in err


@posix
def test_one_interrupt_ends_a_question(healthy: Journey) -> None:
    before = healthy.lab.dump()
    command = [*PROGRAM, "apply", *healthy.flags]
    ours, theirs = os.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - ours
        assert process.stderr
        asked = b""
        while b"[y/N]" not in asked:
            asked += process.stderr.read(1)
        while process.poll() is None:  # one that arrives just before Python reads is seen with the next
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == ExitCode.INTERRUPTED
    assert healthy.lab.dump() == before


@posix
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_a_closed_stream_does_not_stop_an_apply(healthy: Journey, closed: tuple[int, ...]) -> None:
    script = f'exec "$@" {" ".join(f"{number}>&-" for number in closed)}'
    command = ["/bin/sh", "-c", script, "sh", *PROGRAM, "apply", "--yes", *healthy.flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (done.returncode, "Traceback" in done.stderr) == (ExitCode.DONE, False)
    assert healthy.run("plan").code == ExitCode.DONE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_output_that_finds_no_room_is_said_and_stops_no_apply(healthy: Journey, flags: tuple[str, ...]) -> None:
    command = [*PROGRAM, "apply", "--yes", *flags, *healthy.flags]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == ExitCode.CONFIGURATION_ERROR
    assert "CA5008" in done.stderr
    assert healthy.run("plan").code == ExitCode.DONE


@posix
def test_a_reader_that_goes_away_does_not_stop_an_apply(healthy: Journey) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*PROGRAM, "apply", "--yes", *healthy.flags]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    assert healthy.run("plan").code == ExitCode.DONE


def test_the_demo_proves_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == ExitCode.DONE
    shown = capsys.readouterr().out
    applied, mended, renewed = 12, 1, 1
    assert shown.count(" : ok=1 ") == applied + mended + renewed
    proofs = ("ListenOnlyList: 10.20.0.2", r"servers.json:7: Port of '(local)': 9695", "driver HTTP: state running")
    assert [proof for proof in proofs if proof not in shown] == []
    assert "1 host examined, no findings" in shown
    assert "no changes: the servers are as declared" in shown
    assert "put itself back CA4026" in shown
    assert re.findall(r"^exit code (\d+)$", shown, re.MULTILINE) == list("020020000290")
    full = ("web03", "web04", "app04", "web02", "web01", "web01")
    assert re.findall(r"^(\S+)  to change$", shown, re.MULTILINE) == [f"{host}.example.com" for host in full]
    assert shown.splitlines()[-1].startswith("All 12 servers are as declared")
    assert "\x1b" not in shown


def change_connection(journey: Journey, host: str, fields: dict[str, object]) -> None:
    path = journey.folder / "inventory.yaml"
    inventory = yaml.safe_load(path.read_text("utf-8"))
    group = next(group for group in inventory["groups"].values() if host in group["hosts"])
    group["hosts"][host]["connection"].update(fields)
    path.write_text(yaml.safe_dump(inventory), "utf-8")


def interrupted(journey: Journey, *, times: int) -> tuple[int, str, str]:
    """A plan, one host after the other, that gets Ctrl-C when a slow host is in hand, and again when it has said so."""
    command = [*PROGRAM, "plan", "--json", "--forks", "1", *journey.flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stderr
        while not journey.lab.wire_faults.struck(WireFaultKind.SLOW_START):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = ""
        while times > 1 and "interrupted" not in said:
            said += process.stderr.readline()
        if times > 1:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, said + err
