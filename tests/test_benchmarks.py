"""The benchmarks run and report what they promise; how fast anything is, is theirs to say and nobody's to assert."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(
    ("name", "arguments", "keys"),
    [
        ("authoring.py", ["--hosts", "60", "--rounds", "1"], {"hosts", "groups", "documents", "results", "rss_mib"}),
        ("fleet_certificates.py", ["--fleets", "2x5", "--rounds", "1"], {"machine", "rows", "targets"}),
        ("fleet_doctor.py", ["--hosts", "2", "--rounds", "1"], {"machine", "rows", "targets"}),
        ("verify_endpoints.py", ["--endpoints", "20", "--rounds", "1"], {"endpoints", "rounds", "ratios", "limit"}),
        ("fleet_plan.py", ["--hosts", "2", "3", "--schemes", "http", "--rounds", "1"], {"machine", "rows", "targets"}),
    ],
)
def test_a_benchmark_reports(tmp_path: Path, name: str, arguments: list[str], keys: set[str]) -> None:
    results = tmp_path / "results.json"
    command = [sys.executable, str(FOLDER / name), *arguments, "--results", str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr
    assert keys <= set(json.loads(results.read_text("utf-8")))
