"""Records of playbooks: what a run that was cut off has done, and with what it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify_automation.errors import Locked, UsageError
from certify_automation.fleet.playbook_records import (
    PlaybookRecords,
    PlaybookStart,
    Progress,
    RecordedPlaybook,
    check_resumable,
)
from certify_automation.fleet.playbook_results import StepResult, StepStatus

NOW = 1_800_000_000_000
RUN, OTHER = "1" * 32, "2" * 32
FIRST, SECOND = "a" * 32, "b" * 32
START = PlaybookStart(RUN, "reconcile", "d" * 64, {"port": "9700"}, "ann@ctl01", "abc", ("web01", "web02"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def begun(folder: Path, start: PlaybookStart = START) -> PlaybookRecords:
    records = PlaybookRecords(folder)
    records.begin(start, NOW)
    return records


def ended(step: int, status: StepStatus, requested: int = 0) -> StepResult:
    return StepResult("web01", step, status, requested=requested)


def read(folder: Path) -> RecordedPlaybook:
    return PlaybookRecords(folder).run(RUN[:8])


def path(folder: Path) -> Path:
    return folder / "playbooks" / f"{RUN}.jsonl"


def test_a_run_is_read_as_it_was_recorded(folder: Path) -> None:
    records = begun(folder)
    records.begun(RUN, 0, ["web01", "web02"], FIRST, NOW)
    records.step_ended(RUN, ended(0, StepStatus.CHANGED, 3), Progress(1, (FIRST,)), NOW)
    records.begun(RUN, 1, ["web01"], SECOND, NOW)
    records.step_ended(RUN, ended(1, StepStatus.FAILED), Progress(1, (FIRST,), SECOND), NOW)
    records.ended(RUN, NOW)
    found = read(folder)
    assert (found.start, found.ended, found.requested) == (START, True, {0: 3, 1: 0})
    assert found.hosts == {"web01": Progress(1, (FIRST, SECOND), SECOND), "web02": Progress(0, (FIRST,), FIRST)}
    assert found.left(1) == ("web02",)
    assert found.left(2) == ("web01", "web02")


def test_of_what_was_under_way_every_run_may_have_been_made(folder: Path) -> None:
    records = begun(folder)
    records.begun(RUN, 0, ["web01"], FIRST, NOW)
    records.begun(RUN, 0, ["web01"], SECOND, NOW)
    records.let_go(RUN)
    assert read(folder).hosts["web01"] == Progress(0, (FIRST, SECOND), SECOND)


def test_a_host_that_did_not_run_has_its_step_before_it(folder: Path) -> None:
    records = begun(folder)
    records.begun(RUN, 0, ["web01"], FIRST, NOW)
    records.step_ended(RUN, ended(0, StepStatus.NOT_RUN), Progress(), NOW)
    records.let_go(RUN)
    assert read(folder).hosts["web01"] == Progress()


def test_a_line_that_was_cut_off_counts_as_not_written(folder: Path) -> None:
    records = begun(folder)
    records.begun(RUN, 0, ["web01"], "", NOW)
    records.let_go(RUN)
    with path(folder).open("a", encoding="ascii") as record:
        record.write('{"event":"step_ended","at":1')
    again = PlaybookRecords(folder)
    assert again.run(RUN).hosts["web01"] == Progress()
    again.step_ended(RUN, ended(0, StepStatus.DONE), Progress(1), NOW)
    again.let_go(RUN)
    assert read(folder).hosts["web01"] == Progress(1)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"event":"begun","at":1,"step":0,"hosts":["nobody"],"run":""}', "CA3213"),
        ('{"event":"step_ended","at":1,"step":-1}', "CA3213"),
        ('{"event":"begun","at":true,"step":0,"hosts":[],"run":""}', "CA3213"),
        ('{"event":"asked","at":1}', "CA3213"),
        ('{"event":"begun","at":1,"step":0,"hosts":"web01","run":""}', "CA3213"),
    ],
)
def test_a_record_that_says_something_else_is_damaged(line: str, error: str, folder: Path) -> None:
    begun(folder).let_go(RUN)
    with path(folder).open("a", encoding="ascii") as record:
        record.write(f"{line}\n")
    with pytest.raises(UsageError, match=error):
        read(folder)


def test_a_record_of_a_later_version_is_left_alone(folder: Path) -> None:
    begun(folder).let_go(RUN)
    first = json.loads(path(folder).read_text("ascii"))
    path(folder).write_text(json.dumps({**first, "playbooks": 2}) + "\n", "ascii")
    with pytest.raises(UsageError, match="CA3214"):
        read(folder)


def test_an_empty_record_is_no_run(folder: Path) -> None:
    begun(folder).let_go(RUN)
    path(folder).write_text("", "ascii")
    with pytest.raises(UsageError, match="CA3211"):
        read(folder)


@pytest.mark.parametrize("run", [OTHER, "1111", "../runs/1", ""])
def test_there_is_no_such_run(run: str, folder: Path) -> None:
    begun(folder)
    with pytest.raises(UsageError, match="CA3211"):
        PlaybookRecords(folder).run(run)


def test_a_run_is_in_the_hands_of_one_process(folder: Path) -> None:
    records = begun(folder)
    with pytest.raises(Locked, match="CA3216"):
        read(folder)
    records.ended(RUN, NOW)
    assert read(folder).ended


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", "ascii")
    with pytest.raises(UsageError, match="CA3210"):
        begun(tmp_path / "state")


def test_what_cannot_go_on() -> None:
    done = RecordedPlaybook(START, {"web01": Progress(2), "web02": Progress(2)})
    with pytest.raises(UsageError, match="CA3230"):
        check_resumable(done, START.digest, 2)
    with pytest.raises(UsageError, match="CA3231"):
        check_resumable(done, "e" * 64, 3)
    check_resumable(done, START.digest, 3)
