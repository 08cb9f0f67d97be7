"""How a call to the simulated Windows failed."""

from __future__ import annotations

from typing import Any

import pytest

from certify_automation.lab.windows import Win32Error


def code_of(act: Any, *arguments: Any, **options: Any) -> int:
    """The Win32 error code of this call, which must fail."""
    with pytest.raises(Win32Error) as failed:
        act(*arguments, **options)
    return failed.value.code
