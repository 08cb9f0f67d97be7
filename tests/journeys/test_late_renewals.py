"""Renewals whose window has closed between the plan and the turn of their host, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, start
from .renewing import held, items, renewals, requested, requested_in_all

LEGACY, MODERN = "host001.lab.example", "host002.lab.example"
HOSTS = (LEGACY, MODERN)
OVERDUE = CertificateSpec("a.example.com", state="overdue")


@pytest.fixture
def due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    monkeypatch.setenv("CERTIFY_AUTOMATION_STATE", str(tmp_path / "state"))
    hosts = (HostSpec(LEGACY, "v6", certificates=(OVERDUE,)), HostSpec(MODERN, "v7", certificates=(OVERDUE,)))
    yield from start(tmp_path, LabOptions(hosts, pace=lab.Pace(tasks=0.02)))


def declare(journey: Journey, days: str) -> None:
    """A window that is open all day long on these days, and a preference that the hosts do not have."""
    window = f"{{days: {days}, start: 00:00, duration: 24h, timezone: UTC}}"
    text = "version: 1\nname: late\napplies_to: all\npreferences: {certificate_cleanup_mode: full_cleanup}\n"
    (journey.folder / "fleet" / "state" / "late.yaml").write_text(f"{text}renewals: {{window: {window}}}\n", "utf-8")


def in_three_days() -> str:
    return f"[{(datetime.now(UTC) + timedelta(days=3)):%a}]".lower()


def test_what_a_saved_plan_would_renew_waits_for_the_window_and_the_rest_is_done(due: Journey) -> None:
    plan = str(due.folder / "due.plan.json")
    declare(due, "daily")
    assert due.run("plan", "-o", plan).code == ExitCode.DRIFT
    declare(due, in_three_days())
    done = due.run("apply", plan, "--json")
    assert done.code == ExitCode.REFUSED, done.err
    for host in HOSTS:
        assert held(done, host) == {"a.example.com": "window"}
        assert requested(due, host) == []
    assert renewals(done) == {LEGACY: {}, MODERN: {}}
    assert {host["renewed"]["preferences"] for host in done.document()["hosts"]} == {"done"}
    assert "it was not requested in time, the window of the policy opens on" in done.out
    assert due.run("plan").code == ExitCode.DONE
    later = due.run("renew", "--outside-window", "--yes", "--wait", "--json")
    assert later.code == ExitCode.DONE, later.err
    assert [requested_in_all(due, host) for host in HOSTS] == [["a.example.com"]] * 2


def test_a_saved_plan_is_carried_out_while_the_window_is_open(due: Journey) -> None:
    plan = str(due.folder / "due.plan.json")
    declare(due, "daily")
    due.run("plan", "-o", plan)
    done = due.run("apply", plan, "--json")
    assert (done.code, renewals(done)) == (ExitCode.DONE, {host: {"a.example.com": "renewed"} for host in HOSTS})
    assert all(items(due, host)["a.example.com"]["RenewalFailureCount"] == 0 for host in HOSTS)
