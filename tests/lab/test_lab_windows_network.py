"""What Windows does with addresses: the listen list, registrations of URLs, sockets, firewall rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from win32_codes import code_of

from certify_automation.lab.windows import (
    SYSTEM_PROCESS,
    Computer,
    Installation,
    StillClock,
    make_computer,
    security,
)
from certify_automation.lab.windows.power import boot

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ANY = "0.0.0.0"  # noqa: S104 - listeners of simulated computers
ADMINISTRATOR = ["S-1-5-32-544"]
NETWORK_SERVICE = ["S-1-5-20", "S-1-5-11"]


@pytest.fixture
def computer() -> Computer:
    return make_computer(Installation("WEB01"), StillClock(NOW))


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
