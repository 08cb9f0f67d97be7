"""Tables of cases on disk: tests/cases/FOLDER/*.yaml, each a list of cases with a unique name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = Path(__file__).resolve().parent.parent / "cases"


def table(folder: str) -> pytest.MarkDecorator:
    """Parametrizes a test over `case`, one for each case of the folder's files."""
    cases = [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted((CASES / folder).glob("*.yaml"))
        for case in yaml.safe_load(path.read_text("utf-8"))
    ]
    assert cases, f"no cases in {folder}"
    return pytest.mark.parametrize("case", cases)


def content(case: Any) -> bytes | None:
    """Bytes written in a table: text, {hex: ...}, {text: ..., encoding: ...}, or None = no such file."""
    if case is None or isinstance(case, str):
        return None if case is None else case.encode()
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return str(case["text"]).encode(case["encoding"])
