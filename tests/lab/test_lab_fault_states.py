"""What each fault of a host's state leaves there: the log line, the socket, the file that tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from test_lab_examine import examined
from test_lab_faults import NOW, faulty, ports, state_of, text

from certify_automation import bundled
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import BuiltHost, HostSpec, build
from certify_automation.lab.state_faults import STATE_FAULTS
from certify_automation.lab.windows import StillClock, Win32Error, security
from certify_automation.lab.windows.power import boot

V6_LOG, V7_LOG, V7_ERRORS = "service.exceptions.log", "service_startup.log", "unhandled_exceptions.log"
TABLE: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent.parent / "cases" / "doctor" / "faults.yaml").read_text(encoding="utf-8")
)
STATES = sorted(name for name in TABLE if name in STATE_FAULTS)
OPTIONS: dict[str, dict[str, Any]] = {
    **{name: dict(row["options"]) for name, row in TABLE.items()},
    "culture": {"culture": "tr-TR"},
}


def log(host: BuiltHost, name: str = V6_LOG) -> str:
    return text(host, f"logs\\{name}")


def last_start(host: BuiltHost, name: str) -> str:
    return log(host, name).rpartition("Service Startup")[2]


def api(host: BuiltHost) -> list[tuple[str, Any]]:
    return [(one["url"], one["status"]) for one in examined(host)["api"]]


def around(host: BuiltHost) -> dict[str, Any]:
    found: dict[str, Any] = examined(host)["examination"]
    return found


def event_ids(host: BuiltHost) -> list[int]:
    return [one["event_id"] for one in around(host)["events"]]


def test_the_table_has_every_fault_that_is_to_be_found() -> None:
    schema = json.loads(bundled.text("schemas", "faults.schema.json"))
    assert set(TABLE) <= set(schema["$defs"]["rule"]["properties"]["fault"]["enum"])
    assert {row["generation"] for row in TABLE.values()} == {"v6", "v7", "both"}
    assert {row["remedy"] for row in TABLE.values()} == {"converges", "person", "flag"}


@pytest.mark.parametrize("name", STATES)
def test_a_fault_cuts_winrm_where_the_table_says_so(name: str) -> None:
    generations = ("v6", "v7") if TABLE[name]["generation"] == "both" else (TABLE[name]["generation"],)
    for generation in generations:
        host = faulty(name, generation, **OPTIONS[name])
        assert host.computer.reachable() is not TABLE[name]["cuts_winrm"]


class TestListening:
    def test_a_port_that_was_taken_is_free_again(self) -> None:
        host = faulty("port_was_taken")
        assert state_of(host) == "Running"
        assert "Port negotiation not enabled. Service API failed to bind to http://127.0.0.2:9696" in log(host)
        assert 9696 not in ports(host)
        modern = faulty("port_was_taken", "v7")
        assert state_of(modern) == "Stopped"
        assert "address already in use" in log(modern, V7_ERRORS)
        assert event_ids(modern) == [7034]

    def test_a_negotiated_port_stays(self) -> None:
        host = faulty("negotiated_port")
        assert "Service API bound OK to http://127.0.0.2:9698" in log(host)
        assert (9696 in ports(host), 9698 in ports(host)) == (False, True)
        assert api(host) == [("http://127.0.0.2:9696", None), ("http://127.0.0.2:9698", 401)]

    def test_localhost_leads_elsewhere(self) -> None:
        host = faulty("localhost_host", "v7")
        assert last_start(host, V7_LOG).rstrip().endswith("Core service started http://localhost:9696")
        assert (around(host)["localhost"], around(host)["hosts_file"]) == (["127.0.0.2"], ["127.0.0.2\tlocalhost"])
        assert ("http://127.0.0.1:9696", 200) in api(host)

    def test_an_address_that_is_not_there(self) -> None:
        assert "The network location cannot be reached" in log(faulty("address_absent"))
        modern = faulty("address_absent", "v7")
        assert "SocketException (10049)" in log(modern, V7_ERRORS)
        assert "10.99.99.99" not in around(modern)["addresses"]

    def test_a_host_nobody_can_listen_at(self) -> None:
        assert "Only Uri prefixes with a valid hostname" in log(faulty("invalid_host"))
        assert "Invalid url: 'http://:9696'" in log(faulty("invalid_host", "v7"), V7_ERRORS)

    def test_https(self) -> None:
        host = faulty("https_on")
        assert "bound OK to https://127.0.0.2:9696" in log(host)
        assert "0.0.0.0:9696" in host.computer.ssl_bindings
        assert "Core service started http://" in last_start(faulty("https_on", "v7"), V7_LOG), "the listener ignores it"

    @pytest.mark.parametrize("generation", ["v6", "v7"])
    def test_a_configuration_that_was_not_applied(self, generation: str) -> None:
        host = faulty("config_not_applied", generation)
        assert json.loads(text(host, "serviceconfig.json"))["Port"] == 9797
        assert (9797 in ports(host), 9696 in ports(host)) == (False, True)

    def test_a_port_windows_keeps(self) -> None:
        host = faulty("excluded_port")
        assert "being used by another process" in log(host)
        assert {"first": 9600, "last": 9699} in around(host)["excluded_ports"]
        assert 15005 in event_ids(host)
        assert "SocketException (10013)" in log(faulty("excluded_port", "v7"), V7_ERRORS)

    def test_an_api_that_hangs_until_the_service_is_restarted(self) -> None:
        host = faulty("api_hangs")
        assert api(host) == [("http://127.0.0.2:9696", None)]
        assert examined(host)["api"][0]["error"] == "The operation has timed out."
        host.computer.services.stop("Certify.Service")
        host.computer.clock.advance(5)
        host.computer.services.start("Certify.Service")
        host.computer.clock.advance(30)
        assert api(host) == [("http://127.0.0.2:9696", 401)]

    def test_something_else_answers(self) -> None:
        facts = examined(faulty("foreign_answer", "v7"))
        assert (facts["api"][0]["status"], facts["api"][0]["body"][:9]) == (200, "<!DOCTYPE")
        assert facts["certificates"]["failure"]["code"] == "answer"

    def test_a_web_server_has_the_challenge_port(self) -> None:
        host = faulty("challenge_port_taken")
        (socket,) = [one for one in examined(host)["sockets"] if one["port"] == 80]
        assert socket["process_name"] == "nginx.exe"

    def test_small_things(self) -> None:
        assert json.loads(text(faulty("client_authentication"), "servers.json"))[0]["Authentication"] == "jwt"
        assert json.loads(text(faulty("negotiation_on"), "serviceconfig.json"))["EnableAutoPortNegotiation"] is True
        assert state_of(faulty("service_pending")) == "Stop Pending"
        service = examined(faulty("start_mode_manual"))["product"]["services"][0]
        assert (service["state"], service["start_mode"]) == ("Running", "Manual")
        assert "eamonm" in [one["name"] for one in around(faulty("virus_scanner"))["virus_scanners"]]


class TestHttpSys:
    def test_a_lonely_entry_cuts_everything_else_off(self) -> None:
        host = faulty("listen_list_lonely")
        assert examined(host)["ip_listen"]["live"] == ["127.0.0.2"]
        assert api(host) == [("http://127.0.0.2:9696", 401)], "the service itself is content"

    def test_lists_that_lack_something(self) -> None:
        challenges = faulty("listen_list_without_challenges").computer.http
        assert (challenges.listens_on("127.0.0.1"), challenges.listens_on("127.0.0.2")) == (False, True)
        absent = faulty("listen_list_absent_entry")
        assert "10.99.99.98" in examined(absent)["ip_listen"]["live"]
        assert set(event_ids(absent)) == {15005}
        assert around(absent)["events"][0]["values"][0].startswith("10.99.99.98:")

    def test_a_list_that_waits_for_the_driver(self) -> None:
        listed = examined(faulty("listen_list_dormant"))["ip_listen"]
        assert (listed["live"], listed["registry"]) == ([], ["10.20.0.1", "127.0.0.1", "127.0.0.2"])

    def test_a_list_nobody_can_read_is_open(self) -> None:
        host = faulty("listen_list_unreadable")
        assert event_ids(host) == [15015, 15014, 15014]
        assert host.computer.http.listens_on("192.0.2.77")

    @pytest.mark.parametrize(("fault", "state"), [("driver_stopped", "Stopped"), ("driver_stuck", "Stop Pending")])
    def test_without_its_driver(self, fault: str, state: str) -> None:
        host = faulty(fault)
        facts = examined(host)
        assert (facts["driver"]["state"], facts["url_owners"]) == (state, [])
        assert state_of(host) == "Running"
        assert api(host) == [("http://127.0.0.2:9696", None)]
        assert api(faulty(fault, "v7")) == [("http://127.0.0.2:9696", 200)], "Kestrel does without"
        boot(host.computer)
        assert host.computer.reachable()

    def test_an_account_that_may_not_listen(self) -> None:
        host = faulty("access_denied")
        assert "Access is denied." in log(host)
        sid = around(host)["account_sid"]
        assert sid.startswith("S-1-5-21-")
        host.computer.http.reserve("http://127.0.0.2:9696/", reservation(sid))
        host.computer.services.stop("Certify.Service")
        host.computer.clock.advance(5)
        host.computer.services.start("Certify.Service")
        host.computer.clock.advance(30)
        assert "http://127.0.0.2:9696" in dict(api(host))
        assert 9696 in ports(host)

    def test_reservations_of_others(self) -> None:
        assert api(faulty("reservation_foreign")) == [("http://127.0.0.2:9696", 400)]
        assert api(faulty("reservation_stale")) == [("http://127.0.0.2:9696", 401)]
        urls = [one["url"] for one in examined(faulty("reservation_stale"))["url_reservations"]]
        assert "http://127.0.0.2:9696/" in urls


def reservation(sid: str) -> bytes:
    return security.to_bytes(f"D:(A;;GX;;;{sid})")


class TestFiles:
    def test_configuration(self) -> None:
        assert text(faulty("blank_config"), "serviceconfig.json").strip() == ""
        values = [json.loads(text(faulty(one), "serviceconfig.json")) for one in ("fault_message", "ignored_values")]
        assert values[0]["ServiceFaultMsg"]
        assert (values[1]["LogLevel"], values[1]["AuthenticationModes"]) == ("warning", "jwt")
        policy = json.loads(text(faulty("execution_policy"), "serviceconfig.json"))["PowershellExecutionPolicy"]
        assert policy not in ("Unrestricted", "Bypass", "")

    @pytest.mark.parametrize(
        ("fault", "name"), [("servers_malformed", "servers.json"), ("settings_malformed", "appsettings.json")]
    )
    def test_files_that_break_off(self, fault: str, name: str) -> None:
        host = faulty(fault)
        with pytest.raises(ValueError, match="delimiter"):
            json.loads(text(host, name))
        assert state_of(host) == "Running"

    def test_v7_ends_before_it_reports(self) -> None:
        host = faulty("core_settings_malformed", "v7")
        service = examined(host)["product"]["services"][0]
        assert (service["state"], service["exit_code"]) == ("Stopped", 1053)
        assert event_ids(host) == [7000, 7009]

    def test_the_service_alone_has_another_data_folder(self) -> None:
        facts = examined(faulty("data_root_variables"))
        assert [one["scope"] for one in facts["product"]["environment"]] == ["service"]
        assert facts["product"]["data_dir"].endswith("\\web01")


class TestData:
    @pytest.mark.parametrize("generation", ["v6", "v7"])
    @pytest.mark.parametrize(
        ("fault", "store", "cause"),
        [
            ("data_store_id", "0", "No data store connection matches"),
            ("data_store_unreachable", "sql-central", "error occurred while establishing a connection"),
            ("data_stores_malformed", "(default)", "datastores.json"),
        ],
    )
    def test_data_stores(self, fault: str, store: str, cause: str, generation: str) -> None:
        host = faulty(fault, generation)
        assert any(f"FATAL: Managed Item Store {store} could not" in line for line in around(host)["errors"]["lines"])
        assert cause in log(host, V6_LOG if generation == "v6" else V7_ERRORS)
        assert state_of(host) == ("Running" if generation == "v6" else "Stopped")

    def test_a_database_that_is_away_or_empty(self) -> None:
        missing = sizes(faulty("database_missing"))
        assert ("manageditems.db" in missing, "manageditems.db.bak" in missing) == (False, True)
        emptied = faulty("database_emptied")
        found = sizes(emptied)
        assert found["manageditems.db.bak"] > 2 * found["manageditems.db"]
        assert examined(emptied)["certificates"]["total"] == 0

    def test_old_backups(self) -> None:
        facts = examined(faulty("backups_old", days=3))
        (backup,) = [one for one in facts["data"]["files"] if one["name"].endswith(".bak")]
        day_ms = 86_400_000
        assert 2 * day_ms < facts["host"]["clock_utc_ms"] - backup["written_utc_ms"] < 4 * day_ms
        assert facts["certificates"]["service_started_utc_ms"] <= backup["written_utc_ms"]

    def test_credentials(self) -> None:
        lines = around(faulty("credentials_undecryptable"))["errors"]["lines"]
        assert "Key not valid for use in specified state" in lines[-1]


def sizes(host: BuiltHost) -> dict[str, int]:
    return {one["name"]: one["bytes"] for one in examined(host)["data"]["files"]}


class TestInstallation:
    def test_half_an_upgrade(self) -> None:
        facts = examined(faulty("half_installed"))
        assert facts["product"]["services"] == []
        assert [one["version"][0] for one in facts["examination"]["installed"]] == ["7"]
        assert facts["examination"]["programs"], "files of before are there"
        assert [one["session_id"] for one in facts["examination"]["processes"]] == [2]

    def test_nothing_is_left_of_an_uninstalled_product_but_its_data(self) -> None:
        found = around(faulty("not_installed"))
        assert (found["installed"], found["programs"]) == ([], [])
        assert found["data_folder"]

    def test_versions(self) -> None:
        programs = around(faulty("mixed_versions"))["programs"]
        assert {one["version"][0] for one in programs if one["path"].endswith(".exe")} == {"6", "7"}
        assert {one["version"][0] for one in around(faulty("two_services"))["installed"]} == {"6", "7"}
        stale = {
            one["version"] for one in around(faulty("sqlite_stale"))["programs"] if "sqlite" in one["path"].lower()
        }
        assert len(stale) == 2

    def test_a_program_that_is_gone(self) -> None:
        host = faulty("program_missing")
        assert state_of(host) == "Stopped"
        with pytest.raises(Win32Error) as refused:
            host.computer.services.start("Certify.Service")
        assert refused.value.code == 2
        assert event_ids(host) == [7000]


class TestRenewals:
    def test_a_mark_of_two_hours_ago(self) -> None:
        clock = StillClock(NOW)
        rules = FaultRules([FaultRule("renewal_stuck", ("*",), {"seconds": 7200})])
        host = rules.apply_state(build(HostSpec("web01.example.com", "v6"), 0, clock), 0)
        found = examined(host)["certificates"]
        assert found["service_started_utc_ms"] < clock.now().timestamp() * 1000 - 7_000_000
        assert clock.now().timestamp() - NOW.timestamp() < 60, "the time of day is what it was"
        assert found["total"] == 1

    def test_held_and_failing(self) -> None:
        held = examined(faulty("renewals_held"))["certificates"]["items"]
        assert [one["auto_renew"] for one in held] == [False, False]
        (failing,) = examined(faulty("renewals_failing"))["certificates"]["items"]
        assert failing["failures"] > 1

    def test_nobody_sets_the_clock(self) -> None:
        found = around(faulty("time_service_stopped"))
        assert (found["time_source"], found["time_service"]) == ("NoSync", "Stopped")


PAIRS = Random(6).sample([(one, other) for one in STATE_FAULTS for other in STATE_FAULTS if one != other], 300)  # noqa: S311 - the same pairs each time


def struck(host: BuiltHost, name: str) -> BuiltHost:
    fault: Callable[..., BuiltHost] = STATE_FAULTS[name]
    needed = {"endpoint_pinned": {"url": "http://127.0.0.2:9797"}, "url_taken": {"url": "http://127.0.0.2:9696/"}}
    try:
        return fault(host, 0, needed.get(name, OPTIONS.get(name, {})))
    except Win32Error:
        return host


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_two_faults_in_any_order_leave_a_host_that_can_be_examined(generation: str) -> None:
    for first, second in PAIRS:
        host = build(HostSpec("web01.example.com", generation), 0, StillClock(NOW))
        host = struck(struck(host, first), second)
        if {"constrained_language", "unsupported_windows", "not_administrator"} & {first, second}:
            continue
        examined(host)
