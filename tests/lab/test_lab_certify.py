"""The product's quirks: what its two services do with their files, ports and data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from certify_automation.lab.certify import ApiRequest, ApiResponse, Caller, Product, Setup, install, product_of, send
from certify_automation.lab.certify.data_store import BACKUP, DATABASE, OLDER_BACKUP
from certify_automation.lab.certify.item_rows import database, rows
from certify_automation.lab.certify.json_reader import CONFIGURATION, MalformedJson, read_json
from certify_automation.lab.certify.kestrel import parse_address
from certify_automation.lab.certify.logs import local_time
from certify_automation.lab.hosts import start, stop
from certify_automation.lab.windows import Computer, Installation, Service, StillClock, make_computer
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.services import Idle

NOW = datetime(2026, 11, 3, 14, 5, 7, tzinfo=UTC)
DATA = "C:\\ProgramData\\certify"
SYSTEM = ["S-1-5-18"]


def make(generation: str, culture: str = "en-US", **choices: Any) -> Product:
    computer = make_computer(Installation("WEB01", culture=culture), StillClock(NOW))
    computer.files.make_folder(DATA)
    return install(computer, Setup(generation, **choices))


def write(product: Product, name: str, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    product.computer.files.write(join(DATA, name), data)


def text(product: Product, name: str) -> str:
    return product.computer.files.read(join(DATA, name)).decode()


def service(product: Product) -> Service:
    found = product.computer.services.get(product.service_name)
    assert found is not None
    return found


def take_port(computer: Computer, address: str, port: int) -> None:
    computer.services.install(Service("Squatter", "Squatter", "squatter.exe"), Idle("squatter.exe"))
    computer.services.start("Squatter")
    squatter = computer.services.get("Squatter")
    assert squatter is not None
    computer.sockets.listen(address, port, squatter.process_id)


def ask(product: Product, url: str, path: str = "/api/system/appversion") -> int | str:
    answer = send(product.computer, url, ApiRequest("GET", path, caller=Caller.ADMINISTRATOR))
    return answer.status if isinstance(answer, ApiResponse) else answer


class TestFrameworkService:
    def test_the_first_start_writes_the_file_and_says_where_it_listens(self) -> None:
        product = make("v6")
        start(product.computer, product)
        config = json.loads(text(product, "serviceconfig.json"))
        assert (config["Host"], config["Port"], config["UseHTTPS"]) == ("127.0.0.2", 9696, False)
        log = text(product, "logs\\service.exceptions.log")
        assert log == "\r\n[11/3/2026 2:05:13 PM] :: Service API bound OK to http://127.0.0.2:9696"
        assert ask(product, "http://127.0.0.2:9696") == 200

    def test_an_existing_file_is_never_written(self) -> None:
        product = make("v6")
        write(product, "serviceconfig.json", '{"port": 9797, "whatever": 1}')
        start(product.computer, product)
        assert text(product, "serviceconfig.json") == '{"port": 9797, "whatever": 1}'
        assert ask(product, "http://127.0.0.2:9797") == 200

    def test_a_failure_to_listen_is_swallowed(self) -> None:
        product = make("v6")
        write(product, "serviceconfig.json", "{}")
        take_port(product.computer, "127.0.0.2", 9696)
        start(product.computer, product)
        assert service(product).state == "Running"
        log = text(product, "logs\\service.exceptions.log").split("\r\n[")
        assert "Service failed to listen on http://127.0.0.2:9696. :: System HTTP Service: Running" in log[1]
        assert "HttpListenerException" in log[1]
        assert "being used by another process" in log[1]
        assert log[2].endswith("Port negotiation not enabled. Service API failed to bind to http://127.0.0.2:9696")

    def test_negotiation_saves_the_port_only_when_there_was_no_file(self) -> None:
        product = make("v6")
        write(product, "serviceconfig.json", '{"enableAutoPortNegotiation": true}')
        take_port(product.computer, "127.0.0.2", 9696)
        start(product.computer, product)
        assert ask(product, "http://127.0.0.2:9698") == 200
        assert text(product, "serviceconfig.json") == '{"enableAutoPortNegotiation": true}'
        assert "Attempting to reallocate service port." in text(product, "logs\\service.exceptions.log")

    def test_without_a_file_negotiation_is_off(self) -> None:
        product = make("v6")
        take_port(product.computer, "127.0.0.2", 9696)
        start(product.computer, product)
        assert service(product).state == "Running"
        assert json.loads(text(product, "serviceconfig.json"))["Port"] == 9696

    def test_when_both_ports_are_taken_the_service_does_not_start(self) -> None:
        product = make("v6")
        write(product, "serviceconfig.json", '{"EnableAutoPortNegotiation": true}')
        take_port(product.computer, "127.0.0.2", 9696)
        product.computer.sockets.listen("127.0.0.2", 9698, 4000)
        start(product.computer, product)
        assert (service(product).state, service(product).exit_code) == ("Stopped", 1064)

    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ('{"Host": null}', "valid hostname"),
            ('{"Host": "0.0.0.0"}', "The request is not supported"),
            ('{"Host": "198.51.100.7"}', "network location cannot be reached"),
            ('{"Host": " 127.0.0.3 "}', "valid hostname"),
            ('{"Port": 0}', "valid hostname"),
        ],
    )
    def test_hosts_http_sys_refuses(self, config: str, expected: str) -> None:
        product = make("v6")
        write(product, "serviceconfig.json", config)
        start(product.computer, product)
        assert service(product).state == "Running"
        assert expected in text(product, "logs\\service.exceptions.log")

    def test_another_application_has_the_url(self) -> None:
        product = make("v6")
        product.computer.http.register("http://127.0.0.2:9696/", 4000, SYSTEM)
        start(product.computer, product)
        assert "conflicts with an existing registration" in text(product, "logs\\service.exceptions.log")

    def test_a_stopped_and_disabled_driver(self) -> None:
        product = make("v6")
        computer = product.computer
        computer.services.configure("HTTP", "Disabled")
        computer.services.stop("WinRM")
        computer.clock.advance(5)
        computer.services.stop("HTTP")
        computer.clock.advance(5)
        start(computer, product)
        log = text(product, "logs\\service.exceptions.log")
        assert "System HTTP Service: Stopped" in log
        assert "Operation is not supported on this platform" in log

    def test_an_ordinary_account_needs_a_reservation(self) -> None:
        product = make("v6", account="NT AUTHORITY\\NetworkService")
        start(product.computer, product)
        assert "Access is denied" in text(product, "logs\\service.exceptions.log")

    def test_https_is_a_dead_end_for_every_client(self) -> None:
        product = make("v6")
        write(product, "serviceconfig.json", '{"UseHTTPS": true}')
        start(product.computer, product)
        assert "bound OK to https://127.0.0.2:9696" in text(product, "logs\\service.exceptions.log")
        assert "certificate is invalid" in str(ask(product, "https://127.0.0.2:9696"))
        assert "closed" in str(ask(product, "http://127.0.0.2:9696"))

    def test_https_binds_its_certificate_once_to_the_port_of_that_start(self) -> None:
        product = make("v6")
        write(product, "serviceconfig.json", '{"UseHTTPS": true, "Port": 9698}')
        start(product.computer, product)
        bound = {name: dict(values) for name, values in product.computer.ssl_bindings.items()}
        assert set(bound) == {"0.0.0.0:9698"}
        assert bound["0.0.0.0:9698"]["SslCertStoreName"] == "MY"
        stop(product.computer, product)
        write(product, "serviceconfig.json", '{"UseHTTPS": true, "Port": 9700}')
        start(product.computer, product)
        assert "bound OK to https://127.0.0.2:9700" in text(product, "logs\\service.exceptions.log")
        assert product.computer.ssl_bindings == bound

    def test_a_damaged_database_looks_like_a_failure_to_listen(self) -> None:
        product = make("v6")
        write(product, DATABASE, b"garbage" * 1000)
        start(product.computer, product)
        assert service(product).state == "Running"
        log = text(product, "logs\\service.exceptions.log")
        assert "Service failed to listen on http://127.0.0.2:9696" in log
        assert "managed items data store" in log
        assert "actively refused" in str(ask(product, "http://127.0.0.2:9696"))

    def test_the_log_is_in_the_culture_of_the_account(self) -> None:
        product = make("v6", "de-DE")
        start(product.computer, product)
        assert "\r\n[03.11.2026 14:05:13] :: " in text(product, "logs\\service.exceptions.log")


class TestCoreService:
    def test_the_log_names_every_bound_url(self) -> None:
        product = make("v7", pinned_endpoint=None)
        write(product, "serviceconfig.json", '{"host": "*", "port": 9777}')
        start(product.computer, product)
        lines = text(product, "logs\\service_startup.log").splitlines()
        assert "Service Startup" in lines[0]
        assert lines[-1] == "11/3/2026 2:05:11 PM: Core service started http://[::]:9777"

    def test_the_shipped_file_wins_over_serviceconfig(self) -> None:
        product = make("v7")
        write(product, "serviceconfig.json", '{"port": 9777}')
        start(product.computer, product)
        assert ask(product, "http://127.0.0.2:9696") == 200
        assert "actively refused" in str(ask(product, "http://127.0.0.2:9777"))

    @pytest.mark.parametrize(
        "core",
        [
            '{"Kestrel:Endpoints:A:Url": "http://127.0.0.4:9888"}',
            '{"kestrel:endpoints": {"A": {"url": "http://127.0.0.4:9888"}, "a": {"Protocols": "Http1"}}}',
            '{"Kestrel": {"Endpoints": [{"Url": "http://127.0.0.4:9888"}]}}',
        ],
    )
    def test_an_endpoint_is_read_by_its_path_however_it_is_nested(self, core: str) -> None:
        product = make("v7")
        product.computer.files.write(join(product.install_folder, "appsettings-core.json"), core.encode())
        start(product.computer, product)
        assert ask(product, "http://127.0.0.4:9888") == 200

    @pytest.mark.parametrize("endpoint", ["{}", "null", '{"Protocols": "Http1"}', '{"Url": null}'])
    def test_an_endpoint_without_an_address_ends_the_process(self, endpoint: str) -> None:
        product = make("v7")
        core = f'{{"Kestrel": {{"Endpoints": {{"A": {endpoint}}}}}}}'
        product.computer.files.write(join(product.install_folder, "appsettings-core.json"), core.encode())
        start(product.computer, product)
        assert (service(product).state, service(product).exit_code) == ("Stopped", 1067)
        assert "missing the required 'Url'" in text(product, "logs\\unhandled_exceptions.log")

    def test_a_named_pipe_publishes_no_port(self) -> None:
        product = make("v7")
        write(product, "serviceconfig.json", '{"transport": "NamedPipe"}')
        start(product.computer, product)
        assert service(product).state == "Running"
        assert not [one for one in product.computer.sockets.listeners() if one.port == 9696]
        assert "\\\\.\\pipe\\certify-service" in text(product, "logs\\service_startup.log")

    def test_the_variable_beats_the_file(self) -> None:
        product = make("v7")
        product.computer.environment["certify_service_transport"] = "namedpipe"
        start(product.computer, product)
        assert not [one for one in product.computer.sockets.listeners() if one.port == 9696]

    def test_what_a_failed_start_leaves(self) -> None:
        product = make("v7")
        take_port(product.computer, "127.0.0.2", 9696)
        start(product.computer, product)
        assert (service(product).state, service(product).exit_code) == ("Stopped", 1067)
        assert text(product, "logs\\service_startup.log").splitlines()[-1].endswith("Configured endpoints")
        assert "address already in use" in text(product, "logs\\unhandled_exceptions.log")
        assert "Certify Manager Started" in text(product, "logs\\session.log"), "the manager starts before the bind"

    def test_a_damaged_store_dies_one_stage_earlier(self) -> None:
        product = make("v7")
        write(product, "datastores.json", "[{")
        start(product.computer, product)
        assert text(product, "logs\\service_startup.log").splitlines()[-1].endswith("Added Networking services")

    def test_http_sys_does_not_matter(self) -> None:
        product = make("v7")
        product.computer.http.add_listen("192.0.2.10")
        start(product.computer, product)
        assert ask(product, "http://127.0.0.2:9696") == 200


@pytest.mark.parametrize("generation", ["v6", "v7"])
class TestData:
    def test_two_starts_lose_the_good_backup(self, generation: str) -> None:
        product = make(generation)
        start(product.computer, product)
        write(product, DATABASE, database({"good": '{"Id": "good"}'}))
        stop(product.computer, product)
        start(product.computer, product)
        assert rows(product.computer.files.read(join(DATA, BACKUP))) == {"good": '{"Id": "good"}'}
        for _ in range(2):
            stop(product.computer, product)
            write(product, DATABASE, b"garbage" * 1000)
            start(product.computer, product)
        for name in (BACKUP, OLDER_BACKUP):
            assert product.computer.files.read(join(DATA, name)) == b"garbage" * 1000

    def test_a_missing_database_is_made_anew_without_a_word(self, generation: str) -> None:
        product = make(generation)
        start(product.computer, product)
        stop(product.computer, product)
        product.computer.files.delete(join(DATA, DATABASE))
        start(product.computer, product)
        assert rows(product.computer.files.read(join(DATA, DATABASE))) == {}

    def test_the_data_folder_can_be_one_per_machine(self, generation: str) -> None:
        product = make(generation)
        product.computer.environment["CERTIFY_ENABLE_PER_INSTANCE_SETTINGS"] = "TRUE"
        start(product.computer, product)
        assert product.computer.files.exists(join(DATA, "web01\\manageditems.db"))

    @pytest.mark.parametrize("value", ["1", "yes", " true"])
    def test_nothing_but_true_counts(self, generation: str, value: str) -> None:
        product = make(generation)
        product.computer.environment["CERTIFY_ENABLE_PER_INSTANCE_SETTINGS"] = value
        assert product.data_folder() == DATA

    def test_settings_that_cannot_be_read_cost_the_machine_its_identity(self, generation: str) -> None:
        product = make(generation)
        start(product.computer, product)
        first = json.loads(text(product, "appsettings.json"))["InstanceId"]
        stop(product.computer, product)
        start(product.computer, product)
        assert json.loads(text(product, "appsettings.json"))["InstanceId"] == first
        stop(product.computer, product)
        write(product, "appsettings.json", '{"InstanceId": ')
        start(product.computer, product)
        assert json.loads(text(product, "appsettings.json"))["InstanceId"] != first

    def test_a_new_data_folder_is_closed_to_users(self, generation: str) -> None:
        computer = make_computer(Installation("WEB01"), StillClock(NOW))
        product = install(computer, Setup(generation))
        start(computer, product)
        assert "BU" not in computer.files.security(DATA)


def test_only_v7_takes_its_folder_from_a_variable() -> None:
    for generation, expected in (("v6", DATA), ("v7", "D:\\Elsewhere")):
        product = make(generation)
        product.computer.environment["CERTIFY_APPDATA_PATH"] = "D:\\Elsewhere"
        assert product.data_folder() == expected


def test_the_service_finds_its_product_again() -> None:
    product = make("v7", service_name="Certify Management Agent")
    assert product_of(product.computer, "certify management agent") is product
    assert product_of(product.computer, "WinRM") is None


@pytest.mark.parametrize(
    "malformed",
    ["", "{", '{"a":1 "b":2}', "{'a':1}x", '{"a":tru}', "[1 2]", '"open', '{"a":"\\q"}', "{,}", "01x", '{"a":"\\u12"}'],
)
def test_what_no_dialect_reads(malformed: str) -> None:
    with pytest.raises(MalformedJson):
        read_json(malformed)


@pytest.mark.parametrize("lenient", ["{'a':1}", "{a:1}", "[0x10]", "[010]", '"two\nlines"', "[NaN]", "undefined"])
def test_what_only_the_lenient_dialect_reads(lenient: str) -> None:
    read_json(lenient)
    with pytest.raises(MalformedJson):
        read_json(lenient, CONFIGURATION)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("127", "0.0.0.127"), ("127.1", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"), ("127.0.0.300", None), ("1.2.3.4.5", None), ("name", None), (" 127.0.0.3 ", None), ("", None),
    ],
)  # fmt: skip
def test_addresses_as_dotnet_reads_them(written: str, read: str | None) -> None:
    assert parse_address(written) == read


@pytest.mark.parametrize(
    ("culture", "expected"),
    [
        ("en-US", "11/3/2026 2:05:07 PM"), ("de-DE", "03.11.2026 14:05:07"), ("tr-TR", "3.11.2026 14:05:07"),
        ("th-TH", "3/11/2569 14:05:07"), ("xx-XX", "03/11/2026 14:05:07"),
    ],
)  # fmt: skip
def test_times_follow_the_culture(culture: str, expected: str) -> None:
    assert local_time(NOW, culture) == expected
