"""Certificates of a fleet on the wire: where its sites are served, and renewals that take minutes of its clock."""

from __future__ import annotations

import gc
import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet_client import client, run
from lab_certificates import OBSERVE, OVERDUE, RUN, SOUND

from certify_automation import lab, onhost
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import HostSpec

# pywinrm's HTTP library leaves a socket whose TLS handshake was reset to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")

HOSTS = (HostSpec("web01", "v6", certificates=(OVERDUE, SOUND)), HostSpec("web02", "v7"))
NAME = "www.example.com"
ORIGIN = {"commit": None, "by": "tester", "rolls_back": None}


@pytest.fixture(autouse=True)
def _no_socket_is_left_to_another_test() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fleet"


@pytest.fixture
def fleet(folder: Path) -> Iterator[lab.Lab]:
    with lab.running(lab.LabOptions(HOSTS), folder / "inventory.yaml") as running:
        yield running


def variables(folder: Path, group: str, name: str) -> dict[str, Any]:
    inventory = yaml.safe_load((folder / "inventory.yaml").read_text())
    return dict(inventory["groups"][group]["hosts"][name]["vars"])


def thumbprint_served(folder: Path) -> str:
    """What a client that trusts the lab's roots is shown for the name, where the inventory says it is."""
    where = variables(folder, "legacy", "web01")
    context = ssl.create_default_context(cafile=str(folder / "lab-roots.pem"))
    with (
        socket.create_connection((where["tls_address"], where["tls_port"])) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
    assert der is not None
    return hashlib.sha1(der).hexdigest().upper()  # noqa: S324 - a thumbprint is a SHA-1


def visit(fleet: lab.Lab, folder: Path, name: onhost.Name, parameters: dict[str, Any]) -> Any:
    nonce = "d" * 32
    stdin = onhost.request(onhost.script(name), parameters, nonce=nonce, deadline_seconds=900)
    code, stdout, _ = run(client(fleet, folder, "web01"), onhost.command_line(), stdin)
    assert code == 0
    reply = onhost.read_reply(stdout, nonce)
    assert reply["ok"], reply
    return reply["value"]


def inventory(fleet: lab.Lab, folder: Path) -> dict[str, Any]:
    asked = {"access": "task", "tls": True}
    found = visit(fleet, folder, "Inventory", {"observe": OBSERVE, "certificates": asked})["certificates"]
    assert found["failure"] is None
    return dict(found)


def renewal(found: dict[str, Any]) -> dict[str, Any]:
    """Parameters of Renew for the overdue certificate."""
    item = next(one for one in found["items"] if one["id"] == OVERDUE.item_id)
    return {
        "run_id": RUN,
        "origin": ORIGIN,
        "observe": OBSERVE,
        "certificates": {"access": "task", "tls": False},
        "preferences": [],
        "renewals": [{name: item[name] for name in ("id", "attempted_utc_ms", "thumbprint")}],
        "start_seconds": 120,
        "wait_seconds": 600,
    }


def test_a_renewal_over_the_wire_changes_what_is_served(fleet: lab.Lab, folder: Path) -> None:
    found = inventory(fleet, folder)
    old = {one["name"]: one["thumbprint"] for one in found["items"]}[NAME]
    assert thumbprint_served(folder) == old
    (result,) = visit(fleet, folder, "Renew", renewal(found))["renewals"]
    assert result["status"] == "renewed"
    assert thumbprint_served(folder) == result["thumbprint"] != old


def test_a_visit_that_waits_lets_minutes_of_the_host_pass(folder: Path) -> None:
    options = lab.LabOptions(HOSTS[:1], FaultRules([FaultRule("renewal_stuck")]), pace=lab.Pace(visits=0.002))
    with lab.running(options, folder / "inventory.yaml") as fleet:
        clock = fleet.hosts["web01"].computer.clock
        asked = renewal(inventory(fleet, folder))
        begun = clock.elapsed()
        (result,) = visit(fleet, folder, "Renew", asked)["renewals"]
        assert result["status"] == "not_started"
        # Its task and the visit wait at the same time: what passes for the one has passed for the other.
        assert 120 <= clock.elapsed() - begun < 200


def test_hosts_without_sites_have_none_in_the_inventory(fleet: lab.Lab, folder: Path) -> None:
    assert {"tls_address", "tls_port"} <= set(variables(folder, "legacy", "web01"))
    assert variables(folder, "modern", "web02") == {"own_address": "10.20.0.2"}
    assert fleet.hosts["web02"].tls_port is None
    assert (folder / "lab-roots.pem").read_bytes() == fleet.roots_pem
