from __future__ import annotations

import sys

import pytest

from contract.engine import Engine, find_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    if sys.platform == "win32":
        pytest.skip("the simulated disk is a folder with POSIX paths; on Windows run tests/windows/check.ps1")
    program = find_engine()
    if program is None:
        pytest.skip("no PowerShell engine: set CERTIFY_AUTOMATION_PWSH or put pwsh on the path")
    return Engine(program)
