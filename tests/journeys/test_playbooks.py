"""The playbooks that ship, over fleets in the states that they are for: every cause is ended, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start
from .locks import holds_the_lock
from .renewing import product, requested, requested_in_all
from .test_run import playbook, steps

PROGRAM = [sys.executable, "-m", "certify_automation"]
PATIENCE = 60
NOTHING = "version: 1\nname: site\napplies_to: all\n"
OVERDUE = CertificateSpec("a.example.com", state="overdue")
YOUNG = CertificateSpec("z.example.org", authority="zerossl.com")

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
OPTIONS: Mapping[str, Mapping[str, Any]] = {"endpoint_pinned": {"url": "http://127.0.0.1:9797"}}
LEAST = {"what is wrong", "the API answers", "nothing of it is left"}


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))


def full(name: str) -> str:
    return f"{name}.lab.example"


def begin(folder: Path, hosts: tuple[HostSpec, ...], *faults: FaultRule) -> Iterator[Journey]:
    """A fleet for which nothing is declared."""
    for journey in start(folder, LabOptions(hosts, FaultRules(faults), pace=lab.Pace(tasks=0.02))):
        declare(journey, "")
        yield journey


def sick(folder: Path, causes: Mapping[str, tuple[str, str]], *well: HostSpec) -> Iterator[Journey]:
    """A host a cause, and others that are well."""
    hosts = tuple(HostSpec(full(name), kind) for name, (kind, _) in causes.items())
    faults = (FaultRule(fault, (full(name),), OPTIONS.get(fault, {})) for name, (_, fault) in causes.items())
    yield from begin(folder, (*hosts, *well), *faults)


def declare(journey: Journey, text: str) -> None:
    for file in (journey.folder / "fleet" / "state").iterdir():
        file.unlink()
    (journey.folder / "fleet" / "state" / "site.yaml").write_text(NOTHING + text, "utf-8")


def follow(journey: Journey, *arguments: str) -> Ran:
    return journey.run("run", *arguments, "--yes", "--json")


def changed(done: Ran) -> dict[str, list[str]]:
    """Host -> the names of its steps that changed something; only hosts that were changed."""
    ends = {
        host: [one.removesuffix(" changed") for one in found if one.endswith(" changed")]
        for host, found in steps(done).items()
    }
    return {host: names for host, names in ends.items() if names}


def last(done: Ran, host: str) -> dict[str, Any]:
    """The last step of a host."""
    found: dict[str, Any] = next(one for one in done.document()["hosts"] if one["host"] == host)["steps"][-1]
    return found


def acts_no_more(journey: Journey, *arguments: str) -> None:
    """The same playbook once more finds nothing to do, and does nothing."""
    before = journey.lab.dump()
    again = follow(journey, *arguments)
    assert (again.code, changed(again), journey.lab.dump() == before) == (ExitCode.DONE, {}, True), again.err


def shows_only(journey: Journey, *arguments: str) -> None:
    """A dry run that finds something to do, and does nothing."""
    journey.run("doctor")  # the first question to the API makes the folder in which its tasks are kept
    before = journey.lab.dump()
    shown = journey.run("run", *arguments, "--dry-run", "--json")
    assert (shown.code, bool(changed(shown))) == (ExitCode.DRIFT, True), shown.out
    assert journey.lab.dump() == before
    assert not list((journey.folder / "state").glob("playbooks/*"))


def files(journey: Journey, host: str, name: str) -> Any:
    """The content of the one file of this name on a host."""
    walked = journey.lab.hosts[host].computer.files.walk()
    (content,) = (
        content for path, content in walked.items() if path.casefold().endswith(f"\\{name}") and content is not None
    )
    return json.loads(content.decode("utf-8-sig"))


def finds(journey: Journey, *hosts: str) -> dict[str, list[str]]:
    """Host -> ids of what doctor finds there; hosts with nothing are left out."""
    document = journey.run("doctor", *hosts, "--json").document()
    found = {host["host"]: [one["id"] for one in host["findings"]] for host in document["hosts"]}
    return {host: ids for host, ids in found.items() if ids}


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


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Journey]:
    """A host of version 6 and one of version 7; both have a certificate that is overdue."""
    hosts = tuple(
        HostSpec(full(name), kind, certificates=(OVERDUE, YOUNG)) for name, kind in (("six", "v6"), ("seven", "v7"))
    )
    taken = FaultRule("port_taken", (full("six"),), {"port": 9800})
    yield from begin(tmp_path, hosts, taken)


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


def test_what_is_overdue_is_requested_once_and_counted(two: Journey) -> None:
    shows_only(two, "renew-overdue")
    done = follow(two, "renew-overdue")
    assert (done.code, set(changed(done))) == (ExitCode.DONE, {full("six"), full("seven")}), done.out
    again = follow(two, "renew-overdue")
    assert (again.code, changed(again)) == (ExitCode.DONE, {})
    assert [requested(two, host) for host in two.lab.hosts] == [[["a.example.com"]]] * 2
    assert (
        len(list((two.folder / "state" / "runs").glob("*.jsonl"))) == 2
    )  # one a batch, for the limits of all later runs


def test_certificates_of_one_issuer_are_ordered_again_and_a_run_that_ended_does_not_go_on(two: Journey) -> None:
    asked = ("reissue-from-issuer", "-e", "issuer=zerossl.com", "--limit", full("six"))
    shows_only(two, *asked)
    done = follow(two, *asked)
    assert (done.code, requested(two, full("six"))) == (ExitCode.DONE, [["z.example.org"]]), done.out
    resumed = follow(two, "--resume", done.document()["run_id"])
    assert (resumed.code, "CA3230" in resumed.err) == (ExitCode.CONFIGURATION_ERROR, True)
    none = follow(two, "reissue-from-issuer", "-e", "issuer=unknown.example", "--limit", full("six"))
    assert (none.code, changed(none)) == (ExitCode.DONE, {})
    assert [requested(two, host) for host in two.lab.hosts] == [[["z.example.org"]], []]


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


def test_where_a_step_fails_a_host_has_back_what_it_had_and_the_canary_keeps_the_rest_from_it(two: Journey) -> None:
    own = (Path(__file__).parents[2] / "playbooks" / "change-port.yaml").read_text("utf-8")
    body = own[own.index("parameters:") : own.index("  - name: the API answers")]
    said = "message: 'now {{ facts.configured.port }}'"
    fails = f"  - {{assert: {{that: [facts.configured.port == 9696], {said}}}, on_failure: rollback}}\n"
    playbook(two, body + fails, "change-port")
    before = files(two, full("six"), "serviceconfig.json"), files(two, full("six"), "servers.json")
    done = follow(two, "change-port", "-e", "port=9700")
    assert (done.code, done.document()["stopped"], list(steps(done))) == (
        ExitCode.HOSTS_FAILED,
        "canary",
        [full("six")],
    )
    end = last(done, full("six"))
    assert (end["message"].split(" (")[0], len(end["taken_back"]), end["rollback"]["status"]) == (
        "now 9700",
        1,
        "changed",
    )
    assert (files(two, full("six"), "serviceconfig.json"), files(two, full("six"), "servers.json")) == before
    assert finds(two, full("six")) == {}


def test_a_condition_that_has_no_value_on_a_host_fails_there_with_its_words(tmp_path: Path) -> None:
    hosts = HostSpec(full("none"), "v6"), HostSpec(full("six"), "v6")
    for journey in begin(tmp_path, hosts, FaultRule("not_installed", (full("none"),))):
        playbook(journey, "targets: all\nsteps: [{when: facts.product.major > 5, doctor: }]\n", "newer")
        done = follow(journey, "newer")
        error = last(done, full("none"))["report"]["error"]
        assert (done.code, error["id"]) == (ExitCode.HOSTS_FAILED, "CA1620")
        assert "`facts.product.major > 5` cannot be evaluated" in error["message"]
        assert steps(done)[full("six")] == ["doctor done"]
        playbook(journey, f"targets: [{full('six')}]\nsteps: [{{doctor: }}]\n", "six")
        outside = follow(journey, "six", "--limit", full("none"))
        assert (outside.code, full("none") in outside.err) == (ExitCode.CONFIGURATION_ERROR, True)
        nobody = follow(journey, "six", "--limit", "nobody")
        assert (nobody.code, "CA1310" in nobody.err) == (ExitCode.CONFIGURATION_ERROR, True)


def killed_once_asked(journey: Journey, host: str) -> None:
    """A run of renew-overdue that is killed as soon as this host has been asked for a certificate."""
    command = [*PROGRAM, "run", "renew-overdue", "--yes", *journey.flags]
    until = time.monotonic() + PATIENCE
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        while not requested(journey, host):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
        process.communicate()
    while holds_the_lock(journey.lab.hosts[host]):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_run_that_is_killed_goes_on_in_one_process_and_requests_nothing_twice(tmp_path: Path) -> None:
    names = [full(f"host{number}") for number in range(1, 5)]
    hosts = tuple(
        HostSpec(name, "v7" if number % 2 else "v6", certificates=(OVERDUE, YOUNG)) for number, name in enumerate(names)
    )
    for journey in begin(tmp_path, hosts):
        order = list(journey.lab.hosts)
        third = journey.lab.hosts[order[2]]
        product(journey, order[2]).conditions.attempt_seconds = 600
        killed_once_asked(journey, order[2])
        third.computer.clock.advance(1200)
        run_id = next((journey.folder / "state" / "playbooks").glob("*.jsonl")).stem
        command = [*PROGRAM, "run", "--resume", run_id, "--yes", "--json", *journey.flags]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603
        ended = [(*process.communicate(), process.returncode) for process in both]
        gone_on = [one for one in ended if one[2] == ExitCode.DONE]
        assert len(gone_on) == 1, ended
        other = next(one for one in ended if one is not gone_on[0])
        assert "CA3216" in other[1] or "CA3230" in other[1]
        assert [requested_in_all(journey, name) for name in order] == [["a.example.com"]] * len(order)
