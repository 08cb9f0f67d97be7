"""What a simulated host answers to the script Examine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from test_lab_onhost import validator

from certify_automation.lab.certify import Caller
from certify_automation.lab.hosts import BuiltHost, HostSpec, build
from certify_automation.lab.onhost import Visit, answer
from certify_automation.lab.windows import StillClock
from certify_automation.model.codec import facts_from_json

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
GENERATIONS = ("v6", "v7")
PARAMETERS = {
    "observe": {
        "endpoint": {"host": "127.0.0.2", "port": 9696, "https": False}, "ports": [80, 9696, 9698], "run": None,
    },
    "certificates": {"access": "task", "tls": False},
}  # fmt: skip


def make(generation: str = "v6") -> BuiltHost:
    return build(HostSpec("web01.example.com", generation), 0, StillClock(NOW))


def examined(host: BuiltHost, caller: Caller = Caller.ANONYMOUS) -> dict[str, Any]:
    reply = answer(Visit(host.computer, caller), "Examine", dict(PARAMETERS))
    assert reply["ok"], reply
    validator("facts").validate(reply["value"])
    facts = facts_from_json(reply["value"])
    assert facts.examination is not None
    assert facts.certificates is not None
    value: dict[str, Any] = reply["value"]
    return value


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_healthy_host_has_nothing_odd_about_it(generation: str) -> None:
    facts = examined(make(generation))
    found = facts["examination"]
    assert found["addresses"] == ["10.20.0.1"]
    assert (found["localhost"], found["hosts_file"]) == (["::1", "127.0.0.1"], [])
    assert all(not one["first"] <= 9696 <= one["last"] for one in found["excluded_ports"])
    assert [(one["name"], one["uses"]) for one in found["disks"]] == [("C:", ["system", "data"])]
    assert found["disks"][0]["free_bytes"] > 10 * 1024**3
    assert found["virus_scanners"] == [{"name": "WdFilter", "state": "Running"}]
    assert (found["time_source"], found["time_service"]) == ("NTP", "Running")
    assert found["account_sid"] == "S-1-5-18"
    (installed,) = found["installed"]
    assert installed["version"] == facts["product"]["version"]
    assert {one["version"] for one in found["programs"] if one["path"].endswith(".exe")} == {installed["version"]}
    assert any("sqlite" in one["path"].lower() for one in found["programs"])
    assert [one["session_id"] for one in found["processes"]] == [0]
    assert found["events"] == []
    assert facts["certificates"]["failure"] is None
    assert len(facts["api"]) == 1


def test_the_data_folder_and_its_settings_come_along() -> None:
    found = examined(make())["examination"]
    names = [one["name"] for one in found["data_folder"]]
    assert names == sorted(names)
    assert {"appsettings.json", "manageditems.db", "serviceconfig.json", "servers.json"} <= set(names)
    assert found["settings"]["exists"]
    assert found["errors"]["lines"], "a first start logs its upgrade as an error"
    assert all("[ERR]" in line for line in found["errors"]["lines"])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_listens_elsewhere_is_found_and_asked(generation: str) -> None:
    host = make(generation)
    asked = {
        **PARAMETERS,
        "observe": {**PARAMETERS["observe"], "endpoint": {"host": "127.0.0.3", "port": 4, "https": False}},
    }
    facts = answer(Visit(host.computer), "Examine", asked)["value"]
    assert [one["url"] for one in facts["api"]] == ["http://127.0.0.3:4", "http://127.0.0.2:9696"]
    assert [one["status"] for one in facts["api"]] == [None, 401 if generation == "v6" else 200]
    assert facts["certificates"]["failure"] is None, "asked where the API is"
    assert {one["port"] for one in facts["sockets"]} >= {5985, 5986, 9696}


def test_nothing_is_asked_where_no_service_runs() -> None:
    host = make()
    host.computer.services.stop("Certify.Service")
    host.computer.clock.advance(5)
    facts = examined(host)
    assert facts["certificates"]["failure"] == {
        "code": "unreachable", "message": "no service of the product runs", "request": "", "status": None,
    }  # fmt: skip
    assert len(facts["api"]) == 1


def test_without_the_product_its_usual_folders_are_looked_at() -> None:
    host = make()
    host.computer.services.remove("Certify.Service")
    facts = examined(host)
    found = facts["examination"]
    assert facts["product"]["data_dir"] is None
    assert found["account_sid"] is None
    assert found["settings"]["path"] == "C:\\ProgramData\\certify\\appsettings.json"
    assert found["data_folder"]
    assert found["programs"]
