"""Changes that can cut a host off: refused, confirmed over a new connection, or taken back by the host alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts
from certify_automation.lab.machine import Pace
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
OWN = {LEGACY: "10.20.0.1", MODERN: "10.20.0.2"}
LAB_PAGE = Path(__file__).parent.parent.parent / "docs" / "lab.md"
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUICK = ("--allow-lockout", "--confirm-within", "5s")


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    """Two hosts as declared, whose dead-man timers run ten times as fast as real ones."""
    for one in start(tmp_path, LabOptions(generated_hosts(2, 0), pace=Pace(tasks=0.1))):
        assert one.run("apply", "--yes").code == ExitCode.DONE
        yield one


def declare(journey: Journey, host: str, *addresses: str) -> None:
    """Declare the whole IP listen list of a host."""
    text = f"version: 1\nname: list\napplies_to: {{hosts: [{host}]}}\n"
    text += f"http_sys: {{ip_listen: {{exactly: [{', '.join(addresses)}]}}}}\n"
    (journey.folder / "fleet" / "state" / "list.yaml").write_text(text, "utf-8")


def kept(journey: Journey) -> dict[str, dict[str, Any]]:
    """The state of every host, but for what runs leave behind: their records, and entries in the event log."""
    left = journey.lab.dump()
    for state in left.values():
        del state["events"]
        for name in ("files", "file_security"):
            part: Any = state[name]
            state[name] = {path: value for path, value in part.items() if "\\certify-automation" not in path}
    return left


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_without_the_flag_it_is_refused(command: tuple[str, ...], journey: Journey) -> None:
    declare(journey, LEGACY, "127.0.0.2", "127.0.0.1", OWN[LEGACY])
    before = journey.lab.dump()
    done = journey.run(*command, "--json")
    assert (done.code, done.hosts()) == (ExitCode.REFUSED, {LEGACY: "refused CA3015", MODERN: "ok"})
    assert "--allow-lockout" in str(done.document())
    assert journey.lab.dump() == before


@pytest.mark.parametrize("host", [LEGACY, MODERN])
def test_a_list_that_leaves_winrm_its_address_is_confirmed(host: str, journey: Journey) -> None:
    declare(journey, host, "127.0.0.2", "127.0.0.1", OWN[host])
    traffic = journey.lab.hosts[host].endpoint.traffic
    before = traffic.connections
    done = journey.run("apply", *QUICK, "--yes", "--json", "--limit", host)
    assert (done.code, done.hosts()) == (ExitCode.DONE, {host: "changed"})
    assert traffic.connections - before == 3  # to plan, to apply, to confirm
    computer = journey.lab.hosts[host].computer
    assert set(computer.http.live) == {"127.0.0.2", "127.0.0.1", OWN[host]}
    assert computer.tasks.rows() == []
    assert journey.run("plan").code == ExitCode.DONE


def test_a_list_that_cuts_winrm_off_is_taken_back_by_the_host(journey: Journey) -> None:
    declare(journey, LEGACY, "127.0.0.2", "127.0.0.1")
    before = kept(journey)
    done = journey.run("apply", *QUICK, "--yes", "--json")
    assert (done.code, done.hosts()) == (ExitCode.ROLLED_BACK, {LEGACY: "rolled_back CA4026", MODERN: "ok"})
    outcome = done.document()["hosts"][0]["outcome"]
    assert (outcome["result"], outcome["repeated"]) == ("rolled_back", True)
    assert {step["status"] for step in outcome["steps"]} == {"undone"}
    assert kept(journey) == before
    events: Any = journey.lab.hosts[LEGACY].computer.events.rows()["entries"]
    assert [entry["event_id"] for entry in events][-2:] == [1001, 1010]


def test_the_list_of_the_docs_keeps_its_servers_reachable_and_stays(journey: Journey) -> None:
    (text,) = [block for block in _YAML.findall(LAB_PAGE.read_text("utf-8")) if "own_address" in block]
    state = journey.folder / "fleet" / "state"
    baseline = (state / "baseline.yaml").read_text("utf-8")
    (state / "baseline.yaml").write_text(baseline.replace("  ip_listen: reachable", "  # ip_listen"), "utf-8")
    (state / "list.yaml").write_text(text, "utf-8")
    done = journey.run("apply", *QUICK, "--yes")
    assert done.code == ExitCode.DONE, done.out
    assert f"{LEGACY} : ok=1   changed=3 " in done.out
    for host, own in OWN.items():
        assert set(journey.lab.hosts[host].computer.http.live) == {"127.0.0.2", "127.0.0.1", own}
        assert journey.lab.hosts[host].computer.tasks.rows() == []
    again = journey.run("plan")
    assert (again.code, "no changes: the servers are as declared" in again.out) == (ExitCode.DONE, True)
    cut_off = text.replace(', "{{ vars.own_address }}"', "")
    (state / "list.yaml").write_text(cut_off, "utf-8")
    assert journey.run("apply", *QUICK, "--yes").code == ExitCode.ROLLED_BACK


def test_one_host_that_is_cut_off_holds_up_no_other(journey: Journey) -> None:
    text = "version: 1\nname: list\napplies_to: all\n"
    text += f"http_sys: {{ip_listen: {{exactly: [127.0.0.2, 127.0.0.1, {OWN[MODERN]}]}}}}\n"
    state = journey.folder / "fleet" / "state"
    baseline = (state / "baseline.yaml").read_text("utf-8")
    (state / "baseline.yaml").write_text(baseline.replace("  ip_listen: reachable", "  # ip_listen"), "utf-8")
    (state / "list.yaml").write_text(text, "utf-8")
    done = journey.run("apply", *QUICK, "--yes", "--json")
    assert (done.code, done.hosts()) == (ExitCode.ROLLED_BACK, {LEGACY: "rolled_back CA4026", MODERN: "changed"})


def test_a_saved_plan_has_to_be_allowed_once_more(journey: Journey) -> None:
    declare(journey, LEGACY, "127.0.0.2", "127.0.0.1", OWN[LEGACY])
    plan = str(journey.folder / "fleet.plan.json")
    saved = journey.run("plan", *QUICK, "-o", plan)
    assert saved.code == ExitCode.DRIFT
    assert f"apply it with `certify-automation apply {plan} --allow-lockout -C " in saved.err
    before = journey.lab.dump()
    refused = journey.run("apply", plan, "--json")
    assert (refused.code, refused.hosts()) == (ExitCode.REFUSED, {LEGACY: "refused CA5023"})
    assert journey.lab.dump() == before
    done = journey.run("apply", plan, "--allow-lockout", "--json")
    assert (done.code, done.hosts()) == (ExitCode.DONE, {LEGACY: "changed"})


def test_a_saved_plan_has_its_time_already(journey: Journey) -> None:
    plan = str(journey.folder / "fleet.plan.json")
    journey.run("plan", "-o", plan)
    done = journey.run("apply", plan, *QUICK)
    assert (done.code, "CA5018: --confirm-within is for planning" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)


@pytest.mark.parametrize("time", ["4s", "901s", "20m", "5.5s"])
def test_a_time_that_no_host_waits(time: str, journey: Journey) -> None:
    done = journey.run("plan", "--allow-lockout", "--confirm-within", time)
    assert (done.code, "CA5020" in done.err) == (ExitCode.CONFIGURATION_ERROR, True)


def test_without_a_timer_nothing_is_changed(journey: Journey) -> None:
    declare(journey, LEGACY, "127.0.0.2", "127.0.0.1", OWN[LEGACY])
    computer = journey.lab.hosts[LEGACY].computer
    computer.services.stop("Schedule")
    computer.services.configure("Schedule", "Disabled")
    before = kept(journey)
    done = journey.run("apply", *QUICK, "--yes", "--json")
    assert (done.code, done.hosts()) == (ExitCode.HOSTS_FAILED, {LEGACY: "failed CA4010", MODERN: "ok"})
    assert kept(journey) == before
