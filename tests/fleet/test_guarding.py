"""What a run may request of certification authorities, and what is recorded of it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from planning.situations import observed

from certify_automation.cli.console import make_console
from certify_automation.errors import HostError, OutcomeUnknown, Unreachable
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.rollout import ABANDONED
from certify_automation.fleet.runs import Ledger
from certify_automation.guard.limits import read_limits
from certify_automation.model.change import ServiceStartMode
from certify_automation.model.host import Endpoint
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, Outcome, Result
from certify_automation.model.plan import Difference, ObserveRequest, Origin, Plan
from certify_automation.model.renewal import (
    CertificateRenew,
    Hold,
    PreferenceSet,
    RenewalResult,
    RenewalStatus,
    Renewed,
    Window,
)
from certify_automation.model.service import StartMode

RUN = "0123456789abcdef0123456789abcdef"
REQUEST = ObserveRequest(Endpoint("127.0.0.2", 9696), (9696,))
CHANGE = ServiceStartMode("Certify.Service", StartMode.MANUAL, StartMode.AUTOMATIC)


def guard(folder: Path, limit: int | None = 2) -> Guard:
    """One for which an authority issues so many certificates for a registered domain in a week."""
    console = make_console()
    return Guard(
        Ledger(folder / "state"),
        read_limits({"letsencrypt.org": {"certificates_per_registered_domain": limit}}),
        console.say,
        console.error,
        selection=("web*",),
    )


def renewal(name: str) -> CertificateRenew:
    return CertificateRenew(
        name, name, (name,), "letsencrypt.org", staging=False, reason="due", attempted_utc_ms=1, thumbprint="AB"
    )


CLOSED = Window(frozenset(), 0, 60, "UTC")


def plan_of(report: HostReport) -> Plan:
    assert report.plan is not None
    return report.plan


def planned(host: str, *names: str, run: str = RUN, changes: bool = False) -> HostReport:
    plan = Plan(
        host,
        run,
        REQUEST,
        changes=(CHANGE,) if changes else (),
        origin=Origin("ann@ctl01"),
        after_commit=tuple(renewal(name) for name in names),
    )
    return HostReport.of_plan(plan)


def requested(report: HostReport) -> list[str]:
    return (
        [change.id for change in report.plan.after_commit if isinstance(change, CertificateRenew)]
        if report.plan
        else []
    )


def counted(folder: Path) -> int:
    return len(Ledger(folder / "state").past(0))


def test_what_a_limit_holds_back_is_listed_with_its_time(tmp_path: Path) -> None:
    names = ("a.example.com", "b.example.com", "c.example.com")
    (report,) = guard(tmp_path).reserve("apply", [planned("web01", *names)])
    assert requested(report) == ["a.example.com", "b.example.com"]
    assert report.plan is not None
    (held,) = report.plan.held_back
    assert (held.id, held.hold) == ("c.example.com", Hold.GUARD)
    assert held.until_utc_ms is not None
    assert held.until_utc_ms > time.time_ns() // 1_000_000
    assert "not before" in held.text
    assert (report.status, report.exit_code) == (HostStatus.CHANGED, ExitCode.REFUSED)


def test_no_host_takes_all_there_is(tmp_path: Path) -> None:
    reports = [planned(f"web0{n}", f"a{n}.example.com", f"b{n}.example.com") for n in (1, 2)]
    assert list(map(requested, guard(tmp_path).reserve("apply", reports))) == [["a1.example.com"], ["a2.example.com"]]


def test_an_authority_is_asked_by_no_more_hosts_at_once_than_its_limits_say(tmp_path: Path) -> None:
    made = guard(tmp_path)
    made.reserve("apply", [planned("web01", "a.example.com"), planned("web02", changes=True)])
    assert made.pace.takes == {"web01": frozenset({"letsencrypt.org"})}
    assert made.pace.places == {"letsencrypt.org": made.limits.concurrency("letsencrypt.org", staging=False)}


def test_a_preview_shows_what_waits_and_records_nothing(tmp_path: Path) -> None:
    made = guard(tmp_path)
    reports = [planned("web01", "a.example.com", "b.example.com"), planned("web02", "c.example.com")]
    assert list(map(requested, made.preview(reports))) == [["a.example.com"], ["c.example.com"]]
    assert list(map(requested, made.preview(reports))) == [["a.example.com"], ["c.example.com"]]
    assert not (tmp_path / "state").exists()


def test_no_more_than_max_are_requested_and_the_others_belong_to_the_run(tmp_path: Path) -> None:
    made = guard(tmp_path)
    reports = [planned("web01", "a.example.com", "b.example.com"), planned("web02", "c.example.com")]
    capped = made.cap(reports, 2)
    assert list(map(requested, capped)) == [["a.example.com"], ["c.example.com"]]
    assert capped[0].plan is not None
    assert [(held.id, held.hold) for held in capped[0].plan.held] == [("b.example.com", Hold.MAX_PER_RUN)]
    assert made.cap(capped, None) == capped
    made.reserve("renew", capped)
    made.end()
    assert made.left == 3
    assert [one.id for one in Ledger(tmp_path / "state").run(RUN).remaining] == [
        "a.example.com",
        "c.example.com",
        "b.example.com",
    ]


@pytest.mark.parametrize(("hosts", "ends"), [((), (1, 3)), (("web00", "web01", "web02", "web03"), (3,))])
def test_waves_are_those_of_the_whole_run(hosts: tuple[str, ...], ends: tuple[int, ...], tmp_path: Path) -> None:
    made = guard(tmp_path, None)
    made.waves, made.hosts = "1,100%", hosts
    made.reserve("renew", [planned(f"web0{number}", f"{number}.example.com") for number in (1, 2, 3)])
    assert made.pace.waves == ends


def test_what_another_run_may_have_requested_is_being_worked_on(tmp_path: Path) -> None:
    first = guard(tmp_path)
    (about_to,) = first.reserve("renew", [planned("web01", "a.example.com")])
    assert first.asking(plan_of(about_to), None) == about_to.plan
    (report,) = guard(tmp_path).reserve("apply", [planned("web01", "a.example.com", run="f" * 32)])
    assert report.plan is not None
    assert [held.hold for held in report.plan.held] == [Hold.RUNNING]
    assert (report.status, report.exit_code) == (HostStatus.OK, ExitCode.DONE)


def around(seconds: int, ahead_seconds: int = 0) -> Window:
    """One of an hour that has been open for so many seconds, on a clock that is so much ahead of this one."""
    start = datetime.now(UTC) + timedelta(seconds=ahead_seconds - seconds)
    minute = start.hour * 60 + start.minute
    return Window(frozenset(range(7)), minute, 3600, "UTC")


def test_what_another_run_is_about_to_request_waits_for_that_run(tmp_path: Path) -> None:
    guard(tmp_path).reserve("renew", [planned("web01", "a.example.com")])
    (report,) = guard(tmp_path).reserve("renew", [planned("web01", "a.example.com", run="f" * 32)])
    (held,) = plan_of(report).held
    assert (held.hold, f"renew --resume {RUN}" in held.text) == (Hold.OTHER_RUN, True)


def test_the_run_is_named_before_anything_is_requested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guard(tmp_path, 0).reserve("renew", [planned("web01", "a.example.com")])
    assert RUN not in capsys.readouterr().err
    guard(tmp_path).reserve("renew", [planned("web01", "a.example.com", run="f" * 32)])
    assert f"`renew --resume {'f' * 32}`" in capsys.readouterr().err
    guard(tmp_path).reserve("apply", [planned("web02", "b.example.com", run="e" * 32)])
    assert capsys.readouterr().err == f"run {'e' * 32}\n"


def test_what_is_late_for_its_window_waits_and_counts_no_longer(tmp_path: Path) -> None:
    made = guard(tmp_path)
    preference = PreferenceSet("enableStatusReporting", before=True, after=False)
    (report,) = made.reserve("renew", [planned("web01", "a.example.com", changes=True)])
    plan = replace(plan_of(report), after_commit=(preference, *plan_of(report).after_commit))
    kept = made.asking(plan, CLOSED)
    assert (kept.after_commit, kept.changes) == ((preference,), plan.changes)
    assert [(held.id, held.hold, held.until_utc_ms) for held in kept.held] == [("a.example.com", Hold.WINDOW, None)]
    made.settle(replace(report, plan=kept, renewed=Renewed(RUN, preferences="done")))
    made.end()
    assert (counted(tmp_path), made.left) == (0, 1)
    assert [one.id for one in Ledger(tmp_path / "state").run(RUN).remaining] == ["a.example.com"]


@pytest.mark.parametrize(
    ("ahead", "window", "outside", "asks"),
    [
        (0, around(600), False, True),
        (0, around(7200), False, False),
        (0, around(7200), True, True),
        (7200, around(600), False, False),
        (7200, around(600, 7200), False, True),
    ],
    ids=["open", "closed", "whether it is open does not matter", "closed there", "open there"],
)
def test_a_window_is_by_the_clock_of_the_host(
    ahead: int, window: Window, outside: bool, asks: bool, tmp_path: Path
) -> None:
    made = guard(tmp_path)
    made.outside_window = outside
    facts = observed({})
    clock = time.time_ns() // 1_000_000 + ahead * 1000
    made.watching("web01")(replace(facts, host=replace(facts.host, clock_utc_ms=clock)))
    (report,) = made.reserve("renew", [planned("web01", "a.example.com")])
    assert bool(made.asking(plan_of(report), window).after_commit) is asks


def test_a_host_that_is_not_waited_for_any_longer_is_asked_for_nothing(tmp_path: Path) -> None:
    made = guard(tmp_path)
    (report,) = made.reserve("renew", [planned("web01", "a.example.com")])
    made.settle(HostReport("web01", HostStatus.UNKNOWN, error=OutcomeUnknown(ABANDONED, "x")))
    assert made.asking(plan_of(report), None).after_commit == ()


def test_a_host_of_which_everything_waits_has_nothing_to_do(tmp_path: Path) -> None:
    (report,) = guard(tmp_path, 0).reserve("apply", [planned("web01", "a.example.com")])
    assert (report.status, report.exit_code) == (HostStatus.OK, ExitCode.REFUSED)


def test_changes_and_preferences_are_never_held_back(tmp_path: Path) -> None:
    report = planned("web01", "a.example.com", changes=True)
    assert report.plan is not None
    preference = PreferenceSet("enableStatusReporting", before=True, after=False)
    plan = Plan(
        "web01", RUN, REQUEST, changes=report.plan.changes, after_commit=(preference, *report.plan.after_commit)
    )
    (found,) = guard(tmp_path, 0).reserve("apply", [HostReport.of_plan(plan)])
    assert found.plan is not None
    assert (found.plan.changes, found.plan.after_commit) == (report.plan.changes, (preference,))


def test_what_one_run_requested_counts_for_the_next(tmp_path: Path) -> None:
    first = guard(tmp_path)
    first.reserve("apply", [planned("web01", "a.example.com", "b.example.com")])
    (report,) = guard(tmp_path).reserve("apply", [planned("web02", "c.example.com", run="f" * 32)])
    assert requested(report) == []


def test_without_renewals_nothing_is_kept(tmp_path: Path) -> None:
    made = guard(tmp_path)
    assert made.reserve("apply", [planned("web01", changes=True)])[0].plan is not None
    made.settle(planned("web01", changes=True))
    made.end()
    assert not (tmp_path / "state").exists()


def ended(status: HostStatus, error: HostError | None = None, **other: object) -> HostReport:
    plan = planned("web01", "a.example.com").plan
    return HostReport("web01", status, plan, error=error, **other)  # type: ignore[arg-type]


APPLIED, ROLLED_BACK = Outcome(RUN, Result.APPLIED), Outcome(RUN, Result.ROLLED_BACK)
FAILED = HostError("CA4011", "x")
UNKNOWN = OutcomeUnknown("CA2030", "x")
CHANGED_PLAN = planned("web01", "a.example.com", changes=True).plan


def result(status: RenewalStatus) -> Renewed:
    return Renewed(RUN, renewals=(RenewalResult("a.example.com", status),))


@pytest.mark.parametrize(
    ("report", "counts"),
    [
        (ended(HostStatus.CHANGED, renewed=result(RenewalStatus.RENEWED)), True),
        (ended(HostStatus.FAILED, FAILED, renewed=result(RenewalStatus.FAILED)), True),
        (ended(HostStatus.FAILED, FAILED, renewed=result(RenewalStatus.RUNNING)), True),
        (ended(HostStatus.LOCKED, FAILED, renewed=result(RenewalStatus.NOT_RUN)), False),
        (ended(HostStatus.STALE, FAILED, renewed=result(RenewalStatus.MOVED)), False),
        (HostReport("web01", HostStatus.NOT_RUN), False),
        (ended(HostStatus.UNREACHABLE, Unreachable("CA2001", "x")), False),
        (ended(HostStatus.UNKNOWN, UNKNOWN), True),
        (ended(HostStatus.UNKNOWN, UNKNOWN, outcome=APPLIED), True),
        (ended(HostStatus.FAILED, FAILED), True),
        (ended(HostStatus.ROLLED_BACK, FAILED, outcome=ROLLED_BACK), False),
        (ended(HostStatus.FAILED, FAILED, outcome=APPLIED, remaining=(Difference("a", 1, 2),)), False),
        (HostReport("web01", HostStatus.UNKNOWN, CHANGED_PLAN, error=UNKNOWN), False),
        (HostReport("web01", HostStatus.UNKNOWN, error=OutcomeUnknown(ABANDONED, "x")), True),
    ],
    ids=[
        "renewed",
        "failed",
        "under way",
        "refused by the host",
        "moved",
        "not begun",
        "not reached",
        "no answer",
        "no answer after the changes",
        "an answer nobody understands",
        "put back",
        "not as declared",
        "no answer to the changes",
        "abandoned",
    ],
)
def test_what_was_surely_not_requested_counts_no_longer(report: HostReport, counts: bool, tmp_path: Path) -> None:
    made = guard(tmp_path)
    made.reserve("apply", [planned("web01", "a.example.com")])
    assert counted(tmp_path) == 1
    made.settle(report)
    made.end()
    assert counted(tmp_path) == int(counts)


def test_a_record_that_cannot_be_written_is_said_and_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = guard(tmp_path)
    made.reserve("apply", [planned("web01", "a.example.com")])
    record = next((tmp_path / "state" / "runs").glob("*.jsonl"))
    record.unlink()
    record.mkdir()
    made.settle(ended(HostStatus.CHANGED, renewed=result(RenewalStatus.RENEWED)))
    assert "CA3210" in capsys.readouterr().err
