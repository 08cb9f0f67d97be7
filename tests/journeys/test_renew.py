"""`renew` on real sockets: what is due is chosen, counted, requested once, waited for, and told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start
from .renewing import chosen, held, product, renewals, requested, requested_in_all

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
OVERDUE = CertificateSpec("a.example.com", state="overdue")
OTHER = CertificateSpec("b.example.org", state="overdue")
PAUSED = CertificateSpec("bücher.example.com", identifiers=("xn--bcher-kva.example.com",), state="paused")
YOUNG = CertificateSpec("young.example.com")
MANAGED = (OVERDUE, OTHER, CertificateSpec("dns.example.net", state="failing_dns"), PAUSED, YOUNG)
BY_NAME = {"a.example.com", "b.example.org", "dns.example.net"}


def two(
    legacy: tuple[CertificateSpec, ...] = MANAGED, modern: tuple[CertificateSpec, ...] = (OVERDUE,)
) -> tuple[HostSpec, ...]:
    return HostSpec(LEGACY, "v6", certificates=legacy), HostSpec(MODERN, "v7", certificates=modern)


def begin(tmp_path: Path, hosts: tuple[HostSpec, ...], *faults: FaultRule) -> Iterator[Journey]:
    yield from start(tmp_path, LabOptions(hosts, FaultRules(faults), pace=lab.Pace(tasks=0.02)))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[Journey]:
    """A host of version 6 and one of version 7, nothing declared for their certificates."""
    yield from begin(tmp_path, two())


def declare(journey: Journey, policy: str) -> None:
    text = f"version: 1\nname: renewals\napplies_to: all\nrenewals: {policy}\n"
    (journey.folder / "fleet" / "state" / "renewals.yaml").write_text(text, "utf-8")


def limit(journey: Journey, limits: str) -> None:
    settings = journey.folder / "fleet" / "certify-automation.yaml"
    settings.write_text(f"{settings.read_text('utf-8')}\nca_limits: {limits}\n", "utf-8")


def error_ids(done: Ran) -> dict[str, str | None]:
    return {host["host"]: host["error"] and host["error"]["id"] for host in done.document()["hosts"]}


def test_a_dry_run_shows_everything_and_does_nothing(managed: Journey) -> None:
    managed.run("renew", "--dry-run")  # which makes the folder of this program there
    before = managed.lab.dump()
    done = managed.run("renew", "--dry-run", "--json")
    assert done.code == ExitCode.DRIFT, done.err
    assert set(chosen(done, LEGACY)) == BY_NAME
    assert held(done, LEGACY) == {"bücher.example.com": "paused"}
    assert (done.document()["kind"], done.document()["run_id"]) == ("renew", None)
    assert managed.lab.dump() == before
    assert not (managed.folder / "state").exists()
    assert "certificates: 4 to request, 1 waiting" in managed.run("renew", "--dry-run").out


def test_every_end_is_told_apart_and_a_second_run_requests_nothing(managed: Journey) -> None:
    done = managed.run("renew", "--yes", "--wait", "--json")
    assert done.code == ExitCode.HOSTS_FAILED, done.err
    assert renewals(done) == {
        LEGACY: {"a.example.com": "renewed", "b.example.org": "renewed", "dns.example.net": "failed"},
        MODERN: {"a.example.com": "renewed"},
    }
    assert error_ids(done) == {LEGACY: "CA4121", MODERN: None}
    again = managed.run("renew", "--yes", "--json")
    assert (again.code, again.document()["run_id"]) == (ExitCode.DONE, None)
    assert held(again, LEGACY) == {"dns.example.net": "back_off", "bücher.example.com": "paused"}
    assert [len(requested(managed, host)) for host in (LEGACY, MODERN)] == [1, 1]
    assert "no certificate is to be requested" in managed.run("renew", "--yes", "-l", MODERN).out


def test_without_wait_it_is_requested_and_nobody_waits(managed: Journey) -> None:
    product(managed, LEGACY).conditions.attempt_seconds = 3600
    done = managed.run("renew", "--yes", "--json", "-l", LEGACY)
    assert done.code == ExitCode.DONE, done.err
    assert set(renewals(done)[LEGACY].values()) == {"requested"}
    again = managed.run("renew", "--yes", "--json", "-l", LEGACY)
    assert again.code == ExitCode.DONE
    found = held(again, LEGACY)
    assert {found.pop(name) for name in BY_NAME} == {"running"}
    assert sorted(requested_in_all(managed, LEGACY)) == sorted(BY_NAME)


def test_one_that_is_not_due_is_requested_when_it_is_asked_for(managed: Journey) -> None:
    done = managed.run("renew", "--force", "--max", "1", "--domain", "young.*", "--yes", "--wait", "--json")
    assert (done.code, renewals(done)) == (ExitCode.DONE, {LEGACY: {"young.example.com": "renewed"}})
    paused = managed.run("renew", "--force", "--max", "1", "--domain", "xn--*", "--yes", "--json")
    assert (paused.code, held(paused, LEGACY)) == (ExitCode.DONE, {"bücher.example.com": "paused"})
    assert requested(managed, LEGACY) == [["young.example.com"]]


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("typed", "code", "count"), [("n", ExitCode.CONFIGURATION_ERROR, 0), ("y", ExitCode.DONE, 1)])
def test_a_person_is_asked(typed: str, code: ExitCode, count: int, managed: Journey) -> None:
    ours, theirs = os.openpty()
    os.write(ours, f"{typed}\n".encode())
    command = [sys.executable, "-m", "certify_automation", "renew", "-l", MODERN, *managed.flags]
    with os.fdopen(theirs) as terminal:
        done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    os.close(ours)
    assert (done.returncode, len(requested(managed, MODERN))) == (code, count), done.stderr
    assert "Have these certificates requested on 1 host?" in done.stderr
    assert "renew a.example.com" in done.stdout
    assert (managed.folder / "state").exists() == bool(count)


def test_no_more_than_max_in_all_and_no_host_takes_them_all(managed: Journey) -> None:
    done = managed.run("renew", "--max", "2", "--yes", "--wait", "--json")
    assert done.code == ExitCode.DONE, done.err
    assert {host: list(found.values()) for host, found in renewals(done).items()} == {
        LEGACY: ["renewed"],
        MODERN: ["renewed"],
    }
    assert list(held(done, LEGACY).values()).count("max_per_run") == 2


def test_what_a_limit_holds_back_is_told_before_anybody_is_asked(managed: Journey) -> None:
    limit(managed, "{letsencrypt.org: {certificates_per_registered_domain: 1}}")
    shown = managed.run("renew", "--dry-run", "--json")
    assert shown.code == ExitCode.REFUSED
    assert [list(held(shown, host).values()).count("guard") for host in (LEGACY, MODERN)] == [0, 1]
    done = managed.run("renew", "--domain", "a.example.com", "--yes", "--wait", "--json")
    assert (done.code, held(done, MODERN)) == (ExitCode.REFUSED, {"a.example.com": "guard"})
    waits = done.document()["hosts"][1]["held"][0]
    assert waits["until_utc_ms"] > 0
    assert "not before" in waits["text"]
    told = managed.run("renew", "--domain", "a.example.com", "--yes")
    assert (told.code, told.out.count("no more than 1 certificates for example.com")) == (ExitCode.REFUSED, 1)
    assert (requested(managed, LEGACY), requested(managed, MODERN)) == ([["a.example.com"]], [])


def test_the_declared_policy_decides_and_its_window_holds_back(managed: Journey) -> None:
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[
        (managed.lab.hosts[LEGACY].computer.clock.now().weekday() + 2) % 7
    ]
    window = f"{{days: [{day}], start: '03:00', duration: 1h, timezone: UTC}}"
    declare(managed, f"{{percent: 10, include: [young.*], window: {window}}}")
    closed = managed.run("renew", "--dry-run", "--json", "-l", LEGACY)
    assert (closed.code, held(closed, LEGACY)) == (ExitCode.REFUSED, {"young.example.com": "window"})
    done = managed.run("renew", "--outside-window", "--yes", "--wait", "--json", "-l", LEGACY)
    assert (done.code, renewals(done)) == (ExitCode.DONE, {LEGACY: {"young.example.com": "renewed"}})


def test_what_is_still_under_way_when_the_time_is_over_is_said_and_not_repeated(managed: Journey) -> None:
    product(managed, MODERN).conditions.attempt_seconds = 900
    done = managed.run("renew", "--yes", "--wait", "30s", "--json", "-l", MODERN)
    assert (done.code, error_ids(done)) == (ExitCode.HOSTS_FAILED, {MODERN: "CA4123"})
    assert renewals(done) == {MODERN: {"a.example.com": "running"}}
    assert held(managed.run("renew", "--yes", "--json", "-l", MODERN), MODERN) == {"a.example.com": "running"}
    assert requested(managed, MODERN) == [["a.example.com"]]


def test_an_authority_that_refuses_is_a_failure_with_its_words(tmp_path: Path) -> None:
    limited = CertificateSpec("l.example.com", state="failing_rate_limited")
    for journey in begin(tmp_path, two((limited,), ())):
        done = journey.run("renew", "--yes", "--wait", "--json", "-l", LEGACY)
        assert (done.code, renewals(done)) == (ExitCode.HOSTS_FAILED, {LEGACY: {"l.example.com": "failed"}})
        assert "too many certificates" in done.document()["hosts"][0]["error"]["message"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("api_html", "CA3079"),
        ("api_500_stack_trace", "CA3078"),
        ("api_refused", "CA3077"),
        ("task_forbidden", "CA3080"),
        ("service_stopped", "CA3076"),
    ],
)
def test_a_host_whose_api_does_not_say_what_there_is_stops_no_other(fault: str, error: str, tmp_path: Path) -> None:
    for journey in begin(tmp_path, two(), FaultRule(fault, (LEGACY,))):
        done = journey.run("renew", "--yes", "--wait", "--json")
        assert (done.code, error_ids(done)) == (ExitCode.HOSTS_FAILED, {LEGACY: error, MODERN: None})
        assert renewals(done) == {MODERN: {"a.example.com": "renewed"}}
        assert "hunter2" not in done.out + done.err
        assert journey.run("renew", "--dry-run", "-l", LEGACY).code == ExitCode.HOSTS_FAILED


@pytest.mark.parametrize("effect", [3, 9])
def test_a_connection_that_is_lost_may_have_requested_and_is_not_repeated(effect: int, tmp_path: Path) -> None:
    fault = FaultRule("killed_during", (MODERN,), {"effect": effect, "point": "after"})
    for journey in begin(tmp_path, two(()), fault):
        product(journey, MODERN).conditions.attempt_seconds = 3600
        done = journey.run("renew", "--yes", "--wait", "--json", "-l", MODERN)
        assert (done.code, done.document()["hosts"][0]["status"]) == (ExitCode.HOSTS_FAILED, "unknown")
        again = journey.run("renew", "--yes", "--wait", "--json", "-l", MODERN)
        assert (again.code, held(again, MODERN)) == (ExitCode.DONE, {"a.example.com": "running"})
        assert len(requested(journey, MODERN)) <= 1


def stalled(journey: Journey) -> None:
    """So much time has passed that it shows."""
    for host in journey.lab.hosts.values():
        host.computer.clock.advance(2 * 3600)


def test_a_service_that_has_stopped_renewing_is_restarted_only_when_that_is_asked_for(tmp_path: Path) -> None:
    for journey in begin(tmp_path, two(), FaultRule("renewal_stuck", (LEGACY,))):
        stalled(journey)
        refused = journey.run("renew", "--yes", "--json", "-l", LEGACY)
        assert (refused.code, error_ids(refused)) == (ExitCode.REFUSED, {LEGACY: "CA3083"})
        assert "--restart-stalled" in refused.document()["hosts"][0]["error"]["hint"]
        assert {held(refused, LEGACY)[name] for name in BY_NAME} == {"stalled"}
        assert requested(journey, LEGACY) == []
        done = journey.run("renew", "--yes", "--wait", "--restart-stalled", "--json", "-l", LEGACY)
        (host,) = done.document()["hosts"]
        assert [step["kind"] for step in host["outcome"]["steps"]] == ["service.restart"]
        assert renewals(done)[LEGACY]["a.example.com"] == "renewed"
        assert (done.code, requested(journey, LEGACY)) == (ExitCode.HOSTS_FAILED, [host_names(host)])


def host_names(host: dict[str, list[dict[str, str]]]) -> list[str]:
    return [change["name"] for change in host["changes"] if change["kind"] == "certificate.renew"]


def test_a_host_with_a_run_without_an_end_is_left_alone(tmp_path: Path) -> None:
    faults = FaultRule("service_stopped", (MODERN,)), FaultRule("killed_during", (MODERN,), {"effect": 5})
    for journey in begin(tmp_path, two(), *faults):
        assert journey.run("apply", "--yes", "-l", MODERN).code == ExitCode.HOSTS_FAILED
        done = journey.run("renew", "--yes", "--json")
        assert (done.code, error_ids(done)) == (ExitCode.LOCK_HELD, {LEGACY: None, MODERN: "CA4102"})
        assert not [asked for asked in product(journey, MODERN).requests if asked.path.endswith("/autorenew")]
