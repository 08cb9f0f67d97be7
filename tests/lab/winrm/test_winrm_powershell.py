"""Reading -EncodedCommand as powershell.exe does."""

from __future__ import annotations

import base64

import pytest

from certify_automation.lab.winrm import decode_encoded_command

ENCODED = base64.b64encode("Get-Date # é".encode("utf-16-le")).decode()


@pytest.mark.parametrize(
    "line",
    [
        f"powershell -EncodedCommand {ENCODED}",
        f"powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -encodedcommand {ENCODED}",
        f"PowerShell -NoP -e {ENCODED}",
        f"powershell -ec {ENCODED}",
        f"powershell -Enc   {ENCODED} ",
        f"powershell /enc {ENCODED}",
    ],
)
def test_the_script_is_found(line: str) -> None:
    assert decode_encoded_command(line) == "Get-Date # é"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hostname",
        "powershell -Command Get-Date",
        "powershell -ExecutionPolicy Bypass -File x.ps1",
        "powershell -EncodedCommand",
        "powershell -EncodedCommand AAA",
        "powershell -EncodedCommand AAAA",
        f"powershell -EncodedCommands {ENCODED}",
    ],
)
def test_a_line_without_one_has_none(line: str) -> None:
    assert decode_encoded_command(line) is None
