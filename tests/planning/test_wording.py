from __future__ import annotations

from typing import Any

import pytest

from certify_automation.model.change import DataDirectoryAcl
from certify_automation.report import change_text, value_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "(not set)"), ("", '""'), ("a b", "a b"), (True, "true"), (9696, "9696"), (["ä"], '["ä"]'), ({}, "{}")],
)
def test_values_on_one_line(value: Any, shown: str) -> None:
    assert value_text(value) == shown


@pytest.mark.parametrize(
    ("sddl", "words"),
    [
        ("D:P(A;OICI;FA;;;SY)(A;OICI;GA;;;BA)", "SYSTEM full control, Administrators full control"),
        ("D:P(D;;FW;;;S-1-5-21-1-2-3-4)(A;;0x1200a9;;;BU)", "S-1-5-21-1-2-3-4 denied write, Users read and execute"),
        ("D:AI(A;OICI;0x1301bf;;;NS)(A;ID;FA;;;SY)", "NETWORK SERVICE modify, what the folder above hands down"),
        ("D:P(A;;0x1;;;CO)(A;;FR;;;LA)", "CREATOR OWNER special rights, the machine's own Administrator read"),
        ("D:NO_ACCESS_CONTROL", "Everyone full control, for want of a list"),
        ("D:P", "nobody"),
        ("D:P(XA;;FA;;;BU)", "D:P(XA;;FA;;;BU)"),
    ],
)
def test_an_access_list_reads_as_who_may_do_what(sddl: str, words: str) -> None:
    folder = r"C:\ProgramData\certify"
    assert change_text(DataDirectoryAcl(folder, "D:P", sddl)) == f"set who may get at {folder}: {words}"
