"""The front door: whole repositories."""

from __future__ import annotations

import os
import re
import shutil
import zoneinfo
from importlib.util import find_spec
from pathlib import Path

import pytest

from certify_automation import bundled
from certify_automation.desired import Fleet, Settings, load
from certify_automation.desired.rules import windows
from certify_automation.errors import ConfigurationError, Problem
from certify_automation.guard.limits import Limit, read_limits
from certify_automation.model.host import ApiAccess, Auth, Endpoint, Scheme, Transport
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation
from certify_automation.model.renewal import RenewalPolicy
from certify_automation.model.service import ServiceState, StartMode, WindowsService
from desired.cases import lines, outcome, write

EXAMPLE = bundled.folder("examples") / "fleet"
SOUND = {"state": "version: 1\napplies_to: all\n"}


def test_the_example_declares_both_generations_of_the_product() -> None:
    fleet = load(EXAMPLE, environ={})
    assert fleet.warnings == ()
    assert fleet.groups == {
        "legacy": tuple(f"web{n:02}.example.com" for n in range(1, 8)),
        "modern": tuple(f"app{n:02}.example.com" for n in range(1, 6)),
    }
    web, app = fleet.hosts["web07.example.com"].state, fleet.hosts["app05.example.com"].state
    assert web.endpoint == app.endpoint == Endpoint("127.0.0.2", 9696)
    assert web.service == WindowsService(ServiceState.RUNNING, StartMode.AUTOMATIC_DELAYED)
    assert web.ip_listen == IpListen(ListenRule.REACHABLE, ("127.0.0.2", "127.0.0.1"))
    assert web.url_reservations == (UrlReservation("http://127.0.0.2:9696/", "D:(A;;GX;;;SY)"),)
    assert app.ip_listen is None
    assert app.driver == WindowsService()
    assert web.service_config is not None
    assert web.service_config.properties["PowershellExecutionPolicy"] == "RemoteSigned"
    canaries = fleet.select(["ring=canary"]).hosts.values()
    assert [host.state.service_config.properties["LogLevel"] for host in canaries if host.state.service_config] == [
        "debug",
        "debug",
    ]


def test_the_example_is_reached_over_https_with_a_reference_for_a_password() -> None:
    host = load(EXAMPLE, environ={}).hosts["web01.example.com"]
    assert host.connection.address == "web01.example.com"
    assert (host.connection.transport, host.connection.scheme, host.connection.port) == (
        Transport.WINRM,
        Scheme.HTTPS,
        5986,
    )
    assert (host.connection.auth, host.connection.username) == (Auth.NEGOTIATE, "CORP\\svc-certify")
    assert host.connection.password is None
    assert host.connection.ca_file == str(EXAMPLE / "certs" / "corp-ca.pem")
    assert str(host.secrets["password"]) == "${env:CERTIFY_WINRM_PASSWORD}"


def test_the_example_with_certificates_has_a_policy_for_every_host(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "fleet")
    shutil.copy(EXAMPLE.parent / "certificates" / "state" / "certificates.yaml", tmp_path / "fleet" / "state")
    fleet = load(tmp_path / "fleet", environ={})
    assert fleet.warnings == ()
    for host in fleet.hosts.values():
        assert host.state.preferences is not None
        assert host.state.preferences["maxRenewalRequests"] == 20
        assert host.state.renewals == RenewalPolicy(21 * 86_400, exclude=("*test*",), max_per_run=10)


@pytest.mark.skipif(find_spec("tzdata") is not None, reason="the package tzdata brings time zones to every machine")
def test_a_machine_without_time_zones_says_what_it_lacks(tmp_path: Path) -> None:
    zones = "renewals: {window: {start: 22:00, duration: 6h, timezone: Europe/Berlin}}\n"
    write(tmp_path, {"state": f"{SOUND['state']}{zones}"})
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    windows.known_zones.cache_clear()
    try:
        _, (problem,) = outcome(tmp_path)
    finally:
        zoneinfo.reset_tzpath(to=before)
        windows.known_zones.cache_clear()
    assert problem.id == "CA1262"
    assert "pip install tzdata" in problem.hint


def test_the_starter_is_valid_wherever_it_is_copied(tmp_path: Path) -> None:
    shutil.copytree(bundled.folder("examples") / "starter", tmp_path / "fleet")
    fleet = load(tmp_path / "fleet", environ={})
    assert fleet.warnings == ()
    assert len(fleet.hosts) == 3
    assert fleet.settings == Settings(16, "3", 120)
    assert set(fleet.hosts["web01.example.com"].files) == {"serviceconfig.json", "servers.json"}


def test_what_the_starter_offers_is_valid_without_its_comment_signs(tmp_path: Path) -> None:
    shutil.copytree(bundled.folder("examples") / "starter", tmp_path / "fleet")
    for path in (tmp_path / "fleet" / "state" / "baseline.yaml", tmp_path / "fleet" / "certify-automation.yaml"):
        head, _, body = path.read_text("utf-8").partition("version: 1\n")
        offered = re.sub(r"^( *)# (?=[ -]*(?:[a-z_.]+:|- \{))", r"\1", body, flags=re.MULTILINE)
        path.write_text(f"{head}version: 1\n{offered}", "utf-8")
    example = tmp_path / "fleet" / "state" / "web01.yaml.example"
    example.rename(example.with_suffix(""))
    fleet = load(tmp_path / "fleet", environ={})
    assert fleet.warnings == ()
    host = fleet.hosts["web01.example.com"]
    assert host.state.preferences == {
        "renewalIntervalMode": "PercentageLifetime",
        "renewalIntervalDays": 75,
        "certificateCleanupMode": 1,
    }
    assert host.state.renewals is not None
    assert [one.certificate for one in host.state.renewals.served] == ["www.example.com"]
    assert fleet.settings.ca_limits == {"letsencrypt.org": {"certificates_per_registered_domain": 300}}


@pytest.mark.parametrize(("written", "expected"), [("120s", 120), ("'60'", 60), ("15m", 900), (60, 60), (None, None)])
def test_the_time_for_a_confirmation_is_a_setting(tmp_path: Path, written: object, expected: int | None) -> None:
    line = "" if written is None else f"confirm_within: {written}\n"
    write(tmp_path, {**SOUND, "files": {"certify-automation.yaml": f"version: 1\n{line}"}})
    assert load(tmp_path, environ={}).settings == Settings(confirm_within=expected)


def test_the_state_folder_and_whom_verify_trusts_start_at_the_repository(tmp_path: Path) -> None:
    content = "version: 1\nstate_directory: state-of-runs\ntrust: {ca_file: certs/ca.pem}\n"
    write(tmp_path, {**SOUND, "files": {"certify-automation.yaml": content}})
    settings = load(tmp_path, environ={}).settings
    assert settings.state_directory == str(tmp_path / "state-of-runs")
    assert settings.verify_ca_file == str(tmp_path / "certs" / "ca.pem")
    assert settings.ca_limits == {}


def test_a_state_folder_elsewhere_is_taken_as_it_stands(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    content = f"version: 1\nstate_directory: {elsewhere}\ntrust: null\nca_limits: null\n"
    write(tmp_path, {**SOUND, "files": {"certify-automation.yaml": content}})
    assert load(tmp_path, environ={}).settings == Settings(state_directory=str(elsewhere))


def test_limits_of_authorities_are_taken_as_the_guard_reads_them(tmp_path: Path) -> None:
    content = """version: 1
ca_limits:
  letsencrypt.org: {certificates_per_registered_domain: 300, staging: {new_orders: null}}
  5f27c1b7-5d0e-4c0e-9a4c-5a1f0d3e8b11: {account: host, duplicate_certificates: 9}
  default: {concurrency: 2}
"""
    write(tmp_path, {**SOUND, "files": {"certify-automation.yaml": content}})
    limits = read_limits(load(tmp_path, environ={}).settings.ca_limits)
    assert limits.of("letsencrypt.org", staging=False).counts[Limit.REGISTERED_DOMAIN] == 300
    assert limits.of("letsencrypt.org", staging=True).counts[Limit.ORDERS] is None
    own = limits.of("5f27c1b7-5d0e-4c0e-9a4c-5a1f0d3e8b11", staging=False)
    assert (own.account_per_host, own.counts[Limit.DUPLICATE], own.concurrency) == (True, 9, 2)


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("{}", (ApiAccess.AUTO, ApiAccess.TASK)),
        ("{auth: credssp, username: a, password: '${env:P}'}", (ApiAccess.AUTO, ApiAccess.CALLER)),
        ("{transport: local}", (ApiAccess.AUTO, ApiAccess.CALLER)),
        ("{api_access: caller}", (ApiAccess.CALLER, ApiAccess.CALLER)),
        ("{transport: local, api_access: task}", (ApiAccess.TASK, ApiAccess.TASK)),
    ],
)
def test_who_asks_the_api(tmp_path: Path, connection: str, expected: tuple[ApiAccess, ApiAccess]) -> None:
    write(tmp_path, {**SOUND, "inventory": f"version: 1\nhosts: {{web01: {{connection: {connection}}}}}\n"})
    found = load(tmp_path, environ={}).hosts["web01"].connection
    assert (found.api_access, found.api_caller) == expected


def test_every_example_names_a_schema_that_is_there() -> None:
    """`init` puts the schemas beside the starter; the fleet is read where it lies in the repository."""
    schemas = {path.name for path in bundled.folder("schemas").iterdir()}
    for path in bundled.folder("examples").rglob("*.yaml"):
        line = path.read_text("utf-8").splitlines()[0]
        assert line.startswith("# yaml-language-server: $schema=")
        assert line.rpartition("/")[2] in schemas
        if "starter" not in path.parts:
            assert (path.parent / line.partition("$schema=")[2]).is_file()


def test_equal_hosts_share_everything(tmp_path: Path) -> None:
    inventory = "version: 1\ndefaults: {vars: {p: 9700}}\nhosts:\n  web[1:500]: {}\n  db[1:3]: {vars: {unused: 1}}\n"
    state = 'version: 1\napplies_to: all\nservice: {config: {port: "{{ vars.p }}"}}\n'
    write(tmp_path, {"inventory": inventory, "state": state})
    hosts = load(tmp_path, environ={}).hosts.values()
    assert len(hosts) == 503
    assert len({id(host.state) for host in hosts}) == 1
    assert len({id(host.files) for host in hosts}) == 1


def test_a_template_of_the_hosts_name_makes_a_state_for_each(tmp_path: Path) -> None:
    state = 'version: 1\napplies_to: all\nservice: {config: {additional: {Me: "{{ host }}"}}}\n'
    write(tmp_path, {"state": state})
    hosts = load(tmp_path, environ={}).hosts
    configs = {name: host.state.service_config for name, host in hosts.items()}
    assert {name: config.properties for name, config in configs.items() if config} == {
        "web01": {"Me": "web01"},
        "web02": {"Me": "web02"},
    }


def test_files_are_strict_json_indented_by_two(tmp_path: Path) -> None:
    state = """version: 1
applies_to: all
service: {config: {port: 9700, host: 127.0.0.2, additional: {Text: "a\\"b\\\\c/é<>&'", List: [1, {a: null}]}}}
connections: [{name: b}, {name: (local), default: true, endpoint: service}, {name: gone, state: absent}]
"""
    write(tmp_path, {"state": state})
    files = load(tmp_path, environ={}).hosts["web01"].files
    assert (
        files["serviceconfig.json"]
        == """{
  "Host": "127.0.0.2",
  "Port": 9700,
  "List": [1, {"a": null}],
  "Text": "a\\"b\\\\c/é<>&'"
}
"""
    )
    assert (
        files["servers.json"]
        == """[
  {
    "DisplayName": "(local)",
    "IsDefault": true,
    "Host": "127.0.0.2",
    "Port": 9700,
    "UseHTTPS": false
  },
  {
    "DisplayName": "b"
  }
]
"""
    )


def test_the_inventory_may_be_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "repo", {**SOUND, "files": {"inventory.yaml": None}})
    other = tmp_path / "lab" / "hosts.yaml"
    other.parent.mkdir()
    other.write_text(
        "version: 1\ndefaults: {connection: {ca_file: ca.pem, scheme: http}}\nhosts: {lab01: {}, '[fe80::1]': {}}\n",
        "utf-8",
    )
    for fleet in (
        load(tmp_path / "repo", inventory=other, environ={}),
        load(tmp_path / "repo", environ={"CERTIFY_AUTOMATION_INVENTORY": str(other)}),
    ):
        assert list(fleet.hosts) == ["lab01", "[fe80::1]"]
        assert fleet.hosts["lab01"].connection.ca_file == str(other.parent / "ca.pem")
        assert fleet.hosts["lab01"].connection.port == 5985
        assert fleet.hosts["[fe80::1]"].connection.address == "fe80::1"


def test_selecting_keeps_groups_that_still_have_hosts() -> None:
    fleet = load(EXAMPLE, environ={})
    chosen = fleet.select(["web0[12]*", "nothing.example.com"][:1])
    assert list(chosen.hosts) == ["web01.example.com", "web02.example.com"]
    assert chosen.groups == {"legacy": ("web01.example.com", "web02.example.com")}
    assert fleet.select([]) is fleet
    with pytest.raises(ConfigurationError) as caught:
        fleet.select(["web01.exmple.com"])
    assert caught.value.problems[0].hint == "did you mean web01.example.com?"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    with (tmp_path / "state" / "b.yaml").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    assert _ids(outcome(tmp_path)[1]) == ["CA1003"]


UNREADABLE = {
    "state/a.yaml": ["state/a.yaml CA1002"],
    "state": ["state CA1002"],
    "inventory.yaml": ["inventory.yaml CA1002"],
    "certify-automation.yaml": ["certify-automation.yaml CA1002"],
    "templates": ["templates/serviceconfig.json.j2 CA1422"],
    "templates/serviceconfig.json.j2": ["templates/serviceconfig.json.j2 CA1422"],
}


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="Windows keeps rights in another way")
@pytest.mark.parametrize(("victim", "expected"), UNREADABLE.items(), ids=UNREADABLE)
def test_what_may_not_be_read_is_named(tmp_path: Path, victim: str, expected: list[str]) -> None:
    """Root, who may read everything, becomes nobody for it."""
    state = "version: 1\napplies_to: all\nservice: {config: {port: 9700}}\n"
    files = {"certify-automation.yaml": "version: 1\n", "templates/serviceconfig.json.j2": "{}"}
    write(tmp_path, {"state": state, "files": files})
    load(tmp_path, environ={})
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / victim).chmod(0)
    user = os.geteuid()
    try:
        os.seteuid(user or 65534)
        assert lines(outcome(tmp_path)[1], tmp_path) == expected
    finally:
        os.seteuid(user)
        (tmp_path / victim).chmod(0o700)


def test_errors_come_first_then_places_in_order(tmp_path: Path) -> None:
    state = (
        "version: 1\napplies_to: all\nservice:\n  config: {host: localhost, port: 80, auto_port_negotiation: true}\n"
    )
    write(tmp_path, {"state": state})
    fleet, problems = outcome(tmp_path)
    assert fleet is None
    assert _ids(problems) == ["CA1204", "CA1202", "CA1211"]


def test_no_file_is_written_or_locked(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "fleet")
    before = _tree(tmp_path)
    load(tmp_path / "fleet", environ={})
    assert _tree(tmp_path) == before


def _tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def _ids(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.id for problem in problems]


def test_a_fleet_is_a_value(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    first, second = load(tmp_path, environ={}), load(tmp_path, environ={})
    assert isinstance(first, Fleet)
    assert first == second


def test_values_are_evaluated_origins_are_as_written(tmp_path: Path) -> None:
    inventory = "version: 1\ndefaults: {vars: {p: 9700}}\nhosts: {web01: {labels: {ring: a}}}\n"
    state = """version: 1
applies_to: all
service: {config: {port: "{{ vars.p }}", host: null}}
http_sys: {url_reservations: [{url: "http://127.0.0.2:{{ vars.p }}/", sddl: "D:(A;;GX;;;SY)"}]}
"""
    write(tmp_path, {"inventory": inventory, "state": state})
    host = load(tmp_path, environ={}).hosts["web01"]
    assert host.values == {
        "service.config.host": None,
        "service.config.port": 9700,
        "http_sys.url_reservations[http://127.0.0.2:9700/].sddl": "D:(A;;GX;;;SY)",
        "http_sys.url_reservations[http://127.0.0.2:9700/].url": "http://127.0.0.2:9700/",
        "labels.ring": "a",
        "vars.p": 9700,
    }
    assert set(host.origins) == set(host.values)
    assert host.origins["service.config.port"][0].value == "{{ vars.p }}"
