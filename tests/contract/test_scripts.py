from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from certify_automation import onhost
from contract.engine import HERE, STAND_INS, Engine

ROOT = HERE.parents[1]
FOLDER = ROOT / "certify_automation" / "onhost"
SCRIPTS = sorted(FOLDER.glob("*.ps1"))
TOTAL = {"Apply": 104_000, "Guard": 109_000}
ALONE = {"Inventory": 60_000, "Examine": 70_000, "Renew": 75_000}
CHECKS = sorted((ROOT / "tests" / "windows").glob("*.ps1"))


def documented(heading: str) -> set[str]:
    """What stands between backticks below a heading of docs/windows-checks.md."""
    page = (ROOT / "docs" / "windows-checks.md").read_text("utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] if line.startswith("|") else line for line in section.splitlines()]
    return set(re.findall(r"`([^`]+)`", "\n".join(cells)))


@pytest.fixture(scope="module")
def trees(engine: Engine) -> dict[str, dict[str, Any]]:
    paths = ", ".join(f"'{path}'" for path in SCRIPTS)
    finished = engine.run(f"& '{HERE / 'syntax.ps1'}' -Path {paths}", b"", {})
    assert finished.stderr == ""
    found = [json.loads(line) for line in finished.stdout.splitlines()]
    return {one["file"]: one for one in found}


def test_windows_powershell_5_1_can_run_every_script(engine: Engine) -> None:
    judged = subprocess.run(  # noqa: S603 - the engine the tests were told to use
        [engine.program, "--check-51", *map(str, [*SCRIPTS, *CHECKS])], capture_output=True, text=True, check=False
    )
    if "not recognized" in judged.stdout + judged.stderr:
        pytest.skip("this PowerShell is no judge of 5.1 syntax")
    assert f"{len(SCRIPTS) + len(CHECKS)} files, 0 errors, 0 warnings" in judged.stdout, judged.stdout


@pytest.mark.parametrize("name", onhost.FILES)
def test_windows_powershell_5_1_can_run_what_is_sent(engine: Engine, tmp_path: Path, name: onhost.Name) -> None:
    path = tmp_path / f"{name}.ps1"
    text = onhost.script(name).text
    # A plan that nobody confirms has no timer.
    path.write_text(f"{text}function Start-DeadManTimer {{ }}\n" if name == "Apply" else text, "ascii")
    judged = subprocess.run(  # noqa: S603 - the engine the tests were told to use
        [engine.program, "--check-51", str(path)], capture_output=True, text=True, check=False
    )
    if "not recognized" in judged.stdout + judged.stderr:
        pytest.skip("this PowerShell is no judge of 5.1 syntax")
    assert "1 files, 0 errors, 0 warnings" in judged.stdout, judged.stdout


@pytest.mark.parametrize("path", [*SCRIPTS, *CHECKS], ids=lambda path: path.name)
def test_a_script_is_ascii_and_short(path: Path) -> None:
    text = path.read_bytes().decode("ascii")
    assert "\r" not in text
    assert "\t" not in text
    assert text.endswith("\n")
    assert len(text.splitlines()) <= 300
    assert max(map(len, text.splitlines())) <= 160


def test_every_file_is_part_of_a_script() -> None:
    parts = {name for names in onhost.FILES.values() for name in names} | {f"{name}.ps1" for name in onhost.FILES}
    assert parts | {"Bootstrap.ps1", "Bundle.ps1"} == {path.name for path in SCRIPTS}


def test_every_file_but_the_entries_only_defines_functions(trees: dict[str, dict[str, Any]]) -> None:
    entries = {"Bootstrap.ps1", "Bundle.ps1", *(f"{name}.ps1" for name in onhost.FILES)}
    for name, tree in trees.items():
        assert tree["problems"] == []
        if name not in entries:
            assert set(tree["statements"]) == {"FunctionDefinitionAst"}, name


def test_functions_are_short_and_no_name_is_used_twice(trees: dict[str, dict[str, Any]]) -> None:
    functions = [one for tree in trees.values() for one in tree["functions"]]
    assert {one["name"]: one["lines"] for one in functions if one["lines"] > 40} == {}
    names = [one["name"].casefold() for one in functions]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", STAND_INS)
def test_what_stands_in_for_windows_has_its_functions(
    engine: Engine, trees: dict[str, dict[str, Any]], name: str
) -> None:
    finished = engine.run(f"& '{HERE / 'syntax.ps1'}' -Path '{HERE / STAND_INS[name]}'", b"", {})
    ours = json.loads(finished.stdout)
    assert [one["name"] for one in ours["functions"]] == [one["name"] for one in trees[name]["functions"]]


def test_every_script_has_a_size() -> None:
    assert {"Observe", *TOTAL, *ALONE} == set(onhost.FILES)


@pytest.mark.parametrize("acting", TOTAL)
def test_both_scripts_together_are_small(acting: onhost.Name) -> None:
    assert sum(len(onhost.script(name).text) for name in ("Observe", acting)) <= TOTAL[acting]


@pytest.mark.parametrize("name", ALONE)
def test_a_script_for_certificates_is_small(name: onhost.Name) -> None:
    assert len(onhost.script(name).text) <= ALONE[name]


def test_what_a_script_writes_is_on_the_disk_before_it_goes_on() -> None:
    """No engine on another system can tell; a power cut can."""
    found = {}
    for name in STAND_INS:
        for function in (FOLDER / name).read_text("ascii").split("\nfunction ")[1:]:
            opened = len(re.findall(r"\[IO\.File\]::Open\([^)]*Write'", function))
            if opened:
                found[function.split("(")[0]] = (opened, len(re.findall(r"\.Flush\(\$true\)\n +} finally", function)))
    assert found == {"Write-NewFile": (1, 1), "Copy-SharedFile": (1, 1), "Add-FileLine": (1, 1)}


def test_what_is_sent_is_the_same_program(engine: Engine, tmp_path: Path) -> None:
    for path in SCRIPTS:
        (tmp_path / path.name).write_text(onhost.sent(path.read_text("ascii")), "ascii")
    read, sent = (
        engine.run(f"& '{HERE / 'form.ps1'}' -Folder '{folder}'", b"", {}).stdout.splitlines()
        for folder in (FOLDER, tmp_path)
    )
    assert len(read) == len(sent) == len(SCRIPTS)
    for ours, theirs in zip(map(json.loads, read), map(json.loads, sent), strict=True):
        assert ours["tokens"] == theirs["tokens"], ours["file"]
        assert ours["nodes"] == theirs["nodes"], ours["file"]
        assert len(ours["tokens"]) > 10


def test_commands_are_those_documented(trees: dict[str, dict[str, Any]]) -> None:
    own = {one["name"] for tree in trees.values() for one in tree["functions"]}
    variables = {"$Act", "$Condition", "$Value", "$examine", "([scriptblock]::Create($text))"}
    used = {name for file, tree in trees.items() if file not in STAND_INS for name in tree["commands"]}
    assert used - own - variables == documented("Commands")


def test_types_are_those_documented(trees: dict[str, dict[str, Any]]) -> None:
    closed = [tree for file, tree in trees.items() if file not in STAND_INS]
    used = {name for tree in closed for name in tree["types"]}
    used |= {name for tree in closed for name in tree["strings"]} - {"New-Object"}
    assert used == documented("Types")


def test_members_are_those_documented(trees: dict[str, dict[str, Any]]) -> None:
    used = {name for file, tree in trees.items() if file not in STAND_INS for name in tree["members"]}
    assert {name for name in used if "::" in name} == documented("Static members")
    assert {name for name in used if name.endswith("()") and "::" not in name} == documented("Methods")


def test_a_member_named_by_a_variable_would_be_seen(engine: Engine, tmp_path: Path) -> None:
    sneaky = tmp_path / "Sneaky.ps1"
    sneaky.write_text("[Diagnostics.Process]::Start('x')\n& $command\n[string]::$member()\n", "ascii")
    found = json.loads(engine.run(f"& '{HERE / 'syntax.ps1'}' -Path '{sneaky}'", b"", {}).stdout)
    assert not set(found["types"]) <= documented("Types")
    assert not set(found["commands"]) <= documented("Commands")
    assert not {name for name in found["members"] if "::" in name} <= documented("Static members")


def test_functions_have_approved_verbs(trees: dict[str, dict[str, Any]]) -> None:
    lines = (HERE / "approved-verbs.txt").read_text("utf-8").splitlines()
    approved = {verb for line in lines if not line.startswith("#") for verb in line.partition(": ")[2].split()}
    assert len(approved) == 98
    names = [function["name"] for tree in trees.values() for function in tree["functions"]]
    assert [name for name in names if name.partition("-")[0] not in approved] == []
    assert len(names) > 100
