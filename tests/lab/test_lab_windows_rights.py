"""Rights to files and folders, and the event log, of a simulated computer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from win32_codes import code_of

from certify_automation.lab.windows import (
    Computer,
    DirectoryFiles,
    Files,
    Installation,
    MemoryFiles,
    StillClock,
    make_computer,
    security,
)
from certify_automation.lab.windows.access import set_list
from certify_automation.lab.windows.inheritance import PROGRAM_DATA

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
CLOSED = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"


@pytest.fixture(params=["memory", "folder"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    clock = StillClock(NOW)
    disk: Files = MemoryFiles(clock) if request.param == "memory" else DirectoryFiles(tmp_path)
    return make_computer(Installation("WEB01"), clock, disk).files


class TestInheritance:
    def test_a_folder_below_program_data_is_open_to_users(self, files: Files) -> None:
        files.make_folder("C:\\ProgramData\\certify")
        assert files.security("C:\\ProgramData") == PROGRAM_DATA
        assert files.security("C:\\ProgramData\\certify") == (
            "O:S-1-5-18G:S-1-5-18D:AI(A;ID;FA;;;S-1-5-18)(A;OICIIOID;GA;;;CO)(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)"
            "(A;CIID;DCLCRPCR;;;BU)(A;OICIID;0x1200a9;;;BU)"
        )

    def test_a_file_gets_the_entries_for_files(self, files: Files) -> None:
        files.write("C:\\ProgramData\\x", b"")
        assert files.security("C:\\ProgramData\\x") == (
            "O:S-1-5-18G:S-1-5-18D:AI(A;ID;FA;;;S-1-5-18)(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)"
        )

    def test_a_protected_list_ends_it_and_hands_its_own_down(self, files: Files) -> None:
        files.make_folder("C:\\ProgramData\\certify\\logs")
        set_list(files, "C:\\ProgramData\\certify", "D:P(A;OICI;FA;;;S-1-5-18)(A;OICI;FA;;;BA)")
        assert files.security("C:\\ProgramData\\CERTIFY") == f"O:S-1-5-18G:S-1-5-18{CLOSED}"
        assert files.security("C:\\ProgramData\\certify\\logs") == (
            "O:S-1-5-18G:S-1-5-18D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)"
        )

    def test_an_unprotected_list_gets_the_inherited_entries_again(self, files: Files) -> None:
        folder = "C:\\ProgramData\\certify"
        files.make_folder(folder)
        before = files.security(folder)
        set_list(files, folder, CLOSED)
        set_list(files, folder, before[before.index("D:") :])
        assert files.security(folder) == before
        set_list(files, folder, "D:AI(D;OICI;FA;;;BG)(A;OICIID;FA;;;WD)")
        assert files.security(folder) == before.replace("D:AI", "D:AI(D;OICI;FA;;;BG)")

    def test_the_owner_stays(self, files: Files) -> None:
        files.make_folder("C:\\Data")
        files.set_security("C:\\Data", "O:BAG:BAD:AI")
        set_list(files, "C:\\Data", "D:P(A;OICI;FA;;;SY)")
        assert files.security("C:\\Data") == "O:BAG:BAD:PAI(A;OICI;FA;;;SY)"

    def test_a_list_that_is_none(self, files: Files) -> None:
        assert code_of(set_list, files, "C:\\ProgramData", "D:P(A;OICI;FA;;;nobody)") == 87

    def test_names_of_rights_are_read_and_written(self) -> None:
        assert security.from_bytes(security.to_bytes("D:(A;CI;0x116;;;BU)")) == "D:(A;CI;DCLCRPCR;;;BU)"


class TestDenied:
    def test_nothing_in_it_changes(self, files: Files) -> None:
        files.make_folder("C:\\Data\\inner")
        files.write("C:\\Data\\inner\\x", b"1")
        files.denied.add("c:\\data")
        assert code_of(files.write, "C:\\Data\\inner\\x", b"2") == 5
        assert code_of(files.delete, "C:\\Data\\inner\\x") == 5
        assert code_of(files.move, "C:\\Data\\inner\\x", "C:\\y") == 5
        assert code_of(files.make_folder, "C:\\Data\\new") == 5
        assert code_of(files.set_security, "C:\\DATA", CLOSED) == 5
        assert files.read("C:\\Data\\inner\\x") == b"1"
        files.make_folder("C:\\Data\\inner")

    def test_a_folder_goes_with_all_it_has(self, files: Files) -> None:
        files.make_folder("C:\\Data\\inner")
        files.write("C:\\Data\\inner\\x", b"1")
        files.write("C:\\Data\\y", b"2")
        files.delete_folder("C:\\Data")
        assert not files.exists("C:\\Data")
        assert code_of(files.delete_folder, "C:\\Data") == 3

    def test_an_exchange_keeps_the_rights_and_a_rename_takes_them_along(self, files: Files) -> None:
        for name in ("new", "old"):
            files.write(f"C:\\{name}", b"")
        files.set_security("C:\\old", "O:BAG:BAD:P")
        files.replace("C:\\new", "C:\\old", "C:\\backup")
        assert files.security("C:\\old") == files.security("C:\\backup") == "O:BAG:BAD:P"
        files.move("C:\\backup", "C:\\kept")
        assert files.securities().keys() >= {"c:\\kept", "c:\\old"}
        assert "c:\\backup" not in files.securities()


class TestEventLog:
    @pytest.fixture
    def computer(self) -> Computer:
        return make_computer(Installation("WEB01"), StillClock(NOW))

    def test_an_entry_makes_its_source(self, computer: Computer) -> None:
        before = computer.dump()
        computer.events.write("Contoso", "Warning", 1010, "text")
        computer.events.write("CONTOSO", "Error", 1020, "more")
        assert [(one.kind, one.event_id, one.written) for one in computer.events.entries] == [
            ("Warning", 1010, NOW), ("Error", 1020, NOW),
        ]  # fmt: skip
        assert sorted(computer.events.sources) == ["Application", "Contoso"]
        assert computer.dump() != before

    def test_a_source_is_made_once(self, computer: Computer) -> None:
        computer.events.create_source("Contoso")
        assert code_of(computer.events.create_source, "contoso") == 87

    @pytest.mark.parametrize(
        ("kind", "event_id", "text"),
        [("Info", 1, ""), ("Error", -1, ""), ("Error", 65536, ""), ("Error", 1, "x" * 32767)],
    )
    def test_what_is_no_entry(self, computer: Computer, kind: str, event_id: int, text: str) -> None:
        assert code_of(computer.events.write, "Contoso", kind, event_id, text) == 87

    @pytest.mark.parametrize(("code", "sources"), [(5, ["Application"]), (1502, ["Application", "Contoso"])])
    def test_a_log_that_takes_none(self, computer: Computer, code: int, sources: list[str]) -> None:
        computer.events.refusal = code
        assert code_of(computer.events.write, "Contoso", "Error", 1, "") == code
        assert computer.events.entries == []
        assert sorted(computer.events.sources) == sources
