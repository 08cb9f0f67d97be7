"""What a user gets from `pip install`: every data file is in the wheel, and the installed program runs the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = "certify_automation/bundle"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    call("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a clean environment that has the wheel.

    Its dependencies are those of the environment the tests run in, reached by a path file: path files of a folder that
    is reached so are not read, hence the checkout, installed there as editable, is not visible.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    call("-m", "pip", "--python", str(scripts / "python"), "install", "--no-index", "--no-deps", str(wheel))
    site = Path(output(scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    return scripts


def test_it_holds_the_package_and_every_data_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    code = {path.relative_to(ROOT).as_posix() for path in files("certify_automation")}
    data = {
        f"{BUNDLE}/{path.relative_to(ROOT).as_posix()}"
        for n in ("schemas", "templates", "playbooks", "examples")
        for path in files(n)
    }
    metadata = {name for name in names if ".dist-info/" in name}
    assert names - metadata == code | data
    assert any(name.endswith("licenses/LICENSE") for name in metadata)
    assert {Path(name).suffix for name in code} >= {".py", ".ps1", ".typed"}


def test_the_installed_program_says_its_version(installed: Path, tmp_path: Path) -> None:
    assert output(installed / "certify-automation", "version", cwd=tmp_path).startswith("certify-automation ")
    where = output(installed / "python", "-c", "import certify_automation as c; print(c.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(installed.parent)


def test_the_installed_program_starts_a_repository(installed: Path, tmp_path: Path) -> None:
    output(installed / "certify-automation", "init", "fleet", cwd=tmp_path)
    assert "valid" in output(installed / "certify-automation", "validate", "-C", "fleet", cwd=tmp_path)


def test_the_installed_program_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    assert "All 12 servers are as declared" in output(installed / "certify-automation", "demo", cwd=tmp_path)


def files(folder: str) -> list[Path]:
    return [
        p for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix != ".pyc" and "__pycache__" not in p.parts
    ]


def call(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr


def output(program: Path, *arguments: str, cwd: Path) -> str:
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"HOME": str(cwd)}
    done = subprocess.run(  # noqa: S603 - the program under test
        [program, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
