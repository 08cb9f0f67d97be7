"""A backup in place of the product's database, and another data store in its settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certify_automation.config_merge import merge_data_store
from certify_automation.model.change import DataStoreRestore, FileWrite, ServiceRestart, ServiceStart
from certify_automation.model.change_codec import change_from_json, change_to_json
from certify_automation.model.config_files import FileContent
from certify_automation.model.examination import Examination
from certify_automation.model.facts import DataFile, Facts
from certify_automation.model.host import HostState
from certify_automation.model.plan import Plan
from certify_automation.model.service import ServiceState, WindowsService
from certify_automation.plan import PlanOptions, make_plan
from certify_automation.rollback.taking_back import take_back
from planning.computer import Computer
from planning.situations import RUN
from planning.test_plan import contract

BACKUP = "manageditems.db.bak"
SETTINGS = r"C:\ProgramData\certify\appsettings.json"
FOUND = b'\xef\xbb\xbf{\r\n  // kept\r\n  "configDataStoreConnectionId": "lost",\r\n  "FeatureFlags": null\r\n}'
RESTORE = DataStoreRestore("Certify.Service", r"C:\ProgramData\certify\manageditems.db", BACKUP, 4096, 1000)


def facts(state: str = "Running", size: int = 4096, settings: bytes | None = FOUND) -> Facts:
    computer = Computer(state=state)
    files = (DataFile("manageditems.db", 7, 2000), DataFile(BACKUP, size, 1000))
    looked = Examination(settings=FileContent(SETTINGS, settings))
    return replace(computer.facts(), data_files=files, examination=looked)


def planned(desired: HostState, found: Facts, *, allow_data: bool = True) -> Plan:
    plan = make_plan("web01", desired, found, PlanOptions(RUN, allow_data=allow_data))
    contract("plan").validate(plan.to_json())
    return plan


def test_a_backup_takes_the_databases_place_before_a_restart() -> None:
    plan = planned(HostState(data_backup=BACKUP), facts())
    assert plan.changes == (RESTORE, ServiceRestart("Certify.Service"))
    assert plan.health is not None
    assert change_from_json(change_to_json(RESTORE)) == RESTORE


def test_a_stopped_service_is_started_to_see_whether_it_can_open_it() -> None:
    plan = planned(HostState(data_backup=BACKUP), facts("Stopped"))
    assert plan.changes == (RESTORE, ServiceStart("Certify.Service"))


STOPPED = HostState(data_backup=BACKUP, service=WindowsService(ServiceState.STOPPED))


@pytest.mark.parametrize(
    ("desired", "found", "allowed", "refused"),
    [
        (HostState(data_backup=BACKUP), facts(), False, "CA3084"),
        (HostState(data_store_id="other"), facts(), False, "CA3084"),
        (HostState(data_backup=f"{BACKUP}.old"), facts(), True, "CA3085"),
        (HostState(data_backup=BACKUP), facts(size=0), True, "CA3085"),
        (HostState(data_backup="manageditems.db"), facts(), True, "CA3085"),
        (STOPPED, facts(), True, "CA3086"),
        (HostState(data_store_id="other"), facts(settings=b"{"), True, "CA3087"),
        (HostState(data_store_id="other"), facts(settings=None), True, "CA3087"),
    ],
)
def test_what_is_refused(desired: HostState, found: Facts, *, allowed: bool, refused: str) -> None:
    plan = planned(desired, found, allow_data=allowed)
    assert [one.id for one in plan.refusals] == [refused]
    assert plan.changes == ()


def test_another_data_store_is_named_and_nothing_else_of_the_file_is_touched() -> None:
    plan = planned(HostState(data_store_id="(default)"), facts())
    written, restart = plan.changes
    assert isinstance(written, FileWrite)
    assert (written.path, written.before) == (SETTINGS, FOUND)
    assert written.after == FOUND.replace(b"lost", b"(default)")
    assert isinstance(restart, ServiceRestart)
    assert "file.appsettings" not in plan.expects


def test_the_same_data_store_is_no_change_and_needs_no_leave() -> None:
    plan = planned(HostState(data_store_id="lost"), facts(), allow_data=False)
    assert (plan.changes, plan.refusals) == ((), ())


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (b'{"ConfigDataStoreConnectionId": null}', b'{"ConfigDataStoreConnectionId": "x"}'),
        (b'{"A": 1}', b'{\r\n  "A": 1,\r\n  "ConfigDataStoreConnectionId": "x"\r\n}'),
    ],
)
def test_a_setting_that_is_null_or_missing(found: bytes, written: bytes) -> None:
    merged = merge_data_store("x", found)
    assert merged.content is not None
    assert merged.content.strip() == written
    assert merge_data_store("x", merged.content).content is None


def test_a_rollback_leaves_the_database_and_says_where_the_other_is() -> None:
    taken = take_back(RUN, (RESTORE, ServiceRestart("Certify.Service")), facts())
    assert taken.state == HostState()
    (conflict,) = taken.conflicts
    assert conflict.path == "files.manageditems.db"
    assert rf"runs\{RUN}\data" in conflict.note
