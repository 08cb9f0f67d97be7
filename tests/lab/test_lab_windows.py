"""What Windows does: services, http.sys, sockets, files, power."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certify_automation.lab.windows import (
    SYSTEM_PROCESS,
    Clock,
    Computer,
    Installation,
    RunningClock,
    Service,
    StillClock,
    Win32Error,
    make_computer,
    security,
)
from certify_automation.lab.windows.power import boot, lose_power, start_delayed
from certify_automation.lab.windows.services import Idle

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ANY = "0.0.0.0"  # noqa: S104 - listeners of simulated computers
ADMINISTRATOR = ["S-1-5-32-544"]
NETWORK_SERVICE = ["S-1-5-20", "S-1-5-11"]


@pytest.fixture
def computer() -> Computer:
    return make_computer(Installation("WEB01"), StillClock(NOW))


def code_of(act: Any, *arguments: Any, **options: Any) -> int:
    with pytest.raises(Win32Error) as failed:
        act(*arguments, **options)
    return failed.value.code


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
        assert [one.name for one in computer.services.services(drivers=True)] == ["HTTP"]
        assert "HTTP" not in [one.name for one in computer.services.services()]


class TestListenList:
    def test_the_first_entry_shuts_everybody_else_out(self, computer: Computer) -> None:
        assert computer.reachable()
        computer.http.add_listen("127.0.0.2")
        assert not computer.reachable()
        assert {one.address for one in computer.sockets.listeners()} == {"127.0.0.2"}
        computer.http.delete_listen("127.0.0.2")
        assert computer.reachable()
        assert computer.http.registry is None

    @pytest.mark.parametrize(("entries", "covered", "not_covered"), [
        ([ANY], "192.0.2.10", "::1"), (["::"], "::1", "127.0.0.1"), (["127.0.0.1"], "127.0.0.1", "127.0.0.2"),
        (["garbage", "1.2.3"], "127.0.0.2", None), (["garbage", "127.0.0.1"], "127.0.0.1", "127.0.0.2"),
    ])  # fmt: skip
    def test_what_a_list_covers(
        self, computer: Computer, entries: list[str], covered: str, not_covered: str | None
    ) -> None:
        computer.http.live = entries
        assert computer.http.listens_on(covered)
        if not_covered:
            assert not computer.http.listens_on(not_covered)

    def test_an_edit_of_the_registry_sleeps_until_the_driver_starts(self, computer: Computer) -> None:
        computer.http.registry = ["192.0.2.10"]
        assert computer.http.listens_on("127.0.0.2")
        boot(computer)
        assert not computer.http.listens_on("127.0.0.2")
        assert computer.reachable()

    def test_errors_of_the_list(self, computer: Computer) -> None:
        computer.http.add_listen("[::1]")
        assert computer.http.live == ["::1"]
        assert code_of(computer.http.add_listen, "::1") == 183
        assert code_of(computer.http.add_listen, "127.0.0.1:80") == 87
        assert code_of(computer.http.delete_listen, "127.0.0.1") == 2

    def test_a_disabled_driver_that_runs_goes_on_and_does_not_come_back(self, computer: Computer) -> None:
        computer.services.configure("HTTP", "Disabled")
        assert computer.reachable()
        boot(computer)
        assert not computer.reachable()
        assert code_of(computer.http.add_listen, "127.0.0.1") == 6
        winrm = computer.services.get("WinRM")
        assert winrm is not None
        assert winrm.state == "Stopped"


class TestRegistration:
    @pytest.mark.parametrize(("url", "code"), [
        ("http://127.0.0.2:9696", 87), ("http://+/", 87), ("ftp://+:21/", 87), ("http://0.0.0.0:9696/", 50),
        ("http://198.51.100.1:9696/", 1232), ("http:// 127.0.0.3 :9696/", 87), ("http://127.0.0.2:99999/", 87),
    ])  # fmt: skip
    def test_refused_urls(self, computer: Computer, url: str, code: int) -> None:
        assert code_of(computer.http.register, url, 2000, ADMINISTRATOR) == code

    def test_a_url_is_registered_once(self, computer: Computer) -> None:
        computer.http.register("http://127.0.0.2:9696/", 2000, ADMINISTRATOR)
        assert code_of(computer.http.register, "HTTP://127.0.0.2:9696/".lower(), 2004, ADMINISTRATOR) == 183
        assert code_of(computer.http.register, "https://+:9696/", 2004, ADMINISTRATOR) == 183
        computer.http.unregister(2000)
        computer.http.register("http://127.0.0.2:9696/", 2004, ADMINISTRATOR)

    def test_an_excluded_address_is_1232(self, computer: Computer) -> None:
        computer.http.add_listen("192.0.2.10")
        assert code_of(computer.http.register, "http://127.0.0.2:9696/", 2000, ADMINISTRATOR) == 1232

    def test_the_kernel_owns_the_sockets_and_a_process_in_the_way_is_32(self, computer: Computer) -> None:
        computer.http.register("http://127.0.0.2:9696/", 2000, ADMINISTRATOR)
        owners = {one.process_id for one in computer.sockets.listeners() if one.port == 9696}
        assert owners == {SYSTEM_PROCESS}
        computer.sockets.listen("127.0.0.3", 9700, 2004)
        assert code_of(computer.http.register, "http://127.0.0.3:9700/", 2000, ADMINISTRATOR) == 32

    def test_others_need_a_reservation_and_the_longest_one_decides(self, computer: Computer) -> None:
        assert code_of(computer.http.register, "http://127.0.0.2:9696/", 2000, NETWORK_SERVICE) == 5
        computer.http.reserve("http://127.0.0.2:9696/", security.to_bytes("D:(A;;GX;;;NS)"))
        computer.http.register("http://127.0.0.2:9696/", 2000, NETWORK_SERVICE)
        computer.http.reserve("http://127.0.0.2:9696/closed/", security.to_bytes("D:(A;;GX;;;LS)"))
        assert code_of(computer.http.register, "http://127.0.0.2:9696/closed/", 2004, NETWORK_SERVICE) == 5

    def test_reservations(self, computer: Computer) -> None:
        descriptor = security.to_bytes("D:(A;;GX;;;SY)")
        computer.http.reserve("http://127.0.0.2:9696/", descriptor)
        assert code_of(computer.http.reserve, "HTTP://127.0.0.2:9696/".replace("HTTP", "http"), descriptor) == 183
        assert code_of(computer.http.reserve, "http://127.0.0.2:9696", descriptor) == 87
        assert computer.http.reservation("http://127.0.0.2:9696/") is not None
        computer.http.unreserve("http://127.0.0.2:9696/")
        assert code_of(computer.http.unreserve, "http://127.0.0.2:9696/") == 2

    def test_a_reservation_for_plus_swallows_what_is_meant_for_an_address(self, computer: Computer) -> None:
        mine = computer.http.register("http://127.0.0.2:9696/", 2000, ADMINISTRATOR)
        assert computer.http.route("127.0.0.2", 9696, "127.0.0.2", "/api/x") is mine
        assert computer.http.route("127.0.0.3", 9696, "127.0.0.3", "/api/x") == 400
        computer.http.reserve("http://+:9696/", security.to_bytes("D:(A;;GX;;;SY)"))
        assert computer.http.route("127.0.0.2", 9696, "127.0.0.2", "/api/x") == 400

    def test_how_a_url_is_shown(self, computer: Computer) -> None:
        assert computer.http.register("http://127.0.0.2:9696/", 1, ADMINISTRATOR).shown == (
            "HTTP://127.0.0.2:9696:127.0.0.2/"
        )
        assert computer.http.register("http://localhost:9700/", 1, ADMINISTRATOR).shown == "HTTP://LOCALHOST:9700/"


class TestSockets:
    @pytest.mark.parametrize(("first", "second", "clash"), [
        ("127.0.0.3", "127.0.0.3", True), ("127.0.0.3", "127.0.0.4", False), (ANY, "127.0.0.3", True),
        ("::", "127.0.0.3", True), (ANY, "::1", False), ("::1", "127.0.0.1", False), ("127.0.0.3", "::", True),
    ])  # fmt: skip
    def test_clashes(self, computer: Computer, first: str, second: str, *, clash: bool) -> None:
        computer.sockets.listen(first, 9777, 2000)
        if clash:
            assert code_of(computer.sockets.listen, second, 9777, 2004) == 10048
        else:
            computer.sockets.listen(second, 9777, 2004)

    def test_only_own_addresses(self, computer: Computer) -> None:
        computer.sockets.listen("192.0.2.10", 9777, 2000)
        assert code_of(computer.sockets.listen, "192.0.2.11", 9777, 2000) == 10049

    def test_the_more_specific_listener_gets_the_connection(self, computer: Computer) -> None:
        computer.sockets.listen(ANY, 80, 2000)
        accepting = computer.sockets.accepting("127.0.0.1", 80)
        assert accepting is not None
        assert accepting.process_id == 2000
        assert computer.sockets.accepting("::1", 80) is None

    @pytest.mark.parametrize("address", [ANY, "::", "*", "+", "", "web01", " 127.0.0.1"])
    def test_nothing_is_reached_at_what_is_no_address(self, computer: Computer, address: str) -> None:
        computer.sockets.listen("::", 80, 2000)
        assert computer.sockets.accepting(address, 80) is None


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


class TestFirewall:
    def test_a_rule_of_ours_comes_and_goes(self, computer: Computer) -> None:
        before = computer.dump()
        computer.firewall.add_block("contoso", 9696)
        rules = computer.firewall.rules
        assert rules is not None
        assert [text for text in rules.values() if "Name=contoso|" in text] == [
            "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=9696|Name=contoso|"
        ]
        computer.firewall.delete_inbound("contoso")
        assert computer.dump() == before
        assert code_of(computer.firewall.delete_inbound, "contoso") == 2

    def test_without_its_service_nothing_changes(self, computer: Computer) -> None:
        computer.services.stop("mpssvc")
        assert code_of(computer.firewall.add_block, "contoso", 9696) == 1753


def test_a_running_clock_can_be_turned_but_never_back() -> None:
    clock = RunningClock(NOW)
    clock.advance(90)
    first = clock.now()
    clock.advance(-90)
    assert clock.now() >= first >= NOW + timedelta(seconds=90)
