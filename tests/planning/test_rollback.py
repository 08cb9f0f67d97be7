"""Runs taken back: what comes back, what somebody else has changed since, and records that cannot be trusted."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from certify_automation.errors import PlanRefused
from certify_automation.model.change import DataDirectoryAcl, FileWrite
from certify_automation.model.facts import Facts
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import ExitCode
from certify_automation.model.plan import Plan
from certify_automation.model.runs import Records, RunFiles, RunSummary
from certify_automation.plan import PlanOptions, make_plan
from certify_automation.report import change_text
from certify_automation.rollback import as_planned, asked_for, changes_of, run_meant, run_text, take_back
from planning.computer import Computer
from planning.declared import host_state
from planning.observing import checked, facts
from planning.situations import computer, edit
from planning.tables import table

HOST = "web01.example.com"


@dataclass
class Recorded:
    """A computer that keeps the records of its runs."""

    computer: Computer
    runs: list[RunFiles] = field(default_factory=list)
    visited_address: str | None = None

    def facts(self) -> Facts:
        return checked(self.computer.facts_json())

    def carry_out(self, plan: Plan) -> None:
        assert plan.changes, [refusal.message for refusal in plan.refusals]
        text = json.dumps(plan.to_json())
        kept = {c.file.value: c.before for c in plan.changes if isinstance(c, FileWrite) and c.before is not None}
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.runs.append(RunFiles(plan.run_id, text, digest, '{"result": "applied"}', dict(kept)))
        for change in plan.changes:
            self.computer.apply(change)

    def options(self) -> PlanOptions:
        return PlanOptions(f"{len(self.runs):032x}", allow_lockout=True, visited_address=self.visited_address)

    def apply(self, declared: dict[str, Any]) -> None:
        self.carry_out(make_plan(HOST, host_state(declared), self.facts(), self.options()))

    def rollback(self, number: int = -1) -> Plan:
        run, facts = self.runs[number], self.facts()
        taken = take_back(run.run_id, changes_of(run), facts)
        return as_planned(make_plan(HOST, taken.state, facts, self.options()), taken)


def made(case: dict[str, Any]) -> Recorded:
    """The computer of a case after its steps."""
    host = Recorded(computer(case), visited_address=case.get("visited_address"))
    for step in case["steps"]:
        ((what, how),) = step.items()
        if what == "apply":
            host.apply(how)
        elif what == "edit":
            edit(host.computer, how)
        else:
            host.carry_out(host.rollback(how))
    return host


def found_again(left: Computer) -> object:
    """Everything but where the service listens: it has not noticed what others did to its files."""
    left.bound = None
    return left.managed()


@table("rollback")
def test_rollback(case: Any) -> None:
    before, host = computer(case), made(case)
    left = copy.deepcopy(host.computer)
    plan = host.rollback(case.get("run", -1))
    found: dict[str, Any] = {
        "differences": {d.path: [d.observed, d.declared] for d in plan.differences},
        "conflicts": {d.path: [d.observed, d.declared] for d in plan.conflicts},
        "notes": [d.note for d in plan.conflicts],
        "changes": [change_text(change) for change in plan.changes],
        "access_lists": [change.after for change in plan.changes if isinstance(change, DataDirectoryAcl)],
        "refusals": [refusal.id for refusal in plan.refusals],
        "exit": int(HostReport.of_plan(plan).exit_code),
        "confirm_seconds": plan.confirm_seconds,
    }
    for name, value in {"conflicts": {}, "refusals": [], **case["expect"]}.items():
        if name != "as_before":
            assert (list(found[name]) if name == "conflicts" and isinstance(value, list) else found[name]) == value, (
                name
            )
    if not plan.changes:
        return
    host.carry_out(plan)
    if case["expect"].get("as_before"):
        assert host.computer.managed() == before.managed()
    taken_back = host.rollback()
    assert taken_back.conflicts == ()
    host.carry_out(taken_back)
    assert found_again(host.computer) == found_again(left)


def test_taking_back_once_more_finds_everything_as_before() -> None:
    host = Recorded(computer({}))
    host.apply({"config": {"LogLevel": "debug"}, "service": {"start_mode": "manual"}})
    host.carry_out(host.rollback())
    again = host.rollback(0)
    assert (again.changes, again.differences, again.conflicts, again.refusals) == ((), (), (), ())
    assert HostReport.of_plan(again).exit_code is ExitCode.DONE


EVERYTHING: dict[str, Any] = {
    "config": {"Port": 9700},
    "recovery": {
        "reset_seconds": 60,
        "actions": [{"action": "restart", "delay_ms": 5000}],
        "on_stop_with_error": False,
    },
    "url_reservations": [{"url": "http://+:8080/", "sddl": "D:(A;;GX;;;SY)"}],
    "api_exposure": {"block": True},
    "data_directory_restricted": True,
}


@pytest.mark.parametrize(
    ("path", "value", "conflict", "note"),
    [
        ("files.serviceconfig.error", "sharing violation", "files.serviceconfig", "it cannot be read"),
        ("files.serviceconfig", None, "files.serviceconfig", "where it lies is not known"),
        ("files.serviceconfig.path", "D:\\serviceconfig.json", "files.serviceconfig", "is now D:"),
        ("product.data_dir", "D:\\certify", "security.data_directory_acl", "is now D:"),
        ("product.data_dir", None, "security.data_directory_acl", "is now not known"),
        ("data_acl.sddl", "D:(XA;;FA;;;SY)", "security.data_directory_acl", "changed since"),
        ("firewall_rules", None, "security.api_exposure.block", "changed since"),
        ("product.services.0.failure_actions", "AAAA", "service.recovery", "changed since"),
        ("url_reservations.1.descriptor", "AAAA", "http_sys.url_reservations[http://+:8080/]", "changed since"),
    ],
)
def test_what_cannot_be_read_or_lies_elsewhere_now(path: str, value: Any, conflict: str, note: str) -> None:
    host = Recorded(computer({"before": {"acl": "D:AI(A;OICI;FA;;;SY)(A;OICI;FR;;;BU)"}}))
    host.apply(EVERYTHING)
    (run,), document = host.runs, host.computer.facts_json()
    assert len(take_back(run.run_id, changes_of(run), host.facts()).conflicts) == 0
    part, *parts = document, *path.split(".")
    for name in parts[:-1]:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[parts[-1]] = value
    taken = take_back(run.run_id, changes_of(run), facts(document))
    ((found, said),) = ((one.path, one.note) for one in taken.conflicts)
    assert found == conflict
    assert note in said


def recorded() -> RunFiles:
    host = Recorded(computer({}))
    host.apply({"config": {"Port": 9700}, "connections": [{"name": "spare", "Port": 9700}]})
    return host.runs[0]


def altered(run: RunFiles, **change: Any) -> RunFiles:
    """The record of a run with something else in its first change, and a digest that says so."""
    plan = json.loads(run.plan or "")
    plan["changes"][0].update(change)
    text = json.dumps(plan)
    return replace(run, plan=text, plan_sha256=hashlib.sha256(text.encode()).hexdigest())


@pytest.mark.parametrize(
    ("error_id", "run"),
    [
        ("CA3042", replace(recorded(), plan=None)),
        ("CA3042", replace(recorded(), plan=(recorded().plan or "") + " ")),
        ("CA3042", replace(recorded(), plan_sha256=None)),
        ("CA3042", replace(recorded(), outcome=None)),
        ("CA3042", replace(recorded(), outcome='{"result')),
        ("CA3042", replace(recorded(), outcome="[]")),
        ("CA3043", altered(recorded(), kind="service.rename")),
        ("CA3043", altered(recorded(), kind="service.start_mode")),
        ("CA3043", altered(recorded(), content="%%%")),
        ("CA3043", altered(recorded(), after_sha256="0" * 64)),
        ("CA3043", replace(recorded(), plan="[]", plan_sha256=hashlib.sha256(b"[]").hexdigest())),
        ("CA3043", replace(recorded(), plan="{}", plan_sha256=hashlib.sha256(b"{}").hexdigest())),
        (
            "CA3043",
            replace(recorded(), plan='{"changes": [1]}', plan_sha256=hashlib.sha256(b'{"changes": [1]}').hexdigest()),
        ),
        ("CA3044", replace(recorded(), before={})),
        ("CA3044", replace(recorded(), before={**recorded().before, "servers": None})),
        ("CA3044", replace(recorded(), before={**recorded().before, "serviceconfig": b"{}"})),
        ("CA3045", replace(recorded(), outcome='{"result": "rolled_back"}')),
        ("CA3045", replace(recorded(), outcome='{"result": "rollback_failed"}')),
    ],
)
def test_a_record_that_nothing_is_taken_back_by(error_id: str, run: RunFiles) -> None:
    with pytest.raises(PlanRefused) as refused:
        changes_of(run)
    assert refused.value.id == error_id
    assert run.run_id in refused.value.message
    assert refused.value.hint


def test_a_run_that_changed_no_field() -> None:
    host = Recorded(computer({"before": {"state": "Stopped", "driver_state": "Stopped"}}))
    host.apply({"driver": {"state": "running"}})
    with pytest.raises(PlanRefused, match=r"driver\.start"):
        host.rollback()


RUNS = tuple(
    RunSummary(run, result, 1_767_322_800_000, "ann@ctl01", commit, back)
    for run, result, commit, back in (
        ("ab" * 16, "applied", "c0ffee" * 7, "cd" * 16),
        ("abababab" + "0" * 24, "rolled_back", None, None),
        ("cd" * 16, "applied", None, None),
    )
)


def test_the_run_that_is_meant() -> None:
    last = Records(RUNS, replace(recorded(), run_id="ab" * 16))
    assert run_meant(last, "ab" * 16) == "ab" * 16
    assert run_meant(Records(RUNS[2:], replace(recorded(), run_id="cd" * 16)), None) == "cd" * 16
    assert run_meant(last, "cdcdcdcd") == "cd" * 16
    assert run_meant(replace(last, run=replace(recorded(), run_id="ef" * 16)), "ef" * 16) == "ef" * 16
    assert [asked_for(one) for one in (None, "cdcdcdcd", "cd" * 16)] == ["last", "last", "cd" * 16]


@pytest.mark.parametrize(
    ("wanted", "records", "error_id", "says"),
    [
        ("abababab", Records(RUNS, None), "CA3041", "abababab" + "0" * 24),
        ("12345678", Records(RUNS, None), "CA3040", "2026-01-02 03:00:00 UTC (the host's clock) by ann@ctl01"),
        ("ef" * 16, Records(RUNS, None), "CA3040", "abababab" + "0" * 24),
        (None, Records((), None), "CA3040", "no record of any run"),
        (None, Records(RUNS, replace(recorded(), run_id="ab" * 16)), "CA3049", f"--run {'ab' * 16}"),
    ],
)
def test_a_run_that_is_not_there(wanted: str | None, records: Records, error_id: str, says: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        run_meant(records, wanted)
    assert refused.value.id == error_id
    assert says in refused.value.hint


def test_the_runs_that_are_there_are_told_a_line_each() -> None:
    with pytest.raises(PlanRefused) as refused:
        run_meant(Records(RUNS, None), "12345678")
    told = refused.value.hint.splitlines()
    assert told[1:] == [f"{run_text(one.run_id, one)}: {one.result}" for one in RUNS]


def test_a_run_in_words() -> None:
    assert run_text("ab" * 16, None) == f"run {'ab' * 16}"
    assert run_text("ab" * 16, RUNS[0]) == (
        f"run {'ab' * 16} of 2026-01-02 03:00:00 UTC (the host's clock) by ann@ctl01, "
        f"commit c0ffeec0ffee, a rollback of {'cd' * 16}"
    )
