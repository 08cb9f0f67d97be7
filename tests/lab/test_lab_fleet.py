"""A fleet on the wire: its inventory, its visits, its faults, and clients that are not ours."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet_client import client, run
from requests.exceptions import ConnectionError as RequestsConnectionError
from winrm.exceptions import WinRMTransportError

from certify_automation import lab, onhost
from certify_automation.errors import UsageError
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import HostSpec
from certify_automation.lab.windows.power import boot, lose_power

# pywinrm's HTTP library leaves a socket whose TLS handshake was reset to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")

OBSERVE = {"endpoint": {"host": "127.0.0.2", "port": 9696, "https": False}, "ports": [9696], "run": None}
ORIGIN = {"commit": None, "by": "tester", "rolls_back": None}
MANUAL = {
    "kind": "service.start_mode", "service": "Certify.Service", "before": "automatic-delayed", "after": "manual",
}  # fmt: skip
CUT_OFF = {"kind": "ip_listen.add", "address": "127.0.0.2", "first": True}
RUN = "C:\\ProgramData\\certify-automation\\runs\\" + "1" * 32
QUICK = lab.Pace(tasks=0.05)
RESTART = {"kind": "service.restart", "service": "Certify.Service"}
PAIR = (HostSpec("web01", "v6"), HostSpec("app01", "v7", "2019", "de-DE"))


@pytest.fixture(autouse=True)
def _no_socket_is_left_to_another_test() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fleet"


@pytest.fixture
def fleet(folder: Path) -> Iterator[lab.Lab]:
    with lab.running(lab.LabOptions(PAIR), folder / "inventory.yaml") as running:
        yield running


def apply_request(*changes: dict[str, Any], run_id: str = "1" * 32, confirm_seconds: int | None = None) -> bytes:
    plan = {
        "run_id": run_id, "plan_id": "2" * 64, "origin": ORIGIN, "expects": [], "changes": list(changes),
        "health": None, "port_check": None, "confirm_seconds": confirm_seconds, "observe": OBSERVE,
    }  # fmt: skip
    parameters = {"verb": "apply", "plan": plan}
    return onhost.request(onhost.acting_script(parameters), parameters, nonce="d" * 32, deadline_seconds=60)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """The lab's own thread sets no event a client could wait for: a client has to look again."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        pause.wait(0.02)
    return condition()


def encoded(script: str) -> str:
    return f"powershell -encodedcommand {base64.b64encode(script.encode('utf-16-le')).decode()}"


def test_the_inventory_is_an_ordinary_one_and_its_secrets_are_private(fleet: lab.Lab, folder: Path) -> None:
    inventory = yaml.safe_load((folder / "inventory.yaml").read_text())
    assert inventory["defaults"]["connection"]["password"] == "${file:lab-password}"
    web = inventory["groups"]["legacy"]["hosts"]["web01"]
    assert web["address"] == fleet.hosts["web01"].listening.address
    assert web["connection"]["port"] == fleet.hosts["web01"].listening.https_port
    assert (folder / "lab-password").read_text() == fleet.password
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fleet.password not in (folder / "inventory.yaml").read_text()
    assert fleet.password not in repr(fleet)


def test_an_inventory_that_cannot_be_written(fleet: lab.Lab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as refused:
        fleet.write_inventory(tmp_path / "file" / "inventory.yaml")
    assert refused.value.id == "CA5073"


def test_a_visit_over_the_wire(fleet: lab.Lab, folder: Path) -> None:
    before = fleet.dump()
    for name, generation in (("web01", "v6"), ("app01", "v7")):
        request = onhost.request(onhost.script("Observe"), OBSERVE, nonce="c" * 32, deadline_seconds=60)
        code, stdout, stderr = run(client(fleet, folder, name), onhost.command_line(), request)
        assert (code, stderr) == (0, "")
        reply = onhost.read_reply(stdout, "c" * 32)
        assert reply["value"]["product"]["generation"] == generation
    assert fleet.dump() == before
    assert fleet.hosts["web01"].machine.visits == 1


@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        ("whoami", 0, "web01\\lab\r\n"),
        ("hostname", 0, "WEB01\r\n"),
        ("cmd /c echo hello world", 0, "hello world\r\n"),
        ("ver", 0, "Microsoft Windows [Version 10.0.20348"),
        ("exit 3", 3, ""),
        ("sc query Certify.Service", 0, "STATE              : 4  RUNNING"),
        ("sc.exe queryex HTTP", 0, "KERNEL_DRIVER"),
        ("sc query Nobody", 1060, "FAILED 1060"),
        ("netsh http show iplisten", 0, "IP listen list"),
        (
            encoded("$ProgressPreference = 'SilentlyContinue'; Write-Output 'it''s'\n$env:COMPUTERNAME"),
            0,
            "it's\r\nWEB01",
        ),
        (encoded("$PSVersionTable.PSVersion.ToString(); whoami"), 0, "5.1.20348.1\r\nweb01\\lab"),
        (encoded("exit 7"), 7, ""),
    ],
)
def test_programs_for_other_clients(fleet: lab.Lab, folder: Path, command: str, code: int, expected: str) -> None:
    answer = run(client(fleet, folder, "web01"), command)
    assert answer[0] == code
    assert expected in answer[1]


@pytest.mark.parametrize("command", ["ipconfig /all", encoded("Get-ChildItem"), "sc delete x", "netsh wlan show"])
def test_what_the_lab_lacks_it_says(fleet: lab.Lab, folder: Path, command: str) -> None:
    code, _, stderr = run(client(fleet, folder, "web01"), command)
    assert code == 1
    assert "simulated host" in stderr


def test_the_password_is_checked(fleet: lab.Lab, folder: Path) -> None:
    wrong = client(fleet, folder, "web01")
    wrong.transport.password = "wrong"
    with pytest.raises(Exception, match=r"rejected|401"):
        run(wrong, "whoami")


def test_a_listen_list_without_its_address_takes_a_host_off_the_network(fleet: lab.Lab, folder: Path) -> None:
    fleet.hosts["web01"].computer.http.add_listen("127.0.0.2")
    with pytest.raises((RequestsConnectionError, WinRMTransportError)):
        run(client(fleet, folder, "web01"), "hostname")
    assert run(client(fleet, folder, "app01"), "hostname")[1] == "APP01\r\n"


def test_a_host_without_power_does_not_answer(fleet: lab.Lab, folder: Path) -> None:
    lose_power(fleet.hosts["web01"].computer)
    with pytest.raises((RequestsConnectionError, WinRMTransportError)):
        run(client(fleet, folder, "web01"), "hostname")


def test_a_host_that_loses_power_in_the_middle_comes_back(folder: Path) -> None:
    rules = FaultRules([FaultRule("power_loss", ("web01",), {"change": 1, "seconds": 10.0})])
    options = lab.LabOptions(PAIR, rules, pace=lab.Pace(visits=0.001))
    with lab.running(options, folder / "inventory.yaml") as fleet:
        computer = fleet.hosts["web01"].computer
        booted = computer.booted
        with pytest.raises(Exception):  # noqa: B017, PT011 - how the client notices is its own affair
            run(client(fleet, folder, "web01"), onhost.command_line(), apply_request(MANUAL, RESTART))
        assert wait_until(lambda: computer.booted != booted and computer.reachable())
        service = computer.services.get("Certify.Service")
        assert service is not None
        assert service.start_mode == "Manual", "the change before stays made"
        assert run(client(fleet, folder, "web01"), "hostname")[1] == "WEB01\r\n"


def test_a_visit_does_not_outlast_its_computers_power(folder: Path) -> None:
    rules = FaultRules([FaultRule("service_slow", ("web01",), {"seconds": 50.0})])
    options = lab.LabOptions(PAIR, rules, pace=lab.Pace(visits=0.05))
    with lab.running(options, folder / "inventory.yaml") as fleet, ThreadPoolExecutor(1) as pool:
        computer = fleet.hosts["web01"].computer
        visit = pool.submit(run, client(fleet, folder, "web01"), onhost.command_line(), apply_request(MANUAL, RESTART))
        service = computer.services.get("Certify.Service")
        assert service is not None
        assert wait_until(lambda: service.state == "Start Pending")
        lose_power(computer)
        boot(computer)
        assert visit.exception(timeout=20) is not None or visit.result()[0] != 0
        assert not computer.files.exists(f"{RUN}\\outcome.json")


class TestDeadManTimer:
    def test_a_list_that_cuts_a_host_off_is_taken_back_by_the_host_itself(self, folder: Path) -> None:
        with lab.running(lab.LabOptions(PAIR, pace=QUICK), folder / "inventory.yaml") as fleet:
            computer = fleet.hosts["web01"].computer
            with pytest.raises((RequestsConnectionError, WinRMTransportError)):
                run(
                    client(fleet, folder, "web01"),
                    onhost.command_line(),
                    apply_request(CUT_OFF, confirm_seconds=5),
                )
            assert list(computer.http.live) in (["127.0.0.2"], []), "the timer may have been first"
            assert wait_until(lambda: computer.files.exists(f"{RUN}\\outcome.json"))
            outcome = json.loads(computer.files.read(f"{RUN}\\outcome.json"))
            assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "not_confirmed")
            assert wait_until(lambda: computer.tasks.names() == ())
            assert run(client(fleet, folder, "web01"), "hostname")[1] == "WEB01\r\n"

    def test_the_timer_outlasts_a_visit_that_was_killed(self, folder: Path) -> None:
        rules = FaultRules([FaultRule("killed_during", ("web01",), {"effect": 12, "point": "after"})])
        with lab.running(lab.LabOptions(PAIR, rules, pace=QUICK), folder / "inventory.yaml") as fleet:
            computer = fleet.hosts["web01"].computer
            request = apply_request(CUT_OFF | {"address": computer.installation.address}, MANUAL, confirm_seconds=60)
            code, stdout, _ = run(client(fleet, folder, "web01"), onhost.command_line(), request)
            assert (code != 0, stdout) == (True, "")
            assert wait_until(lambda: computer.files.exists(f"{RUN}\\outcome.json"))
            outcome = json.loads(computer.files.read(f"{RUN}\\outcome.json"))
            assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "interrupted")
            assert list(computer.http.live) == []

    def test_a_computer_that_restarts_meanwhile_goes_on_waiting(self, folder: Path) -> None:
        with lab.running(lab.LabOptions(PAIR, pace=QUICK), folder / "inventory.yaml") as fleet:
            computer = fleet.hosts["web01"].computer
            request = apply_request(CUT_OFF | {"address": computer.installation.address}, confirm_seconds=5)
            run(client(fleet, folder, "web01"), onhost.command_line(), request)
            lose_power(computer)
            assert computer.tasks.instances == []
            boot(computer)
            assert wait_until(lambda: computer.files.exists(f"{RUN}\\outcome.json"))
            assert list(computer.http.live) == []


def test_without_driver_or_service_there_is_no_winrm(fleet: lab.Lab, folder: Path) -> None:
    services = fleet.hosts["web01"].computer.services
    services.stop("WinRM")
    with pytest.raises((RequestsConnectionError, WinRMTransportError)):
        run(client(fleet, folder, "web01"), "hostname")
    fleet.hosts["web01"].computer.clock.advance(5)
    services.start("WinRM")
    assert run(client(fleet, folder, "web01"), "hostname")[1] == "WEB01\r\n"


def test_wire_faults_of_the_rules_reach_the_server(folder: Path) -> None:
    rules = FaultRules([FaultRule("refuse_authentication", ("app*",)), FaultRule("unreachable", ("web*",))])
    with lab.running(lab.LabOptions(PAIR, rules), folder / "inventory.yaml") as fleet:
        with pytest.raises(Exception, match=r"rejected|401"):
            run(client(fleet, folder, "app01"), "hostname")
        with pytest.raises((RequestsConnectionError, WinRMTransportError)):
            run(client(fleet, folder, "web01"), "hostname")


def test_two_labs_at_once_do_not_meet(fleet: lab.Lab, folder: Path, tmp_path: Path) -> None:
    with lab.running(lab.LabOptions(PAIR), tmp_path / "second" / "inventory.yaml") as second:
        assert second.password != fleet.password
        assert run(client(second, tmp_path / "second", "web01"), "hostname")[0] == 0
        assert run(client(fleet, folder, "web01"), "hostname")[0] == 0


def test_inside_an_event_loop(folder: Path) -> None:
    async def visit() -> int:
        async with lab.start(lab.LabOptions(PAIR, scheme="http"), folder / "inventory.yaml") as fleet:
            port = fleet.hosts["web01"].listening.http_port
            assert port is not None
            inventory = yaml.safe_load((folder / "inventory.yaml").read_text())
            assert inventory["groups"]["legacy"]["hosts"]["web01"]["connection"]["port"] == port
            _, writer = await asyncio.open_connection(fleet.hosts["web01"].listening.address, port)
            writer.close()
            return len(fleet.hosts)

    assert asyncio.run(visit()) == 2


def test_options_for_a_generated_fleet(tmp_path: Path) -> None:
    assert len(lab.LabOptions.generated(5).hosts) == 5
    assert [len(host.certificates) for host in lab.LabOptions.generated(2, certificates=3).hosts] == [3, 3]
    mixed = lab.LabOptions.generated(3, seed=1, faults="mixed")
    assert mixed.faults is not None
    rules = tmp_path / "faults.yaml"
    rules.write_text("version: 1\nrules: []\n")
    loaded = lab.LabOptions.generated(2, faults=rules)
    assert loaded.faults is not None
    assert loaded.faults.rules == ()
