"""A run that waits for its confirmation: who ends it, and what is said of it, whatever becomes of the way there."""

from __future__ import annotations

import threading

import pytest

from certify_automation.confirmation import Confirmation, Patience
from certify_automation.errors import AuthenticationRefused, HostError, NotTrusted
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import ExitCode
from certify_automation.model.plan import Plan
from certify_automation.reconcile import apply_plan
from planning.guarded_host import DEAF, LOST, OTHER, PLAN, RUN, GuardedHost


def carried_out(host: GuardedHost, confirmation: Confirmation | None = None) -> HostReport:
    return apply_plan(
        PLAN, host, None, confirmation or Confirmation(patience=Patience(pause=0.0005, longest_pause=0.0005))
    )


def said(report: HostReport) -> str:
    return f"{report.status}{f' {report.error.id}' if report.error else ''}"


def test_a_host_that_can_still_be_reached_is_confirmed_by_a_visit_of_its_own() -> None:
    host = GuardedHost()
    report = carried_out(host)
    assert (said(report), report.exit_code, host.said) == ("changed", ExitCode.DONE, ["apply", "confirm"])
    assert [run.run_id for run in report.recovered] == [OTHER]


def test_a_host_that_is_cut_off_puts_itself_back_and_says_so() -> None:
    host = GuardedHost(cut=True, patience=6)
    report = carried_out(host)
    assert (said(report), report.exit_code) == ("rolled_back CA4026", ExitCode.ROLLED_BACK)
    assert host.said == ["apply", *["confirm"] * 7]
    assert report.outcome is not None
    assert report.outcome.repeated


@pytest.mark.parametrize(("host", "notices"), [(GuardedHost(cut=True, patience=6), 1), (GuardedHost(), 0)])
def test_whoever_waits_is_told_once(host: GuardedHost, notices: int) -> None:
    said: list[str] = []
    carried_out(host, Confirmation(patience=Patience(pause=0.0005, longest_pause=0.0005), notice=said.append))
    assert len(said) == notices
    assert all("web01 does not answer after the change (CA2002: nothing listens)" in sentence for sentence in said)


def test_an_apply_of_which_nothing_was_heard_is_never_sent_again_and_yet_confirmed() -> None:
    host = GuardedHost(lost=frozenset({0}))
    assert said(carried_out(host)) == "changed"
    assert host.said == ["apply", "confirm"]


def test_an_apply_that_never_arrived() -> None:
    host = GuardedHost(trouble={0: LOST})
    report = carried_out(host, Confirmation(patience=Patience(start=0.02, pause=0.0005, longest_pause=0.0005)))
    assert (said(report), host.state) == ("failed CA4008", None)
    assert host.said.count("confirm") > 1


def test_an_apply_that_was_not_sent_is_not_confirmed() -> None:
    host = GuardedHost(trouble={0: DEAF})
    assert said(carried_out(host)) == "unreachable CA2002"
    assert host.said == ["apply"]


def test_an_apply_that_the_host_refused_is_not_confirmed() -> None:
    host = GuardedHost(locked=frozenset({0}))
    assert said(carried_out(host)) == "locked CA4001"
    assert host.said == ["apply"]


def test_a_confirmation_whose_answer_was_lost_is_asked_for_again() -> None:
    host = GuardedHost(lost=frozenset({1, 2}))
    report = carried_out(host)
    assert (said(report), host.said) == ("changed", ["apply", *["confirm"] * 3])
    assert report.outcome is not None
    assert report.outcome.repeated


def test_a_lock_that_is_held_for_a_while_is_waited_for() -> None:
    host = GuardedHost(locked=frozenset({1, 2, 3}))
    assert said(carried_out(host)) == "changed"
    assert host.said == ["apply", *["confirm"] * 4]


def test_a_host_that_never_comes_back_is_unknown_and_not_waited_for_without_end() -> None:
    host = GuardedHost(trouble=dict.fromkeys(range(1, 5000), DEAF))
    plan = Plan(PLAN.host, RUN, PLAN.observe, changes=PLAN.changes, confirm_seconds=0)
    report = apply_plan(plan, host, None, Confirmation(patience=Patience(back=0.05, pause=0.001, longest_pause=0.001)))
    assert (said(report), report.exit_code) == ("unknown CA4033", ExitCode.HOSTS_FAILED)
    assert report.error is not None
    assert "nothing listens" in report.error.message
    assert host.state == "awaiting"


@pytest.mark.parametrize(
    "error", [AuthenticationRefused("CA2010", "refused"), NotTrusted("CA2015", "another certificate")]
)
def test_a_refused_credential_is_not_tried_again(error: HostError) -> None:
    host = GuardedHost(trouble={1: error})
    report = carried_out(host)
    assert (said(report), host.said) == ("unknown CA4034", ["apply", "confirm"])
    assert report.error is not None
    assert error.id in report.error.message


class Person:
    """Somebody at the terminal who gives this answer."""

    def __init__(self, *, answer: bool) -> None:
        self.answer = answer
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, seconds: int) -> bool:
        self.asked.append((host, seconds))
        return self.answer


@pytest.mark.parametrize(
    ("answer", "word", "ended"), [(True, "confirm", "changed"), (False, "undo", "rolled_back CA4026")]
)
def test_where_a_visit_proves_nothing_a_person_confirms(answer: bool, word: str, ended: str) -> None:
    host, person = GuardedHost(), Person(answer=answer)
    assert said(carried_out(host, Confirmation(person))) == ended
    assert (person.asked, host.said) == ([("web01", 60)], ["apply", word])


def test_nobody_is_asked_to_confirm_what_nothing_was_heard_of() -> None:
    host, person = GuardedHost(lost=frozenset({0})), Person(answer=True)
    assert said(carried_out(host, Confirmation(person))) == "rolled_back CA4026"
    assert (person.asked, host.said) == ([], ["apply", "undo"])


def test_hosts_are_confirmed_side_by_side() -> None:
    """Each waits on its own: one that is cut off holds up nobody."""
    cut, fine = GuardedHost(cut=True, patience=20), GuardedHost()
    done: dict[str, str] = {}
    both = threading.Barrier(2)

    def work(name: str, host: GuardedHost) -> None:
        both.wait()
        done[name] = said(carried_out(host))

    threads = [threading.Thread(target=work, args=one) for one in (("cut", cut), ("fine", fine))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == {"cut": "rolled_back CA4026", "fine": "changed"}
