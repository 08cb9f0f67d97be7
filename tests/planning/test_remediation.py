from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from certify_automation.diff import differences
from certify_automation.doctor import catalogue, diagnose
from certify_automation.model.change import FileWrite, IpListenAdd, ServiceStop
from certify_automation.model.finding import Repair, Severity
from certify_automation.model.host import HostState
from certify_automation.model.impact import Impact
from certify_automation.model.service import ServiceState
from certify_automation.plan import PlanOptions
from certify_automation.remediation import Allowed, remedied, remedy_plan
from certify_automation.remediation.mending import REMEDIES
from certify_automation.report import change_text
from planning.computer import EVERYWHERE, Computer
from planning.declared import host_state
from planning.remedies import examined, facts_after, findings, options, remedy_of
from planning.situations import RUN, computer
from planning.tables import table
from planning.test_convergence import COMPUTERS, running

NAME = "web01.example.com"


@table("remediation")
def test_findings_become_changes(case: Any) -> None:
    remedy, expect = remedy_of(case), case["expect"]
    plan = remedy_plan(NAME, remedy, examined(case), options(case))
    assert [change_text(change) for change in plan.changes] == expect.get("changes", [])
    assert [refusal.id for refusal in plan.refusals] == expect.get("refusals", [])
    if "health" in expect:
        assert (plan.health and plan.health.url) == expect["health"]
    assert {finding.id for finding, _ in remedy.left} == expect.get("left", {}).keys()
    for finding, reason in remedy.left:
        assert expect["left"][finding.id] in reason
    told = [finding.id for finding in remedy.mended] + [finding.id for finding, _ in remedy.left]
    asked = [finding.id for finding in findings(case) if finding.severity is not Severity.HINT]
    assert sorted(told) == sorted(asked) if "only" not in case else set(told) <= set(asked)
    for name, texts in expect.get("files", {}).items():
        written = {c.file.value: (c.after or b"").decode() for c in plan.changes if isinstance(c, FileWrite)}
        for text in texts:
            assert text in written[name]


@table("remediation")
def test_a_remedy_that_was_carried_out_is_no_difference_any_more(case: Any) -> None:
    remedy, made = remedy_of(case), computer(case)
    if any(name in case for name in ("facts", "data_files", "unreadable")):
        return  # what the computer cannot do, it cannot have done
    for change in remedy_plan(NAME, remedy, examined(case), options(case)).changes:
        made.apply(change)
    if not remedy_plan(NAME, remedy, examined(case), options(case)).refusals:
        assert differences(remedy.state, facts_after(made, case)) == ()


def test_every_finding_of_the_catalogue_that_no_person_has_to_end_has_a_remedy() -> None:
    assert set(REMEDIES) == {entry.id for entry in catalogue().values() if entry.repair is not Repair.PERSON}


DECLARED = st.sampled_from(
    [
        HostState(),
        host_state({"config": {"Host": "127.0.0.3", "Port": 9700}, "kestrel_endpoint": "leave"}),
        host_state({"service": {"state": "stopped", "start_mode": "disabled"}, "http_01": False}),
        host_state({"ip_listen": {"exactly": ["10.0.0.5"]}, "driver": {"start_mode": "disabled"}}),
        host_state({"config": {"Host": "127.0.0.1", "EnableAutoPortNegotiation": True}}),
    ]
)
FOUND = st.lists(
    st.builds(
        lambda finding_id, subject: {"id": finding_id, "subject": subject},
        st.sampled_from(sorted(catalogue())),
        st.sampled_from(["", "http://127.0.0.2:9696/", "http://+:80/x/"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(COMPUTERS.map(running), DECLARED, FOUND, st.booleans())
def test_nothing_dangerous_is_ever_planned(
    made: Computer, state: HostState, found: list[dict[str, str]], may: bool
) -> None:
    facts = facts_after(made, {})
    remedy = remedied(findings({"findings": found}), facts, state, Allowed())
    plan = remedy_plan(NAME, remedy, facts, PlanOptions(RUN, allow_lockout=may, allow_data=may))
    assert plan.confirm_seconds is None
    for change in plan.changes:
        assert change.impact is not Impact.LOCKOUT
        assert not isinstance(change, ServiceStop)
        assert not change.kind.startswith("data_store.")
        if isinstance(change, IpListenAdd):
            assert not change.first
            assert change.address not in EVERYWHERE
    assert remedy.state.driver.state in {None, ServiceState.RUNNING}
    assert (remedy.state.data_backup, remedy.state.data_store_id) == (None, None)


@settings(max_examples=300, deadline=None)
@given(COMPUTERS.map(running), DECLARED, FOUND)
def test_what_a_remedy_did_it_does_not_do_again(made: Computer, state: HostState, found: list[dict[str, str]]) -> None:
    remedy = remedied(findings({"findings": found}), facts_after(made, {}), state, Allowed(lockout=True))
    given_options = PlanOptions(RUN, allow_lockout=True)
    plan = remedy_plan(NAME, remedy, facts_after(made, {}), given_options)
    for change in plan.changes:
        made.apply(change)
    if not plan.refusals:
        assert differences(remedy.state, facts_after(made, {})) == ()
        again = remedy_plan(NAME, replace(remedy, restart=False), facts_after(made, {}), given_options)
        assert again.changes == ()


@settings(max_examples=300, deadline=None)
@given(COMPUTERS.map(running), st.booleans())
def test_what_was_mended_is_found_no_more_and_nothing_new(made: Computer, lockout: bool) -> None:
    found = diagnose(facts_after(made, {}))
    remedy = remedied(found, facts_after(made, {}), HostState(), Allowed(lockout=lockout))
    plan = remedy_plan(NAME, remedy, facts_after(made, {}), PlanOptions(RUN, allow_lockout=lockout))
    assert plan.refusals == ()
    listened = made.bound is not None
    for change in plan.changes:
        made.apply(change)
    again = {finding.id for finding in diagnose(facts_after(made, {}))}
    assert again.isdisjoint(finding.id for finding in remedy.mended)
    assert again <= {finding.id for finding in found}
    assert made.bound is not None or not listened
