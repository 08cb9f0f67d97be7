#!/usr/bin/env python3
"""Makes `.venv` with the pinned packages, then runs one thing in it.

python3 run.py demo    the guided demo on simulated hosts
python3 run.py test    the whole test suite with coverage; arguments go to pytest (then coverage is not judged)
python3 run.py check   ruff, mypy and the import contracts
python3 run.py bench   the benchmarks

Standard library only; this file must still compile on Python 3.6, so that an old one is told what is missing.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything has checked the version
    sys.exit(f"certify-automation needs Python 3.11 or later, and this is {sys.version.split()[0]} ({sys.executable}).")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
NEEDS = {"demo": "runtime", "test": "dev", "check": "dev", "bench": "dev"}
OFFLINE_SIGNS = ("ConnectionError", "NewConnectionError", "name resolution", "Max retries", "timed out", "ProxyError")


class SetupError(Exception):
    """The environment cannot be made; the text says what to do."""


@contextmanager
def held(path: Path) -> "Iterator[None]":
    """Hold an exclusive lock that the operating system drops with the process, so a crash leaves none behind."""
    with path.open("a+b") as file:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 - exists on Windows only

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:  # LK_LOCK gives up after ten seconds; an installation takes longer
                    continue
        else:
            import fcntl  # noqa: PLC0415 - exists elsewhere only

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_venv() -> None:
    """Create `.venv` from this interpreter, replacing one that another interpreter or place made."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"this Python lacks {' and '.join(missing)}. Debian, Ubuntu: apt install python{version}-venv"
            " (or python3-venv). Elsewhere: install the Python from python.org, or the distribution's full package."
        )
    import venv  # noqa: PLC0415 - may be missing, as said above

    print(f"creating {VENV}", file=sys.stderr)
    if VENV.exists():
        shutil.rmtree(VENV)
    venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(VENV)


def pip(*arguments: str) -> None:
    """Run pip in `.venv`; its output is shown only when it fails."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode == 0:
        return
    tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
    if any(sign in tail + done.stderr for sign in OFFLINE_SIGNS):
        raise SetupError(
            f"the packages could not be downloaded: no connection to the package index.\n{tail}\n"
            "Connect once, or point pip at a mirror (PIP_INDEX_URL), or at a folder of wheels"
            " (PIP_FIND_LINKS with PIP_NO_INDEX=1)."
        )
    raise SetupError(f"pip could not install the packages:\n{tail}")


def fingerprint(kind: str) -> str:
    """What an environment of this kind was made from; another value means it must be made again."""
    parts = [str(ROOT), sys.version, kind]
    content = b"".join((ROOT / name).read_bytes() for name in (LOCKS[kind], "pyproject.toml"))
    return hashlib.sha256("\n".join(parts).encode() + content).hexdigest()


def read_stamps() -> dict:
    """What `.venv` holds: kind -> fingerprint, and the interpreter and place it was made with."""
    try:
        return dict(json.loads((VENV / "run-stamp.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def prepare(kind: str) -> None:
    """Make sure `.venv` holds exactly what the lock of this kind says; two callers at once wait for each other."""
    with held(ROOT / ".venv.lock"):
        stamps = read_stamps()
        if stamps.get("dev") == fingerprint("dev") or stamps.get(kind) == fingerprint(kind):
            return
        base = f"{sys.version} {ROOT}"
        if stamps.get("base") != base or not PYTHON.exists():
            make_venv()
            stamps = {"base": base}
        print("installing the pinned packages (once)", file=sys.stderr)
        pip("--require-hashes", "-r", LOCKS[kind])
        pip("--no-deps", "--no-build-isolation", "--editable", ".")
        stamps[kind] = fingerprint(kind)
        (VENV / "run-stamp.json").write_text(json.dumps(stamps), "utf-8")


def run(*arguments: str) -> int:
    """Run the environment's Python and return its exit code; Ctrl-C is the child's to answer."""
    with subprocess.Popen([str(PYTHON), *arguments], cwd=ROOT) as child:
        while True:
            try:
                code = child.wait()
            except KeyboardInterrupt:
                continue
            return code if code >= 0 else 128 - code


def run_all(commands: list) -> int:
    """Run every command even when one fails; 0 when all passed."""
    failed = [command for command in commands if run(*command)]
    for command in failed:
        print(f"failed: {' '.join(command)}", file=sys.stderr)
    return 1 if failed else 0


def main(arguments: list) -> int:
    """Carry out one command and return the exit code; 5 = called wrongly or the environment cannot be made."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command not in NEEDS:
        print(__doc__, file=sys.stderr)
        return 0 if command in {"-h", "--help", "help"} else 5
    try:
        prepare(NEEDS[command])
    except (SetupError, OSError, subprocess.CalledProcessError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 5
    if command == "demo":
        return run("-m", "certify_automation", "demo", *rest)
    if command == "test":
        judged = ["-n", "auto", "--cov", "--cov-report=term-missing:skip-covered", "--cov-fail-under=90"]
        return run("-m", "pytest", *(rest or judged))
    if command == "check":
        lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
        ruff, formatted, mypy = ["-m", "ruff", "check"], ["-m", "ruff", "format", "--check"], ["-m", "mypy"]
        return run_all([ruff, formatted, mypy, ["-c", lint, "--no-cache", "--no-logo"]])
    benchmarks = sorted(path.name for path in (ROOT / "benchmarks").glob("*.py"))
    return run_all([[str(ROOT / "benchmarks" / name), *rest] for name in benchmarks])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
