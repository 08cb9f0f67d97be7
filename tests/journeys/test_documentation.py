"""Every command that the README and the docs show is run, and answers what they show.

A ```console block holds commands after `$ ` and lines of their output. A page is one session in one folder: `cd` stays
in force, and `lab` goes on in the background until the page ends. Every output line shown must be printed, in this
order; `...` stands for lines left out. `# exits N` after a command names its exit code when that is not 0. A command
that only a real server could answer is written in another kind of block.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from certify_automation.model.outcome import MEANINGS

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_EXITS = re.compile(r"\s+# exits (\d+)$")
PROGRAM = [sys.executable, "-m", "certify_automation"]


@dataclass
class Step:
    command: str
    exit_code: int = 0
    output: list[str] = field(default_factory=list)


def steps(page: Path) -> list[Step]:
    found: list[Step] = []
    for block in _BLOCK.findall(page.read_text("utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                code = _EXITS.search(line)
                found.append(Step(_EXITS.sub("", line[2:]), int(code[1]) if code else 0))
            elif line.strip() and line.strip() != "...":
                found[-1].output.append(line.rstrip())
    return found


@contextmanager
def lab(arguments: list[str], cwd: Path) -> Iterator[None]:
    """The lab in the background, from the moment it says that it is ready."""
    with subprocess.Popen([*PROGRAM, *arguments], cwd=cwd, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line.startswith("ready"), line
            yield
        finally:
            process.terminate()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_tells_the_truth(page: Path, tmp_path: Path) -> None:
    folder = tmp_path
    environ = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "HOME": str(tmp_path)}
    with ExitStack() as background:
        for step in steps(page):
            name, *arguments = shlex.split(step.command)
            if name == "cd":
                folder /= arguments[0]
            elif name == "certify-automation" and arguments[0] == "lab":
                background.enter_context(lab(arguments, folder))
            elif name == "certify-automation":
                check(step, arguments, folder, environ)
            else:
                pytest.fail(f"{step.command!r} cannot be run here: use another kind of block")


def check(step: Step, arguments: list[str], folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - the program under test
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == step.exit_code, f"{step.command}\n{done.stdout}"
    printed = iter(done.stdout.splitlines())
    for line in step.output:
        assert any(line == shown.rstrip() for shown in printed), f"{step.command}: no {line!r} in\n{done.stdout}"


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md"])
def test_the_exit_codes_are_those_of_the_program(page: str) -> None:
    text = (ROOT / page).read_text("utf-8").replace("`", "")
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning} |" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_commands_of_the_readme_are_those_there_are() -> None:
    shown = {step.command.split()[1] for page in PAGES for step in steps(page) if step.command.startswith("certify")}
    help_text = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    listed = set(
        re.findall(r"^  ([a-z]+) ", help_text.partition("Commands:")[2].partition("Exit codes")[0], re.MULTILINE)
    )
    assert shown - {"--help"} == listed
