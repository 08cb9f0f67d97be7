"""Fault rules: what a file may say, and what each fault does to a host, a visit, the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation import bundled
from certify_automation.errors import ConfigurationError
from certify_automation.lab import MIXED
from certify_automation.lab.fault_steps import FOREIGN_SERVICE
from certify_automation.lab.faults import MIXTURE, FaultRule, FaultRules, load, mixture
from certify_automation.lab.hosts import BuiltHost, HostSpec, build, generated_hosts
from certify_automation.lab.onhost import Cut, Point
from certify_automation.lab.state_faults import STATE_FAULTS
from certify_automation.lab.windows import StillClock, Win32Error
from certify_automation.lab.windows.power import boot
from certify_automation.lab.winrm import WireFault, WireFaultKind, WsmanOperation

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
VISIT_FAULTS = {"power_loss", "killed_during", "disk_full_during", "file_edited_during"}
ENDPOINT_FAULTS = {"endpoint_closed", "endpoint_hangs", "certificate_unreadable"}
WIRE_FAULTS = {"unreachable", *WireFaultKind} - {WireFaultKind.CONNECTION_REFUSED}


def faulty(fault: str, generation: str = "v6", **options: Any) -> BuiltHost:
    rules = FaultRules([FaultRule(fault, ("web*",), options)])
    return rules.apply_state(build(HostSpec("web01.example.com", generation), 0, StillClock(NOW)), 0)


def state_of(host: BuiltHost) -> str:
    assert host.product is not None
    service = host.computer.services.get(host.product.service_name)
    assert service is not None
    return service.state


def ports(host: BuiltHost) -> set[int]:
    return {one.port for one in host.computer.sockets.listeners()}


def text(host: BuiltHost, name: str) -> str:
    assert host.product is not None
    return host.computer.files.read(f"{host.product.data_folder()}\\{name}").decode()


def test_the_schema_knows_exactly_the_faults_there_are() -> None:
    schema = json.loads(bundled.text("schemas", "faults.schema.json"))
    known = set(schema["$defs"]["rule"]["properties"]["fault"]["enum"])
    assert known == set(STATE_FAULTS) | VISIT_FAULTS | ENDPOINT_FAULTS | WIRE_FAULTS


def test_a_file_of_rules(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(
        "version: 1\n"
        "rules:\n"
        "  - {fault: drop, hosts: ['WEB*'], at: 3, times: 2, operation: Receive}\n"
        "  - {fault: unreachable, hosts: [app01]}\n"
        "  - {fault: power_loss, change: 1, seconds: 5}\n"
    )
    rules = load(path)
    machines = {"web01": "WEB01", "app01": "APP01"}
    assert rules.wire(machines) == [
        WireFault(WireFaultKind.DROP, ("WEB01",), at=3, times=2, operation=WsmanOperation.RECEIVE),
        WireFault(WireFaultKind.CONNECTION_REFUSED, ("APP01",)),
    ]
    assert rules.visit("web01").power_lost_before == 1
    assert rules.visit("web01").power_lost_before is None, "it strikes one visit of a host"
    assert rules.visit("app01").power_lost_before == 1
    assert rules.reboot_seconds("web01") == 5


def test_a_visit_is_cut_at_an_effect(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(
        "version: 1\n"
        "rules:\n"
        "  - {fault: killed_during, hosts: [web01], effect: 4, point: inside, times: 2}\n"
        "  - {fault: power_loss, hosts: [app01], effect: 2}\n"
    )
    rules = load(path)
    assert [rules.visit("web01").cut for _ in range(3)] == [Cut(4, Point.INSIDE), Cut(4, Point.INSIDE), None]
    assert rules.visit("app01").cut == Cut(2, Point.BEFORE, power=True)


@pytest.mark.parametrize(
    ("content", "error_id"),
    [
        ("version: 1\nrules: [\n", "CA5071"),
        ("\x00", "CA5071"),
        ("a: &a [1]\nb: *a\n", "CA5071"),
        ("[]", "CA5072"),
        ("version: 2\nrules: []\n", "CA5072"),
        ("version: 1\nrules: [{fault: no_such}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: power_loss}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: power_loss, change: 1, effect: 1}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: killed_during, change: 1}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: killed_during, effect: 1, point: there}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: disk_full_during, change: 1, effect: 1}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: power_loss, change: 1, point: after}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: drop, at: 0}]\n", "CA5072"),
        ("version: 1\nrules: [{fault: culture}]\n", "CA5072"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: str, error_id: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as refused:
        load(path)
    assert refused.value.id == error_id
    assert "faults.yaml" in str(refused.value.problems[0])


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read") as refused:
        load(tmp_path / "absent.yaml")
    assert refused.value.id == "CA5070"
    (tmp_path / "latin.yaml").write_bytes(b"version: 1 # \xe4")
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(tmp_path / "latin.yaml")


class TestState:
    def test_a_taken_port_leaves_v6_without_an_api_and_v7_down(self) -> None:
        assert state_of(faulty("port_taken")) == "Running"
        assert "failed to bind" in text(faulty("port_taken"), "logs\\service.exceptions.log")
        assert state_of(faulty("port_taken", "v7")) == "Stopped"
        owner = faulty("port_taken").computer.services.get(FOREIGN_SERVICE)
        assert owner is not None
        assert owner.state == "Running"

    def test_a_list_without_the_service(self) -> None:
        host = faulty("listen_list_excludes")
        assert host.computer.reachable()
        assert not host.computer.http.listens_on("127.0.0.2")
        assert "network location cannot be reached" in text(host, "logs\\service.exceptions.log")

    def test_a_disabled_driver_still_runs(self) -> None:
        driver = faulty("driver_disabled").computer.services.get("HTTP")
        assert driver is not None
        assert (driver.state, driver.start_mode) == ("Running", "Disabled")

    def test_servers_json_disagrees(self) -> None:
        assert json.loads(text(faulty("connections_disagree"), "servers.json"))[0]["Port"] == 9695

    @pytest.mark.parametrize("generation", ["v6", "v7"])
    def test_a_malformed_file_moves_the_service_to_its_defaults(self, generation: str) -> None:
        host = faulty("malformed_config", generation)
        assert state_of(host) == "Running"
        assert {9696} == ports(host) & {9696, 9797}

    def test_stopped_and_disabled(self) -> None:
        assert state_of(faulty("service_stopped")) == "Stopped"
        host = faulty("service_disabled", "v7")
        service = host.computer.services.get("Certify.Server.Core")
        assert service is not None
        assert (service.state, service.start_mode) == ("Stopped", "Disabled")

    def test_a_damaged_database(self) -> None:
        assert "FATAL" in text(faulty("database_damaged"), "logs\\session.log")
        assert state_of(faulty("database_damaged", "v7")) == "Stopped"

    def test_an_endpoint_pinned_elsewhere(self) -> None:
        assert 9888 in ports(faulty("endpoint_pinned", "v7", url="http://127.0.0.4:9888"))

    def test_not_installed_and_installed_twice(self) -> None:
        gone = faulty("not_installed")
        assert gone.product is None
        assert not [one for one in gone.computer.services.services() if one.name.startswith("Certify")]
        twice = faulty("two_services").computer
        names = [one.name for one in twice.services.services() if one.name.startswith("Certify")]
        assert names == ["Certify.Server.Core", "Certify.Service"]

    def test_another_culture(self) -> None:
        host = faulty("culture", culture="tr-TR")
        assert host.computer.installation.culture == "tr-TR"
        assert state_of(host) == "Running"

    def test_port_negotiation_lands_two_further(self) -> None:
        assert 9698 in ports(faulty("port_negotiation"))

    def test_no_scheduler(self) -> None:
        computer = faulty("scheduler_disabled").computer
        boot(computer)
        with pytest.raises(Win32Error) as refused:
            computer.tasks.get("t")
        assert refused.value.code == 0x80041315

    @pytest.mark.parametrize(("fault", "code"), [("event_log_denied", 5), ("event_log_full", 1502)])
    def test_no_event_log(self, fault: str, code: int) -> None:
        with pytest.raises(Win32Error) as refused:
            faulty(fault).computer.events.write("x", "Error", 1, "")
        assert refused.value.code == code

    def test_the_folder_for_runs_cannot_be_made(self) -> None:
        files = faulty("folder_denied").computer.files
        with pytest.raises(Win32Error, match="denied"):
            files.make_folder("C:\\ProgramData\\certify-automation\\runs")
        files.write("C:\\ProgramData\\x", b"")

    @pytest.mark.parametrize("generation", ["v6", "v7"])
    def test_an_exposed_api(self, generation: str) -> None:
        host = faulty("api_exposed", generation)
        assert state_of(host) == "Running"
        accepting = host.computer.sockets.accepting(host.computer.installation.address, 9696)
        assert accepting is not None

    def test_an_open_data_folder(self) -> None:
        healthy, host = faulty("service_slow", seconds=1), faulty("data_directory_open")
        for one, users in ((healthy, False), (host, True)):
            assert one.product is not None
            assert (";BU)" in one.computer.files.security(one.product.data_folder())) is users

    def test_no_recovery_an_unprotected_api_and_a_named_pipe(self) -> None:
        service = faulty("recovery_missing").computer.services.get("Certify.Service")
        assert service is not None
        assert service.failure_actions is None
        host = faulty("auth_mode_none")
        assert host.computer.service_environment == {"Certify.Service": {"CERTIFY_SERVICE_AUTH_MODE": "none"}}
        assert 9696 not in ports(faulty("namedpipe", "v7"))
        assert "pipe" in text(faulty("namedpipe", "v7"), "logs\\service_startup.log")
        assert 9696 in ports(faulty("namedpipe", "v6"))

    @pytest.mark.parametrize("generation", ["v6", "v7"])
    def test_another_account(self, generation: str) -> None:
        host = faulty("account_changed", generation, account="CORP\\svc")
        assert host.product is not None
        service = host.computer.services.get(host.product.service_name)
        assert service is not None
        assert (service.account, service.state) == ("CORP\\svc", "Running")
        assert 9696 in ports(host)

    def test_a_binding_of_a_certificate_that_is_gone(self) -> None:
        bindings = faulty("ssl_binding_stale").computer.ssl_bindings
        assert {name: values["SslCertStoreName"] for name, values in bindings.items()} == {"0.0.0.0:9696": "MY"}

    @pytest.mark.parametrize(
        "fault",
        ["listen_list_excludes", "api_exposed", "account_changed", "malformed_config", "service_stopped", "disk_full"],
    )
    def test_faults_of_the_product_leave_a_host_without_it_alone(self, fault: str) -> None:
        rules = FaultRules([FaultRule("not_installed"), FaultRule(fault)])
        assert rules.apply_state(build(HostSpec("web01", "v7"), 0, StillClock(NOW)), 0).product is None

    def test_only_the_hosts_that_are_meant(self) -> None:
        rules = FaultRules([FaultRule("service_stopped", ("APP*",))])
        assert state_of(rules.apply_state(build(HostSpec("web01", "v6"), 0, StillClock(NOW)), 0)) == "Running"


def test_the_mixture_fits_the_demo_and_repeats_itself() -> None:
    rules = mixture([spec.name for spec in MIXED])
    meant = {rule.fault for rule in rules.rules}
    assert meant >= {
        "port_taken", "listen_list_excludes", "driver_disabled", "connections_disagree", "malformed_config",
        "service_stopped",
    }  # fmt: skip
    names = [f"host{number:03}" for number in range(1, 25)]
    assert len(mixture(names).rules) == 2 * sum(map(len, MIXTURE))


def test_the_demo_has_the_hosts_of_the_example() -> None:
    inventory = yaml.safe_load(bundled.text("examples", "fleet/inventory.yaml"))
    groups = {spec.group for spec in MIXED}
    assert groups == set(inventory["groups"])
    assert [spec.name for spec in MIXED][:7] == [f"web{n:02}.example.com" for n in range(1, 8)]
    assert [spec.name for spec in MIXED][7:] == [f"app{n:02}.example.com" for n in range(1, 6)]
    for spec in MIXED:
        declared = inventory["groups"][spec.group]["hosts"].get(spec.name) or {}
        assert spec.labels == declared.get("labels", {})


def test_a_generated_fleet_can_be_made_again() -> None:
    assert generated_hosts(30, 7) == generated_hosts(30, 7)
    assert generated_hosts(30, 7) != generated_hosts(30, 8)
    assert [spec.generation for spec in generated_hosts(4, 0)] == ["v6", "v7", "v6", "v7"]
