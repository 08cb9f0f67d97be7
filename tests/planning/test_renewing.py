"""What follows a run: what is sent, what the answer means, and what it never undoes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from certify_automation.errors import HostError, OutcomeUnknown, ProtocolError, Unreachable
from certify_automation.model.host import ApiAccess, Endpoint
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode, Outcome, Result
from certify_automation.model.plan import Difference, ObserveRequest, Origin, Plan
from certify_automation.model.renewal import AfterCommit, CertificateRenew, Held, Hold, PreferenceSet
from certify_automation.onhost import Script
from certify_automation.remote.renew import waiting
from certify_automation.remote.session import Deadlines
from certify_automation.renewing import Renewing, carry_on, renew_host
from certify_automation.report import host_json, host_lines, plain_text, recap_line, renewals_line
from planning.situations import RUN
from planning.tables import table

REQUEST = ObserveRequest(Endpoint("127.0.0.2", 9696), (9696,))
PREFERENCE = PreferenceSet("renewalIntervalDays", 75, 60)


def renewal(name: str) -> CertificateRenew:
    return CertificateRenew(
        f"id-{name}",
        name,
        (name,),
        "letsencrypt.org",
        staging=False,
        reason="it is due",
        attempted_utc_ms=1,
        thumbprint="AB",
    )


def planned(*changes: AfterCommit) -> Plan:
    return Plan("web01", RUN, REQUEST, origin=Origin("ann@ctl01"), after_commit=changes)


class Host:
    """A Session whose host answers a Renew as it is told to, and keeps what it was sent."""

    def __init__(self, answer: Mapping[str, Any] | HostError | None = None) -> None:
        self.answer = answer
        self.sent: list[Mapping[str, Any]] = []

    def run(self, script: Script, parameters: Mapping[str, Any], *, acts: bool) -> Mapping[str, object]:
        assert (script.name, acts) == ("Renew", True)
        self.sent.append(parameters)
        if isinstance(self.answer, HostError):
            raise self.answer
        done = {"status": "done", "failure": None} if parameters["preferences"] else None
        renewals = [answered(one["id"], "renewed") for one in parameters["renewals"]]
        usual = {"refusal": None, "preferences": done, "renewals": renewals, "facts": None}
        return {"contract": 1, "run_id": parameters["run_id"], **usual, **(self.answer or {})}


def answered(certificate: str, found: Any) -> dict[str, Any]:
    part = {"status": found} if isinstance(found, str) else found
    return {"id": certificate, "message": None, "thumbprint": None, "attempted_utc_ms": None, **part}


def answer_of(case: Mapping[str, Any]) -> tuple[Plan, Host]:
    """The plan of a case of the table, and the host that answers to it."""
    answer = dict(case["answer"])
    names = list(answer.get("renewals", {}))
    if "preferences" in answer:
        answer["preferences"] = {"failure": None, **answer["preferences"]}
    answer["renewals"] = [answered(f"id-{name}", answer["renewals"][name]) for name in names]
    preferences = (PREFERENCE,) if "preferences" in answer else ()
    return planned(*preferences, *map(renewal, names)), Host(answer)


@table("renewed")
def test_what_an_answer_means(case: Any) -> None:
    plan, host = answer_of(case)
    report = renew_host(plan, host, Renewing(wait_seconds=case.get("wait_seconds", 600)))
    expect = case["expect"]
    assert report.status == expect["status"], report.error
    assert (report.error.id if report.error else None) == expect.get("error")
    assert int(report.exit_code) == expect["exit_code"]
    said = f"{report.error.message} {report.error.hint}" if report.error else ""
    for words in expect.get("says", []):
        assert words in said
    assert report.error is None or report.error.hint


def test_what_is_sent_is_what_was_planned_once() -> None:
    host = Host()
    renew_host(planned(PREFERENCE, renewal("www")), host, Renewing(ApiAccess.CALLER, 30, 5))
    (sent,) = host.sent
    assert sent == {
        "run_id": RUN,
        "origin": {"by": "ann@ctl01", "commit": None, "rolls_back": None},
        "observe": REQUEST.to_json(),
        "certificates": {"access": "caller", "tls": False},
        "preferences": [{"name": "renewalIntervalDays", "before": 75, "after": 60}],
        "renewals": [{"id": "id-www", "attempted_utc_ms": 1, "thumbprint": "AB"}],
        "start_seconds": 5,
        "wait_seconds": 30,
    }


def test_nothing_to_follow_is_no_visit() -> None:
    host = Host()
    assert renew_host(planned(), host, Renewing()).status is HostStatus.OK
    assert carry_on(HostReport("web01", HostStatus.NOT_RUN), host, Renewing()).status is HostStatus.NOT_RUN
    assert host.sent == []


APPLIED = Outcome(RUN, Result.APPLIED)


@pytest.mark.parametrize("result", [Result.ROLLED_BACK, Result.REFUSED, Result.ROLLBACK_FAILED])
def test_what_follows_a_run_is_left_when_the_run_did_not_succeed(result: Result) -> None:
    host, plan = Host(), planned(renewal("www"))
    report = HostReport.of_outcome(plan, Outcome(RUN, result))
    assert carry_on(report, host, Renewing()) == report
    assert host.sent == []


def test_what_follows_a_run_is_left_when_the_host_is_still_not_as_declared() -> None:
    host, plan = Host(), planned(renewal("www"))
    report = HostReport.of_outcome(plan, APPLIED, (Difference("service.state", "running", "stopped"),))
    assert carry_on(report, host, Renewing()) == report
    assert host.sent == []


def test_a_renewal_that_fails_takes_nothing_back() -> None:
    plan, host = answer_of({"answer": {"preferences": {"status": "done"}, "renewals": {"a": "failed", "b": "renewed"}}})
    before = HostReport.of_outcome(plan, APPLIED)
    report = carry_on(before, host, Renewing())
    assert (report.status, report.exit_code) == (HostStatus.FAILED, ExitCode.HOSTS_FAILED)
    assert report.outcome == before.outcome
    assert "changed=2" in plain_text(recap_line(report, 5))


def test_without_an_answer_nobody_knows_and_nothing_is_repeated() -> None:
    host = Host(OutcomeUnknown("CA2030", "connection lost", hint="x"))
    report = carry_on(HostReport.of_outcome(planned(renewal("www")), APPLIED), host, Renewing())
    assert (report.status, report.exit_code) == (HostStatus.UNKNOWN, ExitCode.HOSTS_FAILED)
    assert report.error is not None
    assert "renewal of www" in report.error.message
    assert "nothing of it is requested again" in report.error.message
    assert (len(host.sent), report.outcome) == (1, APPLIED)


def test_a_host_that_cannot_be_reached_was_asked_for_nothing() -> None:
    report = renew_host(planned(renewal("www")), Host(Unreachable("CA2001", "no answer")), Renewing())
    assert (report.status, report.renewed) == (HostStatus.UNREACHABLE, None)


def test_an_answer_that_is_none_of_the_contract() -> None:
    report = renew_host(planned(renewal("www")), Host({"renewals": [{"id": "x"}]}), Renewing())
    assert isinstance(report.error, ProtocolError)


def test_a_visit_that_waits_has_the_time_for_it() -> None:
    usual = Deadlines()
    assert waiting(usual, 600).on_host(waiting(usual, 600).visit(acts=True), acts=True) == 600 + usual.read
    assert waiting(usual, 1).act >= usual.act


def test_what_waits_for_a_limit_is_refused() -> None:
    held = Held("id", "www", Hold.GUARD, "letsencrypt.org: no more than 50 in 7 days", 1)
    report = HostReport.of_plan(replace(planned(), held=(held,)))
    assert (report.status, report.exit_code) == (HostStatus.OK, ExitCode.REFUSED)
    other = HostReport.of_plan(replace(planned(), held=(replace(held, hold=Hold.PAUSED),)))
    assert other.exit_code is ExitCode.DONE


def test_a_recap_says_what_was_not_compared_and_what_was_held_back() -> None:
    unjudged = replace(planned(), differences=(Difference("renewals", "in effect", None),))
    report = HostReport.of_plan(unjudged)
    assert (report.status, report.exit_code) == (HostStatus.OK, ExitCode.DRIFT)
    assert plain_text(recap_line(report, 5)).endswith("ok, not everything compared")
    held = Held("id", "www", Hold.GUARD, "letsencrypt.org: no more than 50 in 7 days")
    report = HostReport.of_plan(replace(planned(), held=(held,)))
    assert plain_text(recap_line(report, 5)).endswith("ok, 1 renewal held back")


def lines(report: HostReport) -> list[str]:
    return [plain_text(line) for line in host_lines(report)]


def test_a_plan_says_what_follows_and_what_waits_by_reason() -> None:
    paused = [Held(f"id-{n}", f"p{n}", Hold.PAUSED, "it waits for somebody") for n in range(7)]
    plan = replace(
        planned(PREFERENCE, renewal("www")), held=(*paused, Held("id", "api", Hold.FAILED, "its last attempt failed"))
    )
    assert lines(HostReport.of_plan(plan)) == [
        "web01  to change",
        "    set the preference renewal_interval to 60 (renewal)",
        "    renew www: it is due (renewal)",
        "  waits 7 certificates (p0, p1, p2, p3, p4 and 2 more): it waits for somebody",
        "  waits api: its last attempt failed",
    ]


def test_a_report_says_what_became_of_each() -> None:
    plan, host = answer_of(
        {"answer": {"preferences": {"status": "done"}, "renewals": {"a": {"status": "failed", "message": "no\nTXT"}}}}
    )
    report = renew_host(plan, host, Renewing())
    assert lines(report)[-5:-2] == [
        "    preferences: done",
        "    a: failed: no TXT",
        "  CA4121: could not be renewed: a (no TXT)",
    ]
    document = host_json(report)
    assert [change["kind"] for change in document["changes"]] == ["preference.set", "certificate.renew"]  # type: ignore[attr-defined]
    assert {change["reversal"] for change in document["changes"]} == {"after_commit"}  # type: ignore[attr-defined]
    assert document["renewed"]["renewals"][0]["message"] == "no\nTXT"  # type: ignore[index]


def test_many_renewals_for_one_reason_are_one_line() -> None:
    report = HostReport.of_plan(planned(PREFERENCE, *(renewal(f"www{number}") for number in range(7))))
    lines = [plain_text(line) for line in host_lines(report)]
    assert lines[2:] == ["    renew 7 certificates (www0, www1, www2, www3, www4 and 2 more): it is due (renewal)"]
    few = HostReport.of_plan(planned(*(renewal(f"www{number}") for number in range(5))))
    assert len([line for line in host_lines(few) if "renew www" in plain_text(line)]) == 5
    assert len(host_json(report)["changes"]) == 8  # type: ignore[arg-type]


def test_the_renewals_of_a_run_are_counted_by_what_became_of_them() -> None:
    plan, host = (
        planned(renewal("a"), renewal("b")),
        Host({"renewals": [answered("id-a", "renewed"), answered("id-b", "not_started")]}),
    )
    waits = replace(planned(), held=(Held("id-c", "c", Hold.PAUSED, "it waits"),))
    lost = HostReport.of_error("web02", OutcomeUnknown("CA2030", "x"), planned(renewal("d")))
    reports = [renew_host(plan, host, Renewing()), HostReport.of_plan(waits), lost]
    never = HostReport.of_error("web03", Unreachable("CA2001", "x"), planned(renewal("e")))
    assert renewals_line([*reports, never]) == (
        "certificates: 1 renewed, 1 not started, 1 unknown, 1 not requested, 1 waiting"
    )
    assert renewals_line([HostReport.of_plan(planned(renewal("a")))]) == "certificates: 1 to request"
    assert renewals_line([HostReport("web01", HostStatus.NOT_RUN), HostReport.of_plan(planned())]) == ""
