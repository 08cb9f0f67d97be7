"""An inventory whose API is asked by a scheduled task of SYSTEM, because the caller's network logon is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.certify import product_of
from certify_automation.lab.windows import Computer
from certify_automation.lab.windows.tasks import SERVICE
from contract.comparing import check_schema, comparable
from contract.engine import Engine, Killed, Visit
from contract.hosts import AUTOMATION, Host, make_host
from contract.simulated import simulated_reply
from contract.task_process import TaskProcesses

ENDPOINT = {"host": "127.0.0.2", "port": 9696, "https": False}
PARAMETERS = {
    "observe": {"endpoint": ENDPOINT, "ports": [9696], "run": None},
    "certificates": {"access": "task", "tls": True},
}
ROWS = [{"Id": f"m\u00fcller-{number}", "Name": "\u4e2d\u6587", "ItemType": 1} for number in range(3)]


def host_of(generation: str, root: Path) -> Host:
    return make_host({"product": {"generation": generation}, "arrange": [{"items": {"rows": ROWS}}]}, root)


def days_of(reply: dict[str, Any]) -> int:
    """A preference as the API answered it."""
    found = reply["value"]["certificates"]
    assert found["failure"] is None
    return int(found["preferences"]["renewalIntervalDays"])


def set_days(host: Host, days: int) -> None:
    """The same preference becomes another."""
    store = product_of(host.computer, "Certify.Server.Core").store
    assert store is not None
    store.settings["RenewalIntervalDays"] = days
    store.save()


def tasked(host: Host, before: Callable[[str, Any], None]) -> Visit:
    """A visit whose commands are told of."""
    commands = host.commands()
    commands.before = before
    return Visit("Inventory", PARAMETERS, commands)


def test_two_visits_at_once_get_their_own_answers(engine: Engine, tmp_path: Path) -> None:
    host = host_of("v7", tmp_path)
    inner: list[dict[str, Any]] = []

    def meet(command: str, arguments: Any) -> None:
        if command == "Start-Sleep" and arguments == {"milliseconds": 500} and not inner:
            inner.append({})
            set_days(host, 44)
            inner.append(engine.visit(Visit("Inventory", PARAMETERS, host.commands())))

    with TaskProcesses(engine, host) as processes:
        outer = engine.visit(tasked(host, meet))
    assert processes.written == []
    assert days_of(inner[1]) == 44
    assert outer["value"]["certificates"]["failure"] is None
    check_tidy(host)


@pytest.mark.parametrize(("command", "part"), [("Start-Sleep", 500), ("schtasks.exe", "/Delete")])
def test_a_visit_after_one_that_was_killed_gets_its_own_answer(
    engine: Engine, tmp_path: Path, command: str, part: object
) -> None:
    """Killed while its task works, or after it has answered."""
    host = host_of("v7", tmp_path)

    def end(asked: str, arguments: Any) -> None:
        if asked == command and part in (arguments.values() if isinstance(arguments, dict) else arguments):
            raise Killed

    killed = tasked(host, end)
    with TaskProcesses(engine, host) as processes:
        assert engine.bootstrap(killed.request(), killed.commands).stdout == ""
        set_days(host, 44)
        assert days_of(engine.visit(Visit("Inventory", PARAMETERS, host.commands()))) == 44
        assert len(host.computer.files.entries(f"{AUTOMATION}\\api")) == 1
        host.computer.pass_time(60)
    assert processes.written == []
    assert host.computer.tasks.names() == ()


def visit(engine: Engine, host: Host, *, blocked: bool = False) -> tuple[dict[str, Any], TaskProcesses]:
    """The scripts' reply, and the processes of tasks that there were."""
    with TaskProcesses(engine, host, blocked=blocked) as processes:
        reply = engine.visit(Visit("Inventory", PARAMETERS, host.commands()))
    return reply, processes


def check_tidy(host: Host) -> None:
    """Nothing is left of the task."""
    assert host.computer.tasks.names() == ()
    assert host.computer.files.entries(f"{AUTOMATION}\\api") == ()
    assert not host.computer.files.exists(f"{AUTOMATION}\\lock")


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_the_scripts_and_the_lab_bring_home_the_same(engine: Engine, tmp_path: Path, generation: str) -> None:
    host, other = host_of(generation, tmp_path / "engine"), host_of(generation, tmp_path / "lab")
    reply, processes = visit(engine, host)
    expected = simulated_reply(other, "Inventory", PARAMETERS)
    assert processes.written == []
    found = reply["value"]["certificates"]
    check_schema("facts", reply["value"])
    assert (found["access"], found["failure"], found["total"]) == ("task", None, 3)
    assert [item["id"] for item in found["items"]] == [row["Id"] for row in ROWS]
    assert comparable(reply) == comparable(expected)
    check_tidy(host)
    check_tidy(other)


def test_only_the_task_asks_for_certificates(engine: Engine, tmp_path: Path) -> None:
    host = host_of("v7", tmp_path)
    _, processes = visit(engine, host)
    asked = [arguments["url"].partition("/api/")[2] for command, arguments in processes.asked if "Api" in command]
    assert asked == ["preferences", "managedcertificates/summary", "managedcertificates/results"]


def scheduler_stopped(computer: Computer) -> None:
    service = computer.services.get(SERVICE)
    assert service is not None
    service.state = "Stopped"


def folder_of_somebody_else(computer: Computer) -> None:
    computer.files.make_folder(AUTOMATION)
    computer.files.set_security(AUTOMATION, "O:S-1-5-21-1G:S-1-5-21-1D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")


@pytest.mark.parametrize("spoil", [scheduler_stopped, folder_of_somebody_else])
def test_without_a_task_the_rest_comes_nevertheless(
    engine: Engine, tmp_path: Path, spoil: Callable[[Computer], None]
) -> None:
    host, other = host_of("v6", tmp_path / "engine"), host_of("v6", tmp_path / "lab")
    spoil(host.computer)
    spoil(other.computer)
    reply, _ = visit(engine, host)
    found = reply["value"]["certificates"]
    check_schema("facts", reply["value"])
    assert found["failure"]["code"] == "task"
    assert found["failure"]["message"]
    assert (found["preferences"], found["items"]) == (None, None)
    assert found["tls"] == {"store": [], "bindings": []}
    assert reply["value"]["product"]["generation"] == "v6"
    assert comparable(reply) == comparable(simulated_reply(other, "Inventory", PARAMETERS))
    check_tidy(host)
    check_tidy(other)


def test_a_task_that_a_policy_forbids_is_a_failure(engine: Engine, tmp_path: Path) -> None:
    host = host_of("v6", tmp_path)
    reply, _ = visit(engine, host, blocked=True)
    assert reply["value"]["certificates"]["failure"]["code"] == "task"
    assert reply["value"]["api"][0]["status"] == 401
    check_tidy(host)
