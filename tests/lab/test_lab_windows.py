"""What Windows does: services, clocks, power."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from win32_codes import code_of

from certify_automation.lab.windows import (
    Clock,
    Computer,
    Installation,
    RunningClock,
    Service,
    StillClock,
    make_computer,
)
from certify_automation.lab.windows.power import boot, lose_power, start_delayed
from certify_automation.lab.windows.services import Idle

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ADMINISTRATOR = ["S-1-5-32-544"]


@pytest.fixture
def computer() -> Computer:
    return make_computer(Installation("WEB01"), StillClock(NOW))


def add_service(computer: Computer, name: str = "Contoso", **values: Any) -> Service:
    service = Service(name, name, f"{name}.exe", **values)
    computer.services.install(service, Idle(f"{name}.exe", seconds=3.0))
    return service


class TestServices:
    def test_a_start_takes_time(self, computer: Computer) -> None:
        service = add_service(computer)
        assert service.exit_code == 1077
        computer.services.start("contoso")
        assert (service.state, service.exit_code) == ("Start Pending", 0)
        assert computer.process_name(service.process_id) == "Contoso.exe"
        assert code_of(computer.services.start, "Contoso") == 1056
        assert code_of(computer.services.stop, "Contoso") == 1061
        computer.clock.advance(3)
        assert computer.services.get("Contoso") is service
        assert service.state == "Running"

    def test_a_stop_takes_time_and_gives_the_process_back(self, computer: Computer) -> None:
        service = add_service(computer)
        computer.services.start("Contoso")
        computer.clock.advance(3)
        process = service.process_id
        computer.services.stop("Contoso")
        assert service.state == "Stop Pending"
        assert code_of(computer.services.stop, "Contoso") == 1061
        computer.clock.advance(2)
        computer.services.settle()
        assert (service.state, service.process_id) == ("Stopped", 0)
        assert computer.process_name(process) is None
        assert code_of(computer.services.stop, "Contoso") == 1062

    @pytest.mark.parametrize("act", ["start", "stop"])
    def test_no_such_service(self, computer: Computer, act: str) -> None:
        assert code_of(getattr(computer.services, act), "Nobody") == 1060

    def test_a_disabled_service_does_not_start(self, computer: Computer) -> None:
        add_service(computer, start_mode="Disabled")
        assert code_of(computer.services.start, "Contoso") == 1058

    def test_a_dependency_is_started_first_or_all_fails(self, computer: Computer) -> None:
        first = add_service(computer, "First")
        add_service(computer, "Second", depends_on=("first",))
        computer.services.configure("First", "Disabled")
        assert code_of(computer.services.start, "Second") == 1068
        computer.services.configure("First", "Manual")
        computer.services.start("Second")
        assert first.state == "Start Pending"
        computer.clock.advance(3)
        assert code_of(computer.services.stop, "First") == 1051

    def test_a_stuck_service_stays_in_stop_pending(self, computer: Computer) -> None:
        service = add_service(computer, stuck=True)
        computer.services.start("Contoso")
        computer.clock.advance(3)
        computer.services.stop("Contoso")
        computer.clock.advance(86400)
        assert computer.services.get("Contoso") is service
        assert service.state == "Stop Pending"

    def test_a_crash_is_1067(self, computer: Computer) -> None:
        service = add_service(computer)
        computer.services.start("Contoso")
        computer.services.crash("Contoso")
        assert (service.state, service.exit_code) == ("Stopped", 1067)

    @pytest.mark.parametrize(("name", "mode", "delayed"), [
        ("Contoso", "Manual", True), ("Contoso", "Boot", False), ("HTTP", "Auto", True),
        ("Contoso", "Automatic", False),
    ])  # fmt: skip
    def test_impossible_start_types(self, computer: Computer, name: str, mode: str, *, delayed: bool) -> None:
        add_service(computer)
        assert code_of(computer.services.configure, name, mode, delayed=delayed) == 87

    def test_type_and_delay_are_set_together(self, computer: Computer) -> None:
        service = add_service(computer)
        computer.services.configure("Contoso", "Auto", delayed=True)
        assert (service.start_mode, service.delayed) == ("Auto", True)
        computer.services.configure("Contoso", "Auto")
        assert not service.delayed

    def test_drivers_and_services_are_listed_apart(self, computer: Computer) -> None:
        assert [one.name for one in computer.services.services(drivers=True)] == ["HTTP", "WdFilter"]
        assert "HTTP" not in [one.name for one in computer.services.services()]


class TestPower:
    def test_everything_stays_as_it_was_until_the_start(self, computer: Computer) -> None:
        service = add_service(computer, "Delayed", delayed=True)
        computer.services.start("Delayed")
        computer.clock.advance(3)
        lose_power(computer)
        assert not computer.reachable()
        boot(computer)
        assert computer.reachable()
        assert (service.state, service.exit_code) == ("Stopped", 1077)
        start_delayed(computer)
        computer.clock.advance(3)
        computer.services.settle()
        assert service.state == "Running"
        assert computer.booted == NOW + timedelta(seconds=3)

    def test_locks_and_registrations_do_not_survive(self, computer: Computer) -> None:
        computer.files.open_exclusive("C:\\lock", "somebody")
        computer.http.register("http://127.0.0.2:9696/", 2000, ADMINISTRATOR)
        boot(computer)
        assert computer.files.read("C:\\lock") == b""
        assert not [one for one in computer.http.registrations if one.prefix.port == 9696]


def test_a_dump_changes_with_the_state_and_only_then(computer: Computer) -> None:
    before = computer.dump()
    assert computer.dump() == before
    computer.files.write("C:\\x", b"1")
    assert computer.dump() != before


@pytest.mark.parametrize("clock", [StillClock(NOW), RunningClock(NOW)], ids=["still", "running"])
def test_a_clock_that_is_set_back_leaves_the_stopwatch_alone(clock: Clock) -> None:
    clock.advance(10)
    before = clock.elapsed()
    clock.set(NOW - timedelta(days=1))
    assert clock.elapsed() >= before
    clock.advance(5)
    assert clock.elapsed() >= before + 5
    assert NOW - timedelta(days=1) + timedelta(seconds=5) <= clock.now() < NOW


def test_a_service_starts_in_its_time_whatever_the_time_of_day(computer: Computer) -> None:
    service = Service("Contoso", "Contoso", "C:\\contoso.exe")
    computer.services.install(service, Idle(seconds=10))
    computer.services.start("Contoso")
    computer.clock.set(NOW - timedelta(hours=1))
    computer.clock.advance(9)
    assert computer.services.get("Contoso") is service
    assert service.state == "Start Pending"
    computer.clock.advance(1)
    computer.services.settle()
    assert service.state == "Running"


def test_without_the_winrm_service_nobody_answers(computer: Computer) -> None:
    computer.services.stop("WinRM")
    assert not computer.reachable()
    computer.pass_time(5)
    computer.services.start("WinRM")
    assert computer.reachable()


def test_a_running_clock_can_be_turned_but_never_back() -> None:
    clock = RunningClock(NOW)
    clock.advance(90)
    first = clock.now()
    clock.advance(-90)
    assert clock.now() >= first >= NOW + timedelta(seconds=90)
