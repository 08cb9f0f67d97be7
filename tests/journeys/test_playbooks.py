"""The playbooks that ship, over fleets in the states that they are for: every cause is ended, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.faults import FaultRule
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey
from .playing import (
    OVERDUE,
    YOUNG,
    acts_no_more,
    begin,
    both_versions,
    changed,
    declare,
    files,
    finds,
    follow,
    full,
    last,
    shows_only,
    sick,
)
from .renewing import requested_in_all
from .test_run import steps

ENDED = {
    "stopped": ("v6", "service_stopped"),
    "disabled": ("v7", "service_disabled"),
    "listen": ("v6", "listen_list_excludes"),
    "disagree": ("v6", "connections_disagree"),
    "reserved": ("v6", "reservation_foreign"),
    "denied": ("v6", "access_denied"),
    "pinned": ("v7", "endpoint_pinned"),
    "secure": ("v6", "https_on"),
    "hangs": ("v6", "api_hangs"),
    "freed": ("v6", "port_was_taken"),
    "moved": ("v6", "negotiated_port"),
    "unread": ("v6", "config_not_applied"),
}
"""Host -> its generation, and a cause of "Service not started" that the playbook ends."""
LEFT = {"taken": ("v6", "port_taken"), "absent": ("v6", "address_absent"), "missing": ("v6", "database_missing")}
"""Host -> a cause that needs a person, or leave."""


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Journey]:
    """A host of version 6 and one of version 7; both have a certificate that is overdue."""
    yield from both_versions(tmp_path)


def test_a_service_that_is_not_started_is_started_whatever_the_cause(tmp_path: Path) -> None:
    well = HostSpec(full("well"), "v7"), HostSpec(full("fine"), "v6")
    for journey in sick(tmp_path, ENDED, *well):
        shows_only(journey, "service-not-started")
        done = follow(journey, "service-not-started")
        assert done.code == ExitCode.DONE, done.out
        assert set(changed(done)) == {full(name) for name in ENDED}
        assert {len(names) for names in changed(done).values()} == {1}
        assert finds(journey) == {}
        acts_no_more(journey, "service-not-started")


def test_what_only_a_person_can_end_is_said_at_once_and_holds_back_the_others(tmp_path: Path) -> None:
    for journey in sick(tmp_path, LEFT, HostSpec(full("well"), "v6")):
        for name, finding in (("taken", "CA6102"), ("absent", "CA6118"), ("missing", "CA6402")):
            done = follow(journey, "service-not-started", "--limit", full(name))
            assert (done.code, changed(done)) == (ExitCode.HOSTS_FAILED, {})
            end = last(done, full(name))
            assert (end["name"], end["status"]) == ("what a person has to end", "failed")
            assert finding in end["message"]
        held = follow(journey, "service-not-started", "--limit", f"{full('taken')}:{full('well')}")
        assert (held.document()["stopped"], list(steps(held))) == ("canary", [full("taken")])
        allowed = follow(journey, "service-not-started", "--limit", full("missing"), "-e", "allow_data=true")
        assert (allowed.code, list(changed(allowed))) == (ExitCode.DONE, [full("missing")]), allowed.out
        assert finds(journey, full("missing")) == {}


def test_the_port_changes_wherever_it_is_written(two: Journey) -> None:
    shows_only(two, "change-port", "-e", "port=9700")
    done = follow(two, "change-port", "-e", "port=9700")
    assert (done.code, set(changed(done))) == (ExitCode.DONE, {full("six"), full("seven")}), done.out
    for host in (full("six"), full("seven")):
        assert files(two, host, "serviceconfig.json")["Port"] == 9700
        assert [one["Port"] for one in files(two, host, "servers.json")] == [9700]
    pinned = files(two, full("seven"), "appsettings-core.json")
    assert ":9700" in json.dumps(pinned)
    assert finds(two) == {}
    acts_no_more(two, "change-port", "-e", "port=9700")
    renewed = follow(two, "renew-overdue")  # asked where the API is now, though nobody has declared it
    assert renewed.code == ExitCode.DONE, renewed.out
    assert [requested_in_all(two, host) for host in two.lab.hosts] == [["a.example.com"]] * 2


def test_a_port_that_is_declared_otherwise_or_taken_or_none_is_an_error_and_nothing_changes(two: Journey) -> None:
    two.run("doctor")
    before = two.lab.dump()
    taken = follow(two, "change-port", "-e", "port=9800")
    assert (taken.document()["stopped"], list(steps(taken))) == ("canary", [full("six")])
    assert "9800 is taken: contoso-monitor.exe" in last(taken, full("six"))["report"]["error"]["message"]
    declare(two, "service:\n  config: {port: 9750}\n")
    other = follow(two, "change-port", "-e", "port=9700", "--limit", full("six"))
    error = last(other, full("six"))["report"]["error"]
    assert (other.code, error["id"]) == (ExitCode.CONFIGURATION_ERROR, "CA1615")
    for place in (
        "playbooks/change-port.yaml:25:19: service.config.port is 9700",
        "declared 9750 at",
        "site.yaml:5:18",
    ):
        assert place in error["message"]
    for wrong in (["-e", "port=70000"], ["-e", "prot=9700"], []):
        assert follow(two, "change-port", *wrong).code == ExitCode.CONFIGURATION_ERROR
    assert two.lab.dump() == before


def test_the_way_through_the_http_driver_is_opened(tmp_path: Path) -> None:
    causes = {
        "empty": ("v6", "service_slow"),
        "listen": ("v6", "listen_list_excludes"),
        "helper": ("v7", "listen_list_without_challenges"),
        "denied": ("v6", "access_denied"),
        "reserved": ("v6", "reservation_foreign"),
    }
    for journey in sick(tmp_path, causes, HostSpec(full("well"), "v7")):
        shows_only(journey, "http-listener")
        done = follow(journey, "http-listener")
        assert (done.code, set(changed(done))) == (ExitCode.DONE, {full(name) for name in causes} - {full("empty")})
        assert journey.lab.hosts[full("empty")].computer.http.live == []
        assert finds(journey) == {}
        acts_no_more(journey, "http-listener")
        other = follow(journey, "http-listener", "-e", "account=LS", "--limit", full("listen"))
        assert changed(other) == {full("listen"): ["reserve its URL"]}


def test_the_http_driver_is_enabled(tmp_path: Path) -> None:
    causes = {"one": ("v6", "driver_disabled"), "two": ("v7", "driver_disabled"), "three": ("v6", "driver_disabled")}
    for journey in sick(tmp_path, causes, HostSpec(full("well"), "v6")):
        refused = follow(journey, "http-listener", "--limit", full("one"))
        assert "run enable-http-driver first" in last(refused, full("one"))["message"]
        journey.run("doctor")
        before = journey.lab.dump()
        assert journey.run("run", "enable-http-driver", "--dry-run", "--json").code == ExitCode.DRIFT
        assert journey.lab.dump() == before
        done = follow(journey, "enable-http-driver")
        assert (done.code, changed(done)) == (ExitCode.DONE, {full(name): ["load the driver"] for name in causes})
        assert finds(journey) == {}
        acts_no_more(journey, "enable-http-driver")


def test_the_files_are_made_to_agree(tmp_path: Path) -> None:
    causes = {
        "disagree": ("v6", "connections_disagree"),
        "broken": ("v6", "servers_malformed"),
        "pinned": ("v7", "endpoint_pinned"),
    }
    for journey in sick(tmp_path, causes, HostSpec(full("well"), "v6")):
        shows_only(journey, "align-config-files")
        done = follow(journey, "align-config-files")
        assert (done.code, set(changed(done))) == (ExitCode.DONE, {full(name) for name in causes}), done.out
        assert finds(journey) == {}
        acts_no_more(journey, "align-config-files")


def test_an_upgrade_is_checked_before_and_after_without_a_trace(tmp_path: Path) -> None:
    hosts = HostSpec(full("before"), "v6", certificates=(YOUNG,)), HostSpec(full("after"), "v7", certificates=(YOUNG,))
    half, lost = HostSpec(full("half"), "v6", certificates=(YOUNG,)), HostSpec(full("lost"), "v7")
    for journey in begin(tmp_path, (*hosts, half, lost), FaultRule("two_services", (full("half"),))):
        journey.run("doctor")
        state = journey.lab.dump()
        for host, major in (("before", "6"), ("after", "7")):
            done = journey.run("run", "upgrade-check", "-e", f"expected_major={major}", "-l", full(host), "--json")
            assert (done.code, changed(done)) == (ExitCode.DONE, {}), done.out
        wrong = journey.run("run", "upgrade-check", "-e", "expected_major=7", "--json")
        assert wrong.code == ExitCode.HOSTS_FAILED
        said = {host["host"]: [one["message"] for one in host["steps"]] for host in wrong.document()["hosts"]}
        assert said[full("before")][0].startswith("1 service(s), version 6.")
        assert said[full("half")][0].startswith("2 service(s)")
        assert "CA6503" in said[full("half")][2]
        assert said[full("lost")][1].startswith("0 certificates")
        assert steps(wrong)[full("after")] == [f"{one['name']} done" for one in wrong.document()["hosts"][-2]["steps"]]
        assert journey.lab.dump() == state


def test_reconcile_makes_the_whole_round(tmp_path: Path) -> None:
    served = CertificateSpec("www.example.com", state="overdue", endpoint="www.example.com:443")
    hosts = HostSpec(full("six"), "v6", certificates=(served,)), HostSpec(full("seven"), "v7", certificates=(OVERDUE,))
    for journey in begin(tmp_path, hosts, FaultRule("connections_disagree"), FaultRule("start_mode_manual")):
        where = journey.lab.hosts[full("six")]
        endpoint = f'"{where.listening.address}:{where.tls_port}"'
        declare(
            journey,
            "service: {state: running, start_mode: automatic, config: {port: 9696}}\n"
            "connections: [{name: (local), default: true, endpoint: service}]\n",
        )
        (journey.folder / "fleet" / "state" / "six.yaml").write_text(
            f"version: 1\nname: six\napplies_to: {{hosts: [{full('six')}]}}\n"
            f"renewals: {{served: [{{endpoint: {endpoint}, sni: www.example.com, certificate: www.example.com}}]}}\n",
            "utf-8",
        )
        roots = journey.folder / "roots.pem"
        roots.write_bytes(journey.lab.roots_pem)
        settings = journey.folder / "fleet" / "certify-automation.yaml"
        settings.write_text(f"{settings.read_text('utf-8')}\ntrust: {{ca_file: {roots}}}\n", "utf-8")
        shows_only(journey, "reconcile")
        done = follow(journey, "reconcile")
        assert (done.code, set(changed(done))) == (ExitCode.DONE, {full("six"), full("seven")}), done.out
        assert last(done, full("six"))["message"] == "1 endpoint as expected"
        assert [requested_in_all(journey, full(name)) for name in ("six", "seven")] == [
            ["www.example.com"],
            ["a.example.com"],
        ]
        again = follow(journey, "reconcile")
        assert (again.code, changed(again)) == (ExitCode.DONE, {})
