from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from certify_automation.cli.lockout import check_confirmable, confirm_seconds, visited_address
from certify_automation.cli.origin import origin_of
from certify_automation.desired import DesiredHost, Fleet, Settings, load
from certify_automation.errors import UsageError
from certify_automation.model.change import IpListenRemove
from certify_automation.model.host import Endpoint
from certify_automation.model.plan import ObserveRequest, Plan
from certify_automation.plan import CONFIRM_SECONDS

REQUEST = ObserveRequest(Endpoint("127.0.0.2", 9696), (9696,))


def whole_fleet(
    folder: Path,
    declared: str = "http_sys: {ip_listen: reachable}",
    *,
    address: str = "web01",
    transport: str = "winrm",
) -> Fleet:
    """A fleet of one host, web01, reached there."""
    one = {"address": address, "connection": {"transport": transport, "username": "lab"}}
    inventory = {"version": 1, "groups": {"all_of_them": {"hosts": {"web01": one}}}}
    (folder / "inventory.yaml").write_text(yaml.safe_dump(inventory), "utf-8")
    (folder / "state").mkdir(exist_ok=True)
    config = "service: {config: {host: 127.0.0.2, port: 9696}}"
    (folder / "state" / "all.yaml").write_text(f"version: 1\napplies_to: all\n{config}\n{declared}\n", "utf-8")
    return load(folder, environ={})


def host(folder: Path, *declared: str, **reached: str) -> DesiredHost:
    """The host of `whole_fleet`."""
    return whole_fleet(folder, *declared, **reached).hosts["web01"]


def flags(seconds: float | None) -> dict[str, timedelta | None]:
    return {"confirm_within": None if seconds is None else timedelta(seconds=seconds)}


@pytest.mark.parametrize(
    ("flag", "setting", "expected"), [(None, None, CONFIRM_SECONDS), (None, 300, 300), (90, 300, 90), (60, None, 60)]
)
def test_the_flag_wins_over_the_settings(flag: int | None, setting: int | None, expected: int, tmp_path: Path) -> None:
    far = host(tmp_path, address="192.0.2.7")
    assert confirm_seconds(flags(flag), Settings(confirm_within=setting), [far]) == expected


@pytest.mark.parametrize("seconds", [5, 59, 900.5, 901, 60.5])
def test_what_no_real_server_waits(seconds: float, tmp_path: Path) -> None:
    far = host(tmp_path, address="192.0.2.7")
    with pytest.raises(UsageError, match="CA5020"):
        confirm_seconds(flags(seconds), Settings(), [far])


@pytest.mark.parametrize("address", ["127.0.1.1", "::1"])
def test_simulated_servers_may_wait_less(address: str, tmp_path: Path) -> None:
    near = host(tmp_path, address=address)
    assert confirm_seconds(flags(5), Settings(), [near, near]) == 5
    for seconds in (4, 4.5):
        with pytest.raises(UsageError, match="CA5020"):
            confirm_seconds(flags(seconds), Settings(), [near])


def test_all_of_them_must_be_simulated(tmp_path: Path) -> None:
    near, far = host(tmp_path, address="127.0.1.1"), host(tmp_path, address="localhost")
    local = host(tmp_path, transport="local", address="127.0.0.1")
    for other in (far, local):
        with pytest.raises(UsageError, match="CA5020"):
            confirm_seconds(flags(5), Settings(), [near, other])


def plan(seconds: int | None) -> Plan:
    return Plan("web01", "0" * 32, REQUEST, changes=(IpListenRemove("10.0.0.1"),), confirm_seconds=seconds)


def test_a_saved_plan_for_the_lab_is_not_for_real_servers(tmp_path: Path) -> None:
    check_confirmable([plan(5)], {"web01": host(tmp_path, address="127.0.1.1")}, interactive=False)
    with pytest.raises(UsageError, match="CA5021"):
        check_confirmable([plan(5)], {"web01": host(tmp_path, address="192.0.2.7")}, interactive=True)


def test_a_local_host_needs_somebody_at_a_terminal(tmp_path: Path) -> None:
    hosts = {"web01": host(tmp_path, transport="local")}
    check_confirmable([plan(60)], hosts, interactive=True)
    check_confirmable([plan(None)], hosts, interactive=False)
    with pytest.raises(UsageError, match="CA5022"):
        check_confirmable([plan(60)], hosts, interactive=False)


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ({"address": "192.0.2.7"}, "192.0.2.7"),
        ({"address": "2001:db8::7"}, "2001:db8::7"),
        ({"address": "127.0.1.1"}, None),
        ({"address": "no-such-host.invalid"}, None),
        ({"transport": "local"}, None),
    ],
)
def test_the_address_a_host_is_visited_at(connection: dict[str, str], expected: str | None, tmp_path: Path) -> None:
    assert visited_address(host(tmp_path, **connection)) == expected


def test_nobody_is_looked_up_whose_listen_list_is_not_managed(tmp_path: Path) -> None:
    assert visited_address(host(tmp_path, "", address="192.0.2.7")) is None


def test_who_and_from_where(tmp_path: Path) -> None:
    origin = origin_of(tmp_path)
    user, _, computer = origin.by.partition("@")
    assert user
    assert computer
    assert origin.commit is None
