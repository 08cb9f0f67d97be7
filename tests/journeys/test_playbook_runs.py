"""Runs of the playbooks that ship: what is requested once, taken back, stopped, killed and gone on with."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify_automation.lab.faults import FaultRule
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey
from .locks import holds_the_lock
from .playing import (
    OVERDUE,
    YOUNG,
    begin,
    both_versions,
    changed,
    files,
    finds,
    follow,
    full,
    last,
    shows_only,
)
from .renewing import product, requested, requested_in_all
from .test_run import playbook, steps

PROGRAM = [sys.executable, "-m", "certify_automation"]
PATIENCE = 60


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Journey]:
    """A host of version 6 and one of version 7; both have a certificate that is overdue."""
    yield from both_versions(tmp_path)


def test_what_is_overdue_is_requested_once_and_counted(two: Journey) -> None:
    shows_only(two, "renew-overdue")
    done = follow(two, "renew-overdue")
    assert (done.code, set(changed(done))) == (ExitCode.DONE, {full("six"), full("seven")}), done.out
    again = follow(two, "renew-overdue")
    assert (again.code, changed(again)) == (ExitCode.DONE, {})
    assert [requested(two, host) for host in two.lab.hosts] == [[["a.example.com"]]] * 2
    assert (
        len(list((two.folder / "state" / "runs").glob("*.jsonl"))) == 2
    )  # one a batch, for the limits of all later runs


def test_certificates_of_one_issuer_are_ordered_again_and_a_run_that_ended_does_not_go_on(two: Journey) -> None:
    asked = ("reissue-from-issuer", "-e", "issuer=zerossl.com", "--limit", full("six"))
    shows_only(two, *asked)
    done = follow(two, *asked)
    assert (done.code, requested(two, full("six"))) == (ExitCode.DONE, [["z.example.org"]]), done.out
    resumed = follow(two, "--resume", done.document()["run_id"])
    assert (resumed.code, "CA3230" in resumed.err) == (ExitCode.CONFIGURATION_ERROR, True)
    none = follow(two, "reissue-from-issuer", "-e", "issuer=unknown.example", "--limit", full("six"))
    assert (none.code, changed(none)) == (ExitCode.DONE, {})
    assert [requested(two, host) for host in two.lab.hosts] == [[["z.example.org"]], []]


def test_where_a_step_fails_a_host_has_back_what_it_had_and_the_canary_keeps_the_rest_from_it(two: Journey) -> None:
    own = (Path(__file__).parents[2] / "playbooks" / "change-port.yaml").read_text("utf-8")
    body = own[own.index("parameters:") : own.index("  - name: the API answers")]
    said = "message: 'now {{ facts.configured.port }}'"
    fails = f"  - {{assert: {{that: [facts.configured.port == 9696], {said}}}, on_failure: rollback}}\n"
    playbook(two, body + fails, "change-port")
    before = files(two, full("six"), "serviceconfig.json"), files(two, full("six"), "servers.json")
    done = follow(two, "change-port", "-e", "port=9700")
    assert (done.code, done.document()["stopped"], list(steps(done))) == (
        ExitCode.HOSTS_FAILED,
        "canary",
        [full("six")],
    )
    end = last(done, full("six"))
    assert (end["message"].split(" (")[0], len(end["taken_back"]), end["rollback"]["status"]) == (
        "now 9700",
        1,
        "changed",
    )
    assert (files(two, full("six"), "serviceconfig.json"), files(two, full("six"), "servers.json")) == before
    assert finds(two, full("six")) == {}


def test_a_condition_that_has_no_value_on_a_host_fails_there_with_its_words(tmp_path: Path) -> None:
    hosts = HostSpec(full("none"), "v6"), HostSpec(full("six"), "v6")
    for journey in begin(tmp_path, hosts, FaultRule("not_installed", (full("none"),))):
        playbook(journey, "targets: all\nsteps: [{when: facts.product.major > 5, doctor: }]\n", "newer")
        done = follow(journey, "newer")
        error = last(done, full("none"))["report"]["error"]
        assert (done.code, error["id"]) == (ExitCode.HOSTS_FAILED, "CA1620")
        assert "`facts.product.major > 5` cannot be evaluated" in error["message"]
        assert steps(done)[full("six")] == ["doctor done"]
        playbook(journey, f"targets: [{full('six')}]\nsteps: [{{doctor: }}]\n", "six")
        outside = follow(journey, "six", "--limit", full("none"))
        assert (outside.code, full("none") in outside.err) == (ExitCode.CONFIGURATION_ERROR, True)
        nobody = follow(journey, "six", "--limit", "nobody")
        assert (nobody.code, "CA1310" in nobody.err) == (ExitCode.CONFIGURATION_ERROR, True)


def killed_once_asked(journey: Journey, host: str) -> None:
    """A run of renew-overdue that is killed as soon as this host has been asked for a certificate."""
    command = [*PROGRAM, "run", "renew-overdue", "--yes", *journey.flags]
    until = time.monotonic() + PATIENCE
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        while not requested(journey, host):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
        process.communicate()
    while holds_the_lock(journey.lab.hosts[host]):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_run_that_is_killed_goes_on_in_one_process_and_requests_nothing_twice(tmp_path: Path) -> None:
    names = [full(f"host{number}") for number in range(1, 5)]
    hosts = tuple(
        HostSpec(name, "v7" if number % 2 else "v6", certificates=(OVERDUE, YOUNG)) for number, name in enumerate(names)
    )
    for journey in begin(tmp_path, hosts):
        order = list(journey.lab.hosts)
        third = journey.lab.hosts[order[2]]
        product(journey, order[2]).conditions.attempt_seconds = 600
        killed_once_asked(journey, order[2])
        third.computer.clock.advance(1200)
        run_id = next((journey.folder / "state" / "playbooks").glob("*.jsonl")).stem
        command = [*PROGRAM, "run", "--resume", run_id, "--yes", "--json", *journey.flags]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603
        ended = [(*process.communicate(), process.returncode) for process in both]
        gone_on = [one for one in ended if one[2] == ExitCode.DONE]
        assert len(gone_on) == 1, ended
        other = next(one for one in ended if one is not gone_on[0])
        assert "CA3216" in other[1] or "CA3230" in other[1]
        assert [requested_in_all(journey, name) for name in order] == [["a.example.com"]] * len(order)
