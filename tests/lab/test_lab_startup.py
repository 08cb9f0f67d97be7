"""Where the simulated v7 service listens, case by case as recorded from the vendor's own."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.lab.certify import INSTALL_FOLDER, Setup, install
from certify_automation.lab.windows import Computer, Installation, StillClock, Win32Error, make_computer
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.services import Idle, Service

CASES = Path(__file__).parent.parent / "cases" / "startup"
DATA = "C:\\ProgramData\\certify"
SERVICE = "Certify.Server.Core"


def cases() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text("utf-8")):
            marks = [pytest.mark.skip(reason=case["skip"])] if "skip" in case else []
            found.append(pytest.param(case, id=f"{path.stem}:{case['name']}", marks=marks))
    return found


def arranged(case: dict[str, Any]) -> Computer:
    computer = make_computer(Installation("WEB01"), StillClock(datetime(2026, 1, 5, 9, tzinfo=UTC)))
    install(computer, Setup("v7", pinned_endpoint=None))
    core = join(INSTALL_FOLDER, "appsettings-core.json")
    if "core" in case:
        computer.files.write(core, case["core"].encode())
    else:
        computer.files.delete(core)
    computer.files.make_folder(DATA)
    if "serviceconfig" in case:
        content = case["serviceconfig"].encode(case.get("encoding", "utf-8"))
        computer.files.write(join(DATA, "serviceconfig.json"), content)
    if case.get("serviceconfig_folder"):
        computer.files.make_folder(join(DATA, "serviceconfig.json"))
    for name, text in case.get("data", {}).items():
        computer.files.write(join(DATA, name), text.encode())
    computer.environment.update(case.get("environment", {}))
    if "taken" in case:
        host, port = case["taken"].split(":")
        computer.services.install(Service("Squatter", "Squatter", "squatter.exe"), Idle("squatter.exe"))
        computer.services.start("Squatter")
        squatter = computer.services.get("Squatter")
        assert squatter is not None
        computer.sockets.listen(host, int(port), squatter.process_id)
    return computer


def started(computer: Computer) -> Service:
    with contextlib.suppress(Win32Error):  # the table says which starts fail
        computer.services.start(SERVICE)
    computer.clock.advance(60)
    service = computer.services.get(SERVICE)
    assert service is not None
    return service


def listens_on(computer: Computer, process_id: int) -> list[str]:
    listeners = [one for one in computer.sockets.listeners() if one.process_id == process_id]
    return [f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}" for one in listeners]


def on_windows(exit_text: str) -> str:
    """The recorded exception in the words of Windows; recordings are cut after some length."""
    if "SocketException (99)" in exit_text:
        return "System.Net.Sockets.SocketException (10049): The requested address is not valid in its context."
    return exit_text.replace("'<install>/", "'")


@pytest.mark.parametrize("case", cases())
def test_start(case: dict[str, Any]) -> None:
    computer = arranged(case)
    config = computer.files.walk().get(join(DATA, "serviceconfig.json"))
    service = started(computer)
    if "exit" in case:
        assert (service.state, service.process_id) == ("Stopped", 0)
        assert service.exit_code in (1053, 1067)
        log = computer.files.walk().get(join(DATA, "logs\\unhandled_exceptions.log"))
        if service.exit_code == 1067:
            assert log is not None
            assert on_windows(case["exit"]) in log.decode()
        else:
            assert log is None, "died before it could log"
    else:
        assert service.state == "Running"
        found = listens_on(computer, service.process_id)
        if case["name"] == "kestrel-port-0":
            assert [one.rpartition(":")[0] for one in found] == ["127.0.0.2"], "any free port"
        else:
            assert found == sorted(case["listens"], key=sort_key)
    assert computer.files.walk().get(join(DATA, "serviceconfig.json")) == config, "v7 never writes it"


def sort_key(endpoint: str) -> tuple[int, bytes]:
    address, _, port = endpoint.rpartition(":")
    return int(port), ip_address(address.strip("[]")).packed


def test_every_recorded_case_is_there() -> None:
    assert len(cases()) == 95
