"""Two controllers at once on the same hosts: one acts, the other is told so, and nothing of theirs is mixed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certify_automation.desired import connect_secrets, load
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.lab.machine import Pace
from certify_automation.model.outcome import ExitCode, Result
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import plan_host
from certify_automation.remote import Credentials, connect
from certify_automation.remote.apply import apply, confirm

from .conftest import Journey, start
from .locks import holds_the_lock

PROGRAM = [sys.executable, "-m", "certify_automation"]
LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
CONFIG = "C:\\ProgramData\\certify\\serviceconfig.json"
PATIENCE = 60


def other_repository(journey: Journey, level: str) -> list[str]:
    """The flags of a repository that declares another log level for the same hosts."""
    folder = journey.folder / f"fleet-{level}"
    shutil.copytree(journey.folder / "fleet", folder)
    baseline = folder / "state" / "baseline.yaml"
    baseline.write_text(re.sub(r"log_level: \w+", f"log_level: {level}", baseline.read_text("utf-8")), "utf-8")
    return ["-C", str(folder), "-i", str(journey.folder / "inventory.yaml")]


def levels(journey: Journey) -> set[str]:
    """The log levels in the hosts' files."""
    texts = (host.computer.files.read(CONFIG) for host in journey.lab.hosts.values())
    return {str(json.loads(text.decode("utf-8-sig"))["LogLevel"]) for text in texts}


@contextmanager
def applying(journey: Journey, arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Another controller's apply, from the moment it holds the lock of every host; its end is waited for."""
    command = [*PROGRAM, "apply", "--yes", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - ours
        until = time.monotonic() + PATIENCE
        while not all(map(holds_the_lock, journey.lab.hosts.values())):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        yield process
        process.communicate()


def test_the_second_one_is_locked_out_and_nothing_is_mixed(tmp_path: Path) -> None:
    slow = FaultRules([FaultRule("service_slow", options={"seconds": 50})])
    options = LabOptions(generated_hosts(2, 0), slow, pace=Pace(visits=0.1))
    for journey in start(tmp_path, options):
        first, second = other_repository(journey, "debug"), other_repository(journey, "verbose")
        with applying(journey, first) as process:
            locked = subprocess.run(  # noqa: S603 - ours
                [*PROGRAM, "apply", "--yes", "--json", *second], capture_output=True, text=True, check=False
            )
        assert process.returncode == ExitCode.DONE
        statuses = {host["host"]: host["error"]["id"] for host in json.loads(locked.stdout)["hosts"]}
        assert (locked.returncode, statuses) == (ExitCode.LOCK_HELD, {LEGACY: "CA4001", MODERN: "CA4001"})
        assert levels(journey) == {"debug"}


def shut_in(journey: Journey, *addresses: str) -> Path:
    """Declare the whole IP listen list of the first host; the file that does it."""
    file = journey.folder / "fleet" / "state" / "list.yaml"
    file.write_text(
        f"version: 1\nname: list\napplies_to: {{hosts: [{LEGACY}]}}\n"
        f"http_sys: {{ip_listen: {{exactly: [{', '.join(addresses)}]}}}}\n",
        "utf-8",
    )
    return file


def test_a_run_that_waits_for_its_confirmation_belongs_to_its_controller(tmp_path: Path) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(1, 0))):
        journey.run("apply", "--yes")
        shut_in(journey, "127.0.0.2", "127.0.0.1", "10.20.0.1")
        fleet = load(journey.folder / "fleet", inventory=journey.folder / "inventory.yaml", environ=os.environ)
        desired = fleet.hosts[LEGACY]
        session = connect(connect_secrets(desired, os.environ), credentials=Credentials())
        plan = plan_host(desired, session, PlanOptions("1" * 32, allow_lockout=True, confirm_seconds=600)).plan
        assert plan is not None
        assert apply(session, plan.to_json()).result is Result.AWAITING

        other = journey.run("apply", "--yes", "--allow-lockout", "--json")
        assert (other.code, other.hosts()) == (ExitCode.LOCK_HELD, {LEGACY: "locked CA4005"})
        assert journey.run("status", "--json").document()["hosts"][0]["open_run"].endswith("waits for its confirmation")
        kept = confirm(session, plan.run_id, plan.observe)
        assert (kept.result, kept.repeated) == (Result.APPLIED, False)
        assert journey.run("apply", "--yes", "--json").hosts() == {LEGACY: "ok"}


def test_a_controller_that_dies_before_it_confirms_leaves_no_trace(tmp_path: Path) -> None:
    for journey in start(tmp_path, LabOptions(generated_hosts(1, 0), pace=Pace(tasks=0.05))):
        journey.run("apply", "--yes")
        state = shut_in(journey, "127.0.0.2", "127.0.0.1")
        cut = [*PROGRAM, "apply", "--yes", "--allow-lockout", "--confirm-within", "60s", *journey.flags]
        with subprocess.Popen(cut, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - ours
            host, until = journey.lab.hosts[LEGACY], time.monotonic() + PATIENCE
            while host.machine.reachable():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < until
                time.sleep(0.01)
            process.kill()
            process.communicate()
        state.unlink()
        while not host.machine.reachable():
            assert time.monotonic() < until
            time.sleep(0.05)
        done = journey.run("plan", "--json")
        assert (done.code, done.hosts()) == (ExitCode.DONE, {LEGACY: "ok"})
