"""The issuer drill on real sockets: all of an authority issued again, in waves, interrupted, killed, gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.certify.conditions import FAILURES
from certify_automation.lab.certify.data_store import DataStore
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start
from .locks import holds_the_lock
from .renewing import held, items, product, renewals, requested, requested_in_all

PROGRAM = [sys.executable, "-m", "certify_automation"]
DRILL = ["renew", "--issuer", "letsencrypt.org", "--reissue", "--yes", "--wait", "--json"]
COUNT = 5
HOSTS = [f"host{number:03}.lab.example" for number in range(1, COUNT + 1)]
PATIENCE = 60


def managed(number: int) -> tuple[CertificateSpec, ...]:
    return (
        CertificateSpec(f"www{number}.example{number}.com"),
        CertificateSpec(f"shop{number}.example{number}.com", state="due_soon"),
        CertificateSpec(f"other{number}.example{number}.com", authority="zerossl.com"),
    )


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    generations = ("v6", "v7")
    hosts = tuple(
        HostSpec(name, generations[number % 2], certificates=managed(number)) for number, name in enumerate(HOSTS)
    )
    yield from start(tmp_path, LabOptions(hosts, pace=lab.Pace(visits=0.01, tasks=0.02)))


def store_of(journey: Journey, host: str) -> DataStore:
    store = product(journey, host).store
    assert store is not None
    return store


def thumbprints(journey: Journey) -> dict[str, str]:
    return {name: item["CertificateThumbprintHash"] for host in HOSTS for name, item in items(journey, host).items()}


def reissued(journey: Journey, before: dict[str, str]) -> set[str]:
    return {name for name, thumbprint in thumbprints(journey).items() if thumbprint != before[name]}


def meant(*numbers: int) -> set[str]:
    return {f"{name}{number}.example{number}.com" for number in numbers for name in ("www", "shop")}


def all_once(journey: Journey) -> bool:
    """Whether every certificate of the drill was requested, and none of them more than once."""
    return all(sorted(requested_in_all(journey, host)) == sorted(meant(number)) for number, host in enumerate(HOSTS))


def left(done: Ran) -> str:
    run: str = done.document()["run_id"]
    assert f"go on with `renew --resume {run}`" in done.err
    return run


def test_all_of_an_issuer_in_waves(fleet: Journey) -> None:
    before = thumbprints(fleet)
    done = fleet.run(*DRILL, "--waves", "1,50%,100%", "--pause", "0.1s", "--jitter", "0.01s")
    assert done.code == ExitCode.DONE, done.err
    assert [line for line in done.err.splitlines() if line.startswith("wave")] == [
        "wave 1 has ended: 1 of 5 hosts",
        "wave 2 has ended: 3 of 5 hosts",
    ]
    assert reissued(fleet, before) == meant(*range(COUNT))
    assert all_once(fleet)
    again = fleet.run("renew", "--resume", done.document()["run_id"], "--yes")
    assert (again.code, "CA3212" in again.err) == (ExitCode.CONFIGURATION_ERROR, True)


def test_a_wave_that_fails_holds_back_the_others_and_the_run_goes_on_with_those(fleet: Journey) -> None:
    before = thumbprints(fleet)
    product(fleet, HOSTS[0]).scheduler.running = True  # type: ignore[union-attr]
    fleet.lab.hosts[HOSTS[0]].computer.clock.advance(60)
    done = fleet.run(*DRILL, "--waves", "1,100%", "--max-failures", "1")
    assert done.code == ExitCode.HOSTS_FAILED
    assert [host["status"] for host in done.document()["hosts"]] == ["failed", *["not_run"] * 4]
    assert set(renewals(done)[HOSTS[0]].values()) == {"not_started"}
    run = left(done)
    product(fleet, HOSTS[0]).scheduler.running = False  # type: ignore[union-attr]
    rest = fleet.run("renew", "--resume", run, "--yes", "--wait", "--json")
    assert rest.code == ExitCode.DONE, rest.err
    assert "wave 1 has ended: 1 of 5 hosts" in rest.err
    assert reissued(fleet, before) == meant(*range(COUNT))


def test_what_max_leaves_is_gone_on_with(fleet: Journey) -> None:
    first = fleet.run(*DRILL, "--max", "6")
    assert first.code == ExitCode.DONE, first.err
    second = fleet.run("renew", "--resume", left(first), "--yes", "--wait", "--json")
    assert second.code == ExitCode.DONE, second.err
    assert second.document()["run_id"] == first.document()["run_id"]
    assert all_once(fleet)


def test_what_is_more_than_a_host_takes_at_once_is_gone_on_with(fleet: Journey) -> None:
    text = "version: 1\nname: renewals\napplies_to: all\nrenewals: {max_per_run: 1}\n"
    (fleet.folder / "fleet" / "state" / "renewals.yaml").write_text(text, "utf-8")
    first = fleet.run(*DRILL)
    assert (first.code, {len(found) for found in renewals(first).values()}) == (ExitCode.DONE, {1})
    second = fleet.run("renew", "--resume", left(first), "--yes", "--wait", "--json")
    assert (second.code, {len(found) for found in renewals(second).values()}) == (ExitCode.DONE, {1})
    assert all_once(fleet)


def test_a_run_that_goes_on_leaves_alone_what_was_renewed_or_removed_meanwhile(fleet: Journey) -> None:
    first = fleet.run(*DRILL, "--max", str(2 * COUNT - 2))
    (renewed, name), (removed, gone) = [(host, name) for host in HOSTS for name in held(first, host)]
    item = items(fleet, renewed)[name]
    store_of(fleet, renewed).change([{**item, "CertificateThumbprintHash": "0123456789abcdef0123456789abcdef01234567"}])
    store_of(fleet, removed).change([], [items(fleet, removed)[gone]["Id"]])
    second = fleet.run("renew", "--resume", left(first), "--yes", "--wait", "--json")
    assert (second.code, renewals(second)) == (ExitCode.DONE, {})
    finished = fleet.run("renew", "--resume", first.document()["run_id"], "--yes")
    assert (finished.code, "CA3212" in finished.err) == (ExitCode.CONFIGURATION_ERROR, True)


def test_a_run_goes_on_with_the_hosts_that_are_selected(fleet: Journey) -> None:
    run = left(fleet.run(*DRILL, "--max", "8"))
    waits = [host for host in HOSTS if len(requested_in_all(fleet, host)) == 1]
    other = next(host for host in HOSTS if host not in waits)
    none = fleet.run("renew", "--resume", run, "--yes", "-l", other)
    assert (none.code, "CA5037" in none.err) == (ExitCode.CONFIGURATION_ERROR, True)
    one = fleet.run("renew", "--resume", run, "--yes", "--wait", "--json", "-l", waits[0])
    assert (one.code, list(renewals(one))) == (ExitCode.DONE, [waits[0]])
    assert f"left for later: {waits[1]}" in one.err
    assert fleet.run("renew", "--resume", run, "--yes", "--wait").code == ExitCode.DONE
    assert all_once(fleet)


def test_a_dry_run_of_what_is_left_leaves_it(fleet: Journey) -> None:
    run = left(fleet.run(*DRILL, "--max", "6"))
    shown = fleet.run("renew", "--resume", run, "--dry-run")
    assert (shown.code, "certificates: 4 to request" in shown.out) == (ExitCode.DRIFT, True)
    assert fleet.run("renew", "--resume", run, "--yes", "--wait").code == ExitCode.DONE


def in_hand(journey: Journey) -> list[str]:
    return [name for name, host in journey.lab.hosts.items() if holds_the_lock(host)]


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def the_run(journey: Journey) -> str:
    (record,) = (journey.folder / "state" / "runs").glob("*.jsonl")
    return record.stem


def released(journey: Journey) -> None:
    until = time.monotonic() + PATIENCE
    while in_hand(journey):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="Windows delivers no such signals to another process")
def test_ctrl_c_finishes_the_hosts_in_hand_and_the_run_goes_on(fleet: Journey) -> None:
    for host in HOSTS:
        product(fleet, host).conditions.attempt_seconds = 60
    command = [*PROGRAM, *DRILL, "--forks", "2", *fleet.flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        wait_for(lambda: len(in_hand(fleet)) == 2, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED, err
    statuses = [host["status"] for host in json.loads(out)["hosts"]]
    assert statuses == ["changed", "changed", "not_run", "not_run", "not_run"]
    rest = fleet.run("renew", "--resume", the_run(fleet), "--yes", "--wait", "--json")
    assert rest.code == ExitCode.DONE, rest.err
    assert all_once(fleet)


def test_a_run_that_was_killed_goes_on_and_requests_nothing_twice(fleet: Journey) -> None:
    for host in HOSTS:
        product(fleet, host).conditions.attempt_seconds = 120
    command = [*PROGRAM, *DRILL, "--forks", "2", *fleet.flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        wait_for(lambda: sum(bool(requested(fleet, host)) for host in HOSTS) == 2, process)
        process.kill()
        process.communicate()
    plain = fleet.run("renew", "--issuer", "letsencrypt.org", "--reissue", "--dry-run", "--json")
    waits = [set(held(plain, host).values()) for host in HOSTS]
    assert (plain.code, waits.count({"running"}), waits.count({"other_run"})) == (ExitCode.REFUSED, 2, 3)
    assert f"`renew --resume {the_run(fleet)}`" in plain.out
    at_once = fleet.run("renew", "--resume", the_run(fleet), "--yes", "--wait", "--json")
    others = [number for number, host in enumerate(HOSTS) if host in renewals(at_once)]
    assert len(others) == 3, at_once.out + at_once.err
    released(fleet)
    for host in HOSTS:
        fleet.lab.hosts[host].computer.clock.advance(600)
    rest = fleet.run("renew", "--resume", the_run(fleet), "--yes", "--wait", "--json")
    assert (rest.code, renewals(rest)) == (ExitCode.DONE, {}), rest.err
    assert all_once(fleet)


def test_what_a_killed_run_requested_in_vain_is_not_requested_again(fleet: Journey) -> None:
    for host in HOSTS:
        made = product(fleet, host)
        made.conditions.failing = {str(item["Id"]): FAILURES["dns"] for item in items(fleet, host).values()}
        made.conditions.attempt_seconds = 120
    command = [*PROGRAM, *DRILL, "--forks", "2", *fleet.flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        wait_for(lambda: sum(bool(requested(fleet, host)) for host in HOSTS) == 2, process)
        process.kill()
        process.communicate()
    released(fleet)
    for host in HOSTS:
        fleet.lab.hosts[host].computer.clock.advance(600)
    rest = fleet.run("renew", "--resume", the_run(fleet)[:8], "--yes", "--wait", "--json", "--max-failures", "100%")
    assert (rest.code, len(renewals(rest))) == (ExitCode.HOSTS_FAILED, 3), rest.err
    assert rest.err.count("requested by this run before it was cut off: the attempt failed") == 4
    assert all_once(fleet)
    again = fleet.run("renew", "--resume", the_run(fleet), "--yes")
    assert "CA3212" in again.err
    assert all_once(fleet)


def test_two_controllers_at_once_request_nothing_twice(fleet: Journey) -> None:
    for host in HOSTS:
        product(fleet, host).conditions.attempt_seconds = 60
    ended: list[int] = []

    def drill() -> None:
        done = subprocess.run([*PROGRAM, *DRILL, *fleet.flags], capture_output=True, text=True, check=False)  # noqa: S603 - ours
        ended.append(done.returncode)

    controllers = [threading.Thread(target=drill) for _ in range(2)]
    for controller in controllers:
        controller.start()
    for controller in controllers:
        controller.join(PATIENCE)
    assert len(ended) == 2
    assert ExitCode.DONE in ended
    assert all_once(fleet)


def test_runs_that_cannot_go_on(fleet: Journey) -> None:
    unknown = fleet.run("renew", "--resume", "0" * 32, "--yes")
    assert (unknown.code, "CA3211" in unknown.err) == (ExitCode.CONFIGURATION_ERROR, True)
    settled = fleet.run("renew", "--resume", "0" * 32, "--issuer", "x", "--yes")
    assert (settled.code, "CA5034" in settled.err) == (ExitCode.CONFIGURATION_ERROR, True)
