"""Ctrl-C and SIGTERM in the middle of a fleet's apply: what is in hand comes to a known end, nothing else begins."""

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
from certify_automation.lab.fleet import LabHost, LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.lab.machine import Pace
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start
from .locks import holds_the_lock

PROGRAM = [sys.executable, "-m", "certify_automation"]
HOSTS, FORKS = 6, 2
PATIENCE = 60
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows delivers no such signals to another process")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Journey]:
    """Hosts that are all to be changed, and whose service takes a while to start."""
    rules = FaultRules([FaultRule("service_stopped"), FaultRule("service_slow", options={"seconds": 40})])
    yield from start(tmp_path, LabOptions(generated_hosts(HOSTS, 0), rules))


def interrupted(journey: Journey, number: signal.Signals, times: int, *, further: bool = False) -> tuple[int, Any, str]:
    """An apply that is interrupted as soon as hosts are being changed: exit code, document, standard error.

    With `further` signals go on coming until it has ended.
    """
    flags = ["--yes", "--json", "--forks", str(FORKS)]
    with subprocess.Popen(  # noqa: S603 - ours
        [*PROGRAM, "apply", *flags, *journey.flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until = time.monotonic() + PATIENCE
        while sum(map(holds_the_lock, journey.lab.hosts.values())) < FORKS:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        for _ in range(times):
            process.send_signal(number)
            assert process.stderr
            assert process.stderr.readline() == "\n"  # the message begins with an empty line
            assert process.stderr.readline()
        while further and process.poll() is None:
            process.send_signal(number)
            time.sleep(0.01)
        out, err = process.communicate()
    return process.returncode, json.loads(out), err


def ended(host: LabHost) -> list[str]:
    """The results of the runs that a host has on record; empty where a run has no end."""
    files = host.computer.files.walk()
    journals = [path for path in files if path.endswith("\\journal")]
    outcomes = [json.loads(content or b"") for path, content in files.items() if path.endswith("\\outcome.json")]
    return [outcome["result"] for outcome in outcomes] if len(journals) == len(outcomes) else []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_hosts_in_hand_are_finished_and_no_other_begins(number: signal.Signals, slow: Journey) -> None:
    before = slow.lab.dump()
    code, document, err = interrupted(slow, number, times=1)
    statuses = {host["host"]: host["status"] for host in document["hosts"]}
    assert code == document["exit_code"] == ExitCode.INTERRUPTED, err
    assert list(statuses.values()) == [*["changed"] * FORKS, *["not_run"] * (HOSTS - FORKS)]
    for name, status in statuses.items():
        host = slow.lab.hosts[name]
        assert not holds_the_lock(host)
        if status == "changed":
            assert ended(host) == ["applied"]
        else:
            assert host.computer.dump() == before[name]
    again = slow.run("plan", "--json").hosts()
    assert {name for name, status in again.items() if status == "ok"} == {
        n for n, s in statuses.items() if s == "changed"
    }
    assert slow.run("apply", "--yes").code == ExitCode.DONE


def test_aborted_hosts_are_unknown_and_come_to_an_end_by_themselves(slow: Journey) -> None:
    code, document, err = interrupted(slow, signal.SIGTERM, times=2)
    assert code == ExitCode.INTERRUPTED, err
    assert [host["status"] for host in document["hosts"]] == [*["unknown"] * FORKS, *["not_run"] * (HOSTS - FORKS)]
    assert "Traceback" not in err
    until = time.monotonic() + PATIENCE
    while any(map(holds_the_lock, slow.lab.hosts.values())):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert slow.run("apply", "--yes").code == ExitCode.DONE
    assert slow.run("plan").code == ExitCode.DONE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_however_often_it_is_interrupted_it_says_what_became_of_the_hosts(
    number: signal.Signals, slow: Journey
) -> None:
    code, document, err = interrupted(slow, number, times=2, further=True)
    assert (code, document["exit_code"]) == (ExitCode.INTERRUPTED, ExitCode.INTERRUPTED), err
    assert [host["status"] for host in document["hosts"]] == [*["unknown"] * FORKS, *["not_run"] * (HOSTS - FORKS)]


def listen_list(journey: Journey) -> None:
    """Declare a list that cuts host001 off."""
    (journey.folder / "fleet" / "state" / "list.yaml").write_text(
        "version: 1\nname: list\napplies_to: {hosts: [host001.lab.example]}\n"
        "http_sys: {ip_listen: {exactly: [127.0.0.2, 127.0.0.1]}}\n",
        "utf-8",
    )


def interrupted_once_cut_off(journey: Journey, *numbers: signal.Signals) -> tuple[int, Any]:
    """Exit code and document of an apply that gets these signals after host001 has gone from the network."""
    cut, _ = journey.lab.hosts.values()
    flags = ["--yes", "--json", "--forks", "1", "--allow-lockout", "--confirm-within", "60s"]
    command = [*PROGRAM, "apply", *flags, *journey.flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        until = time.monotonic() + PATIENCE
        while cut.machine.reachable():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        assert process.stderr is not None
        for number in numbers:
            process.send_signal(number)
            while "interrupted" not in (line := process.stderr.readline()) and "aborted" not in line:
                assert line, "it ended without a word"
        out, err = process.communicate()
    assert "Traceback" not in err
    return process.returncode, json.loads(out)["hosts"]


def test_a_host_that_is_cut_off_is_waited_for_until_it_has_put_itself_back(tmp_path: Path) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(2, 0), pace=Pace(tasks=0.05))):
        journey.run("apply", "--yes")
        listen_list(journey)
        cut, other = journey.lab.hosts.values()
        other.computer.services.configure("Certify.Server.Core", "Manual")
        before = other.computer.dump()
        code, (first, second) = interrupted_once_cut_off(journey, signal.SIGINT)
        assert code == ExitCode.INTERRUPTED
        assert (first["status"], first["error"]["id"], second["status"]) == ("rolled_back", "CA4026", "not_run")
        assert (cut.machine.reachable(), cut.computer.http.live) == (True, [])
        assert other.computer.dump() == before


def test_a_host_that_is_left_while_it_waits_for_its_confirmation_is_said_to_put_itself_back(tmp_path: Path) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(2, 0), pace=Pace(tasks=0.05))):
        journey.run("apply", "--yes")
        listen_list(journey)
        code, (first, _) = interrupted_once_cut_off(journey, signal.SIGINT, signal.SIGINT)
        assert (code, first["status"], first["error"]["id"]) == (ExitCode.INTERRUPTED, "unknown", "CA4032")
        assert "puts everything back by itself 60 s after it" in first["error"]["hint"]
