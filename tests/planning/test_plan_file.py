from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from certify_automation.errors import UsageError
from certify_automation.model.host import HostState
from certify_automation.model.plan import Origin, Plan
from certify_automation.model.plan_codec import plan_from_record, plan_to_record, record_digest
from certify_automation.plan import PlanOptions, make_plan
from certify_automation.plan_file import PlanFile, check_target, load, save
from planning.computer import Computer
from planning.situations import RUN, desired, observed, options
from planning.test_convergence import COMPUTERS, declarations, running

CASE: dict[str, Any] = {
    "before": {
        "driver_state": "Stopped",
        "driver_mode": "disabled",
        "listen": ["10.0.0.5"],
        "files": {"serviceconfig": '{"Port": 9697, "x": "ü"}', "servers": None},
        "reservations": {"http://127.0.0.2:9696/": "D:(A;;GX;;;WD)"},
    }
}


def plan() -> Plan:
    return make_plan("web01", desired(CASE), observed(CASE), options(CASE))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    save(path, PlanFile(1_767_322_800_000, (plan(),), "a" * 40))
    return path


def test_a_plan_comes_back_as_it_was_saved(saved: Path) -> None:
    file = load(saved)
    assert file == PlanFile(1_767_322_800_000, (plan(),), "a" * 40)
    assert file.plans[0].plan_id == plan().plan_id


def test_what_follows_a_run_comes_back_too(tmp_path: Path) -> None:
    case = {
        "declared": {"preferences": {"renewalIntervalDays": 60, "featureFlags": ["A"]}, "renewals": {}},
        "certificates": {
            "items": {
                "bücher": {"start": -80, "expiry": 10, "renewed": -80, "attempted": None},
                "p": {"status": 4, "start": -80, "expiry": 5},
            }
        },
    }
    planned = make_plan("web01", desired(case), observed(case), options(case))
    assert (len(planned.after_commit), len(planned.held)) == (3, 1)
    path = tmp_path / "plan.json"
    save(path, PlanFile(1, (planned,)))
    assert load(path).plans == (planned,)
    record = plan_to_record(planned)
    record["after_commit"] = []
    with pytest.raises(ValueError, match="plan_id"):
        plan_from_record(record)


def test_applying_again_is_another_run_of_the_same_plan(saved: Path) -> None:
    again = load(saved).plans[0].for_run("f" * 32, Origin("ann@ctl01"))
    assert (again.run_id, again.plan_id) == ("f" * 32, plan().plan_id)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps access lists, not modes")
def test_only_the_owner_may_read_it(saved: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    saved.chmod(0o644)
    save(saved, PlanFile(1, ()))
    assert saved.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in saved.parent.iterdir()] == ["plan.json"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda body: body.update(tool_version="0.0.1"), "CA5013"),
        (lambda body: body.update(schema_version=1), "CA5013"),
        (lambda body: body["plans"][0].update(host="db01"), "CA5014"),
        (lambda body: body["plans"][0]["changes"].pop(), "CA5014"),
        (lambda body: body.pop("digest"), "CA5014"),
        (lambda body: body.update(kind="shopping list"), "CA5012"),
        (lambda body: body.pop("kind"), "CA5012"),
    ],
)
def test_an_edited_file_is_refused(saved: Path, change: Any, error: str) -> None:
    body = json.loads(saved.read_text("utf-8"))
    change(body)
    saved.write_text(json.dumps(body), "utf-8")
    with pytest.raises(UsageError) as caught:
        load(saved)
    assert caught.value.id == error
    assert str(saved) in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["plans"][0].update(plan_id="0" * 64),
        lambda body: body["plans"][0]["changes"][0].update(kind="format.disk"),
        lambda body: body["plans"][0].pop("observe"),
        lambda body: body.update(plans=None),
    ],
)
def test_a_consistent_forgery_is_still_no_plan(saved: Path, change: Any) -> None:
    body = json.loads(saved.read_text("utf-8"))
    del body["digest"]
    change(body)
    saved.write_text(json.dumps({**body, "digest": record_digest(body)}), "utf-8")
    with pytest.raises(UsageError) as caught:
        load(saved)
    assert caught.value.id == "CA5012"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_plan_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.id == "CA5012"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "plan.json")
    assert caught.value.id == "CA5011"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        save(tmp_path / "no" / "plan.json", PlanFile(1, ()))
    assert caught.value.id == "CA5010"


@settings(deadline=None)
@given(COMPUTERS.map(running), declarations())
def test_every_plan_survives_its_record(computer: Computer, state: HostState) -> None:
    made = make_plan("host", state, computer.facts(), PlanOptions(RUN))
    assert plan_from_record(json.loads(json.dumps(plan_to_record(made)))) == made


@pytest.mark.skipif(os.name == "nt", reason="devices and pipes are elsewhere on Windows")
def test_a_device_or_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target in (pipe, Path(os.devnull), tmp_path):
        with pytest.raises(UsageError) as caught:
            save(target, PlanFile(1, ()))
        assert caught.value.id == "CA5010"
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["no-folder/plan.json", "file/plan.json"])
def test_where_no_plan_can_be_saved_is_said_beforehand(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        check_target(tmp_path / name)
    assert caught.value.id == "CA5010"


def test_where_one_can_be_saved_nothing_is_written_beforehand(tmp_path: Path) -> None:
    check_target(tmp_path / "plan.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps access lists, not modes")
def test_a_file_that_everybody_may_write_to_is_not_believed(saved: Path) -> None:
    saved.chmod(0o646)
    with pytest.raises(UsageError) as caught:
        load(saved)
    assert caught.value.id == "CA5015"
    saved.chmod(0o664)
    assert load(saved).plans
