from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify_automation import __version__, bundled

from .conftest import Run


def test_init_writes_a_repository_that_validates_as_it_stands(run: Run) -> None:
    written = run("init", "fleet")
    assert written.code == 0
    assert {"fleet/inventory.yaml", "fleet/state/baseline.yaml"} <= {p.replace("\\", "/") for p in written.out.split()}
    checked = run("validate", "-C", "fleet")
    assert (checked.code, checked.out, checked.err) == (0, "3 hosts in 1 group: valid\n", "")


def test_init_gives_editors_the_schemas_its_files_name(run: Run, tmp_path: Path) -> None:
    run("init", "fleet")
    for path in (tmp_path / "fleet").rglob("*.yaml"):
        first = path.read_text("utf-8").splitlines()[0]
        schema = path.parent / first.partition("$schema=")[2]
        assert json.loads(schema.read_text("utf-8"))["$id"]


def test_init_overwrites_nothing(run: Run, fleet: Path) -> None:
    (fleet / "inventory.yaml").write_text("mine", "utf-8")
    again = run("init", "fleet")
    assert again.code == 5
    assert "CA5002" in again.err
    assert "inventory.yaml" in again.err
    assert (fleet / "inventory.yaml").read_text("utf-8") == "mine"


def test_init_as_json(run: Run) -> None:
    document = run("init", "fleet", "--json").document()
    assert document["schema_version"] == 1
    assert "inventory.yaml" in document["files"]


def test_validate_shows_every_problem_with_its_line(run: Run, fleet: Path) -> None:
    state = fleet / "state" / "baseline.yaml"
    state.write_text(state.read_text("utf-8").replace("    host:", "    hots:").replace("running", "runing"), "utf-8")
    done = run("validate", "-C", "fleet")
    assert done.code == 5
    assert done.out == ""
    assert "state/baseline.yaml:" in done.err.replace("\\", "/")
    assert "hots: 127.0.0.2" in done.err
    assert "did you mean host" in done.err
    assert done.err.splitlines()[-1] == "2 errors"


def test_validate_as_json_is_one_document_on_failure_too(run: Run, fleet: Path) -> None:
    (fleet / "state" / "baseline.yaml").write_text("version: 1\napplies_to: all\nservcie: {}\n", "utf-8")
    done = run("validate", "-C", "fleet", "--json")
    document = done.document()
    assert done.code == document["exit_code"] == 5
    (problem,) = document["problems"]
    assert problem["id"].startswith("CA11")
    assert (problem["line"], problem["column"]) == (3, 1)


def test_validate_outside_a_repository(run: Run) -> None:
    done = run("validate")
    assert done.code == 5
    assert "inventory.yaml" in done.err
    assert "Traceback" not in done.err


def test_render_writes_the_files_of_every_selected_host(run: Run, fleet: Path, tmp_path: Path) -> None:
    del fleet
    done = run("render", "-C", "fleet", "-o", "out", "--limit", "web0[12]*")
    assert done.code == 0
    rendered = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.json")}
    names = ("serviceconfig.json", "servers.json")
    assert rendered == {f"web0{n}.example.com/{name}" for n in (1, 2) for name in names}
    config = json.loads((tmp_path / "out" / "web01.example.com" / "serviceconfig.json").read_text("utf-8"))
    assert config["Port"] == 9696
    assert len(done.out.splitlines()) == 4


def test_render_needs_a_folder(run: Run, fleet: Path) -> None:
    del fleet
    done = run("render", "-C", "fleet")
    assert done.code == 5
    assert "--output" in done.err


def test_schema_lists_and_prints(run: Run) -> None:
    names = run("schema").out.split()
    assert {"inventory", "desired-state", "settings"} <= set(names)
    for name in names:
        assert run("schema", name).out == bundled.text("schemas", f"{name}.schema.json")
    missing = run("schema", "inventroy")
    assert missing.code == 5
    assert "inventory" in missing.err


def test_version(run: Run) -> None:
    assert run("version").out.startswith(f"certify-automation {__version__}\n")
    assert run("version", "--json").document()["version"] == __version__
    assert run("--version").out.strip().endswith(__version__)


def test_no_command_shows_the_help(run: Run) -> None:
    done = run()
    assert done.code == 5
    assert "Usage:" in done.err
    assert "Exit codes" in done.err


@pytest.mark.parametrize(
    "arguments",
    [("frobnicate",), ("validate", "--frobnicate"), ("validate", "-C", "nowhere"), ("init",), ("inventory", "draw")],
)
def test_wrong_usage_ends_with_5(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.code == 5
    assert "CA5000" in done.err
    assert "--help" in done.err


def test_wrong_usage_as_json(run: Run) -> None:
    document = run("validate", "--frobnicate", "--json").document()
    assert (document["exit_code"], document["error"]["id"]) == (5, "CA5000")


def test_the_exit_codes_are_in_the_help(run: Run) -> None:
    shown = run("--help").out
    for line in ("0  done", "2  drift", "9  rolled back", "130  interrupted"):
        assert line in shown


@pytest.mark.parametrize("command", [("render", "-C", "fleet", "-o", "taken/out"), ("init", "taken/out")])
def test_a_folder_that_cannot_be_written_is_said(run: Run, fleet: Path, command: tuple[str, ...]) -> None:
    (fleet.parent / "taken").write_text("a file, not a folder", "utf-8")
    done = run(*command)
    assert done.code == 5
    assert "CA5016" in done.err
    assert "cannot be written" in done.err


def test_a_secret_in_a_line_that_is_shown_is_masked(run: Run, fleet: Path) -> None:
    inventory = fleet / "inventory.yaml"
    for line in ("pasword: hunter2", "password:\n        hunter2", '"passwd" : hunter2', "password: hunter2"):
        inventory.write_text(f"version: 1\nhosts:\n  web01:\n    connection:\n      {line}\n", "utf-8")
        done = run("validate", "-C", "fleet")
        assert done.code == 5
        assert "hunter2" not in done.out + done.err


def test_a_line_that_is_shown_cannot_play_with_the_terminal(run: Run, fleet: Path) -> None:
    (fleet / "state" / "baseline.yaml").write_text("version: 1\napplies_to: all\nname: [\u202ea\x1b[31m]\n", "utf-8")
    done = run("validate", "-C", "fleet")
    assert done.code == 5
    assert "name: [.a.[31m]" in done.err
