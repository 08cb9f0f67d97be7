"""run.py on machines that are not ready: it says in words what is missing."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = ("run.py", "pyproject.toml", "requirements.lock", "requirements-dev.lock")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(checkout: Path, *arguments: str, before: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """run.py in a fresh interpreter, after the statements that make the machine what the test needs."""
    start = f"import sys, runpy; sys.argv = ['run.py', *{arguments!r}]"
    call = f"{start}; {before}\nrunpy.run_path('run.py', run_name='__main__')"
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", call],
        cwd=checkout,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_compiles_where_it_must_speak_up() -> None:
    ast.parse((ROOT / "run.py").read_text("utf-8"), feature_version=(3, 6))


def test_an_old_python_is_told_in_one_sentence(checkout: Path) -> None:
    done = run(checkout, "demo", before="sys.version_info = (3, 10, 2)")
    assert done.returncode == 1
    assert done.stderr.startswith("certify-automation needs Python 3.11 or later")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_names_the_package(checkout: Path, module: str) -> None:
    done = run(checkout, "demo", before=f"sys.modules[{module!r}] = None")
    assert done.returncode == 5
    assert f"lacks {module}" in done.stderr
    assert f"python{sys.version_info.major}.{sys.version_info.minor}-venv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("frobnicate",)])
def test_an_unknown_command_shows_what_there_is(checkout: Path, arguments: tuple[str, ...]) -> None:
    done = run(checkout, *arguments)
    assert done.returncode == 5
    assert "run.py demo" in done.stderr


def test_without_a_network_it_says_so_and_leaves_nothing_half_done(checkout: Path) -> None:
    environ = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    done = run(checkout, "demo", **environ)
    assert done.returncode == 5
    assert "no connection to the package index" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv" / "run-stamp.json").exists()


def test_the_runtime_lock_is_part_of_the_other() -> None:
    runtime, dev = (pins(ROOT / name) for name in ("requirements.lock", "requirements-dev.lock"))
    for name, pin in runtime.items():
        assert pin.split()[0] == dev[name].split()[0], name
    assert "pytest" in dev
    assert "pytest" not in runtime


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    blocks = text.replace("\\\n", "").splitlines()
    assert all("--hash=sha256:" in line for line in blocks if line[:1].isalpha())


def test_the_lock_holds_what_windows_alone_needs() -> None:
    assert "sys_platform == 'win32'" in pins(ROOT / "requirements.lock")["sspilib"]


def pins(path: Path) -> dict[str, str]:
    """Package -> version and marker."""
    lines = (line.removesuffix(" \\") for line in path.read_text("utf-8").splitlines() if line[:1].isalpha())
    return dict(line.split("==", 1) for line in lines)
