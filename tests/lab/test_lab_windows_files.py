"""What Windows does with files, and with the descriptors that say who may get at them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from win32_codes import code_of

from certify_automation.lab.windows import (
    DirectoryFiles,
    Files,
    MemoryFiles,
    StillClock,
    Win32Error,
    security,
)

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture(params=["memory", "folder"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    disk: Files = MemoryFiles(StillClock(NOW)) if request.param == "memory" else DirectoryFiles(tmp_path)
    disk.make_folder("C:\\Data")
    return disk


class TestFiles:
    def test_names_are_found_whatever_their_case_and_kept_as_they_were(self, files: Files) -> None:
        files.write("C:\\Data\\Some.json", b"1")
        files.write("c:\\DATA\\SOME.JSON", b"2")
        assert files.read("C:\\data\\some.json") == b"2"
        assert [entry.name for entry in files.entries("C:\\Data")] == ["Some.json"]

    def test_what_is_not_there(self, files: Files) -> None:
        assert code_of(files.read, "C:\\Data\\absent") == 2
        assert code_of(files.read, "C:\\Nowhere\\absent") == 3
        assert code_of(files.read, "C:\\Data") == 5
        assert code_of(files.write, "C:\\Nowhere\\x", b"") == 3
        assert code_of(files.delete, "C:\\Data\\absent") == 2
        assert files.stat("C:\\Data\\absent") is None

    def test_replace_keeps_the_old_content_under_the_backup_name(self, files: Files) -> None:
        for name, content in (("new", b"new"), ("old", b"old"), ("backup", b"older")):
            files.write(f"C:\\Data\\{name}", content)
        files.replace("C:\\Data\\new", "C:\\Data\\old", "C:\\Data\\backup")
        assert (files.read("C:\\Data\\old"), files.read("C:\\Data\\backup")) == (b"new", b"old")
        assert not files.exists("C:\\Data\\new")
        assert code_of(files.replace, "C:\\Data\\old", "C:\\Data\\absent", "C:\\Data\\b") == 2

    def test_move_does_not_overwrite(self, files: Files) -> None:
        files.write("C:\\Data\\a", b"a")
        files.write("C:\\Data\\b", b"b")
        assert code_of(files.move, "C:\\Data\\a", "C:\\Data\\b") == 183
        assert files.read("C:\\Data\\b") == b"b"

    def test_an_exclusive_opening(self, files: Files) -> None:
        files.open_exclusive("C:\\Data\\lock", "first")
        assert code_of(files.open_exclusive, "C:\\Data\\LOCK", "second") == 32
        assert code_of(files.read, "C:\\Data\\lock") == 32
        files.close_all("first")
        assert files.read("C:\\Data\\lock") == b""

    def test_a_full_disk_keeps_what_it_has(self, files: Files) -> None:
        files.write("C:\\Data\\a", b"kept")
        files.disk_full = True
        assert code_of(files.write, "C:\\Data\\a", b"new") == 112
        assert code_of(files.append, "C:\\Data\\a", b"more") == 112
        assert files.read("C:\\Data\\a") == b"kept"

    def test_rights_are_handed_down(self, files: Files) -> None:
        files.make_folder("C:\\Data\\inner")
        files.set_security("C:\\DATA", "O:BAG:BAD:P")
        assert files.security("C:\\Data\\inner") == "O:BAG:BAD:AI"
        assert "BU" in files.security("C:\\")


@pytest.mark.parametrize(("sddl", "shown"), [
    ("D:(A;;GX;;;WD)", "D:(A;;GX;;;WD)"), ("D:(A;;0x20000000;;;S-1-1-0)", "D:(A;;GX;;;WD)"),
    ("D:(D;;GA;;;S-1-5-21-1-2-3-500)", "D:(D;;GA;;;S-1-5-21-1-2-3-500)"),
    ("O:SYG:SYD:P(A;OICI;FA;;;BA)(A;;GXGW;;;LS)", "D:(A;OICI;FA;;;BA)(A;;GXGW;;;LS)"), ("D:", "D:"),
])  # fmt: skip
def test_descriptors(sddl: str, shown: str) -> None:
    assert security.from_bytes(security.to_bytes(sddl)) == shown


def test_the_bytes_windows_keeps_for_everyone() -> None:
    assert security.to_bytes("D:(A;;GX;;;WD)").hex() == (
        "010004800000000000000000000000001400000002001c00010000000000140000000020010100000000000100000000"
    )


@pytest.mark.parametrize("sddl", ["", "D:(A;;GX;;)", "D:(A;;XX;;;WD)", "D:(A;;GX;;;ZZ)", "nonsense", "D:(Q;;GX;;;WD)"])
def test_texts_that_are_no_descriptors(sddl: str) -> None:
    assert code_of(security.to_bytes, sddl) == 87


@given(st.binary(max_size=80))
def test_damaged_bytes_are_refused_not_crashed_on(data: bytes) -> None:
    try:
        security.entries(data)
    except Win32Error as error:
        assert error.code == 87  # noqa: PT017 - either outcome is right
