from __future__ import annotations

import pytest

from contract.engine import Engine, find_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    program = find_engine()
    if program is None:
        pytest.skip("no PowerShell engine: set CERTIFY_AUTOMATION_PWSH or put pwsh on the path")
    return Engine(program)
