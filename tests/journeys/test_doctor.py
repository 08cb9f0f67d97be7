"""The command doctor against servers that are broken, one that cannot be reached, and what was saved of them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from certify_automation.cli import main
from certify_automation.doctor import catalogue
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import generated_hosts

from .conftest import Journey, Ran, start

ROOT = Path(__file__).resolve().parent.parent.parent
BROKEN, STOPPED, EMPTY, HEALTHY, AWAY = (f"host{number:03}.lab.example" for number in range(1, 6))
FAULTS = {
    "listen_list_excludes": BROKEN,
    "connections_disagree": BROKEN,
    "driver_disabled": BROKEN,
    "service_stopped": STOPPED,
    "not_installed": EMPTY,
    "unreachable": AWAY,
}
ROOTS = {
    BROKEN: {"CA6101", "CA6201", "CA6206"},
    STOPPED: {"CA6106"},
    EMPTY: {"CA6501"},
    HEALTHY: set[str](),
    AWAY: {"CA6001"},
}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Five hosts that nobody mends: every test only looks."""
    rules = FaultRules(FaultRule(fault, (host,)) for fault, host in FAULTS.items())
    yield from start(tmp_path_factory.mktemp("ward"), LabOptions(generated_hosts(5, 0), rules))


def alone(*arguments: str) -> Ran:
    """A command line as it stands, without a repository."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    return Ran(code, out.getvalue(), err.getvalue())


def roots(document: Any) -> dict[str, set[str]]:
    return {host["host"]: {one["id"] for one in host["findings"] if not one["caused_by"]} for host in document["hosts"]}


def headings(text: str) -> list[str]:
    return re.findall(r"^(\S+\.lab\.example)  ", text, re.MULTILINE)


def test_each_host_has_its_causes_and_was_visited_once_and_left_as_it_was(ward: Journey) -> None:
    ward.run("doctor")  # the first one leaves the folder in which a task has asked the API
    before = ward.lab.dump()
    visits = {name: host.machine.visits for name, host in ward.lab.hosts.items()}
    done = ward.run("doctor", "--json")
    assert (done.code, done.document()["exit_code"]) == (4, 4)
    assert roots(done.document()) == ROOTS
    assert ward.lab.dump() == before
    made = {name: host.machine.visits - visits[name] for name, host in ward.lab.hosts.items()}
    assert made == {name: int(name != AWAY) for name in ROOTS}


def test_the_document_says_of_each_finding_what_proves_it_and_what_ends_it(ward: Journey) -> None:
    document = ward.run("doctor", "--json").document()
    assert (document["schema_version"], document["kind"]) == (1, "doctor")
    codes = {host["host"]: host["exit_code"] for host in document["hosts"]}
    assert codes == {BROKEN: 2, STOPPED: 2, EMPTY: 2, HEALTHY: 0, AWAY: 4}
    page = (ROOT / "docs" / "findings.md").read_text("utf-8")
    for host in document["hosts"]:
        ids = {one["id"] for one in host["findings"]}
        for one in host["findings"]:
            assert one["evidence"]
            assert one["cause"]
            assert set(one["caused_by"]) <= ids - {one["id"]}
            assert f'<a id="{one["link"].partition("#")[2]}"></a>' in page
            assert (one["command"] is None) == (one["repair"] == "person")
    away = next(host for host in document["hosts"] if host["host"] == AWAY)
    assert (away["status"], away["error"]["id"], away["version"]) == ("unreachable", "CA2002", None)


def test_the_worst_host_comes_first_and_what_follows_from_a_cause_is_below_it(ward: Journey) -> None:
    text = ward.run("doctor").out
    shown = headings(text)
    assert shown[0] == AWAY
    assert set(shown) == set(ROOTS) - {HEALTHY}
    assert f"no findings: {HEALTHY}" in text
    listing = text[text.index("  ERROR CA6201") :]
    folded = listing[listing.index("    follows from it:") : listing.index("  WARNING CA6206")]
    assert {"CA6105", "CA6203"} <= set(re.findall(r"^      (CA\d{4})  ", folded, re.MULTILINE))
    assert "ListenOnlyList: 10.20.0.1" in listing
    assert f"certify-automation remediate {BROKEN} --only CA6201" in listing


def test_an_unreachable_host_names_what_cuts_winrm_and_the_ways_around_it(ward: Journey) -> None:
    text = " ".join(ward.run("doctor", AWAY).out.split())
    words = ("HTTP driver", "IP listen list", "firewall", "certificate", "sc.exe", "schtasks", "--bundle-script")
    assert [word for word in words if word not in text] == []


def test_a_host_that_refuses_the_account_is_a_finding_of_its_own(tmp_path: Path) -> None:
    rules = FaultRules([FaultRule("refuse_authentication")])
    for journey in start(tmp_path, LabOptions(generated_hosts(1, 0), rules)):
        done = journey.run("doctor", "--json")
        assert (done.code, roots(done.document())) == (4, {BROKEN: {"CA6002"}})


@pytest.mark.parametrize(
    ("hosts", "code"),
    [((HEALTHY,), 0), ((BROKEN,), 2), ((HEALTHY, BROKEN), 2), (("all:!host005*",), 2), ((AWAY, BROKEN), 4)],
)
def test_the_exit_code_is_that_of_the_worst_host(ward: Journey, hosts: tuple[str, ...], code: int) -> None:
    assert ward.run("doctor", *hosts).code == code


def test_a_healthy_host_is_one_line(ward: Journey) -> None:
    assert ward.run("doctor", HEALTHY).out == "1 host examined, no findings\n"


def test_quiet_tells_what_is_wrong_and_no_more(ward: Journey) -> None:
    full, quiet = ward.run("doctor", BROKEN), ward.run("doctor", "-q", BROKEN)
    labels = {"cause", "evidence", "fix", "next"}
    assert set(re.findall(r"^    (\w+(?: it)?)  ", full.out, re.MULTILINE)) == labels | {"symptom", "risk", "about it"}
    assert set(re.findall(r"^    (\w+(?: it)?)  ", quiet.out, re.MULTILINE)) == labels
    assert quiet.err == ""


def test_only_some_findings(ward: Journey) -> None:
    for wanted in ("CA6101", "ca6101", "files_disagree", "Files-Disagree"):
        done = ward.run("doctor", "--json", "--only", wanted)
        assert {name: found for name, found in roots(done.document()).items() if found} == {BROKEN: {"CA6101"}}
    done = ward.run("doctor", "--only", "not_listening", BROKEN)
    assert "  ERROR CA6105  " in done.out
    assert "CA6201" not in done.out
    assert ward.run("doctor", "--only", "CA6101", STOPPED).code == 0


@pytest.mark.parametrize(
    ("flag", "wrong", "near"),
    [
        ("--only", "files_disagre", "files_disagree"),
        ("--explain", "CA61O1", "did you mean CA6"),
        ("--only", "zebra", "all"),
    ],
)
def test_a_finding_that_does_not_exist_is_an_error_with_suggestions(
    ward: Journey, flag: str, wrong: str, near: str
) -> None:
    done = ward.run("doctor", flag, wrong)
    assert (done.code, done.out) == (5, "")
    assert "CA5041" in done.err
    assert near in done.err
    document = ward.run("doctor", flag, wrong, "--json").document()
    assert document["error"]["id"] == "CA5041"


def test_a_pattern_that_names_no_host_is_an_error(ward: Journey) -> None:
    done = ward.run("doctor", "hots001")
    assert done.code == 5
    assert "CA1310" in done.err


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe")], ids=str
)
def test_what_was_saved_is_examined_offline_with_the_same_findings(
    ward: Journey, tmp_path: Path, encoding: str, mark: bytes
) -> None:
    file = tmp_path / "bundle.json"
    live = ward.run("doctor", "--json", "--save", str(file))
    file.write_bytes(mark + file.read_text("utf-8").encode(encoding))
    visits = sum(host.machine.visits for host in ward.lab.hosts.values())
    offline = ward.run("doctor", "--json", "--bundle", str(file))
    seen = {host["host"]: host["findings"] for host in offline.document()["hosts"]}
    assert seen == {h["host"]: h["findings"] for h in live.document()["hosts"] if h["host"] != AWAY}
    assert offline.code == 2
    assert sum(host.machine.visits for host in ward.lab.hosts.values()) == visits


def test_a_bundle_needs_no_repository_and_says_when_it_was_seen(
    ward: Journey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bundle.json"
    ward.run("doctor", "--save", str(file), BROKEN)
    monkeypatch.chdir(tmp_path)
    done = alone("doctor", "--bundle", str(file))
    assert done.code == 2
    assert re.search(rf"^{BROKEN}  version 6\.\S+, seen at \d{{4}}-", done.out, re.MULTILINE)


def test_some_hosts_of_a_bundle(ward: Journey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bundle.json"
    ward.run("doctor", "--save", str(file), BROKEN, STOPPED, HEALTHY)
    offline = ("doctor", "--json", "--bundle", str(file))
    assert roots(ward.run(*offline, "legacy").document()) == {BROKEN: ROOTS[BROKEN]}
    assert roots(ward.run(*offline, "-l", "ring=canary").document()) == {BROKEN: ROOTS[BROKEN]}
    assert list(roots(ward.run(*offline, "modern:!host002*").document())) == [HEALTHY]
    assert "CA1310" in ward.run("doctor", "--bundle", str(file), EMPTY).err
    monkeypatch.chdir(tmp_path)
    assert list(roots(alone(*offline, "host00[12]*").document())) == [BROKEN, STOPPED]


def test_what_is_declared_counts_for_hosts_of_the_inventory_and_others_are_named(ward: Journey, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    ward.run("doctor", "--save", str(file), HEALTHY)
    assert ward.run("doctor", "--bundle", str(file)).err == ""
    file.write_text(file.read_text("utf-8").replace(HEALTHY, "elsewhere"), "utf-8")
    assert "elsewhere is not in the inventory" in ward.run("doctor", "--bundle", str(file)).err


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "CA5043"),
        ("", "CA5044"),
        ('{"kind": "plan"}', "CA5044"),
        ('{"kind": "bundle", "schema_version": 2, "hosts": []}', "CA5045"),
        ('{"kind": "bundle", "schema_version": 1, "hosts": [{"host": "a"', "CA5046"),
        ('{"kind": "bundle", "schema_version": 1, "hosts": [{"host": "a", "made_utc_ms": 0, "facts": {}}]}', "CA5046"),
    ],
    ids=["missing", "empty", "another", "newer", "cut off", "hollow"],
)
def test_a_bundle_that_cannot_be_used_is_an_error(tmp_path: Path, content: str | None, error: str) -> None:
    file = tmp_path / "bundle.json"
    if content is not None:
        file.write_text(content, "utf-8")
    done = alone("doctor", "--bundle", str(file))
    assert (done.code, error in done.err, "Traceback" in done.err) == (5, True, False)


def test_nothing_is_visited_when_the_bundle_could_not_be_saved(ward: Journey, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("precious\n", "utf-8")
    visits = ward.lab.hosts[BROKEN].machine.visits
    done = ward.run("doctor", "--save", str(file), BROKEN)
    assert (done.code, "CA5042" in done.err) == (5, True)
    assert (file.read_text("utf-8"), ward.lab.hosts[BROKEN].machine.visits) == ("precious\n", visits)


def test_the_script_for_a_console_is_the_same_in_a_file_and_on_standard_output(tmp_path: Path) -> None:
    file = tmp_path / "examine.ps1"
    made, shown = alone("doctor", "--bundle-script", str(file)), alone("doctor", "--bundle-script", "-")
    assert (made.code, shown.code, made.out) == (0, 0, "")
    assert "powershell.exe -NoProfile -ExecutionPolicy Bypass -File examine.ps1 -OutFile bundle.json" in made.err
    text = file.read_text("ascii")
    assert text == shown.out
    assert "param([string]$OutFile" in text
    document = alone("doctor", "--bundle-script", str(file), "--json").document()
    assert document["script"] == str(file)
    assert document["run"] in made.err


def test_a_script_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    done = alone("doctor", "--bundle-script", str(tmp_path / "nowhere" / "examine.ps1"))
    assert (done.code, "CA5066" in done.err) == (5, True)


def test_all_that_is_explained_is_the_page_of_findings() -> None:
    assert alone("doctor", "--explain", "all").out == (ROOT / "docs" / "findings.md").read_text("utf-8")
    one = alone("doctor", "--explain", "files_disagree")
    assert one.code == 0
    assert re.findall(r"^## (CA\d{4}) ", one.out, re.MULTILINE) == ["CA6101"]
    document = alone("doctor", "--explain", "all", "--json").document()
    assert [entry["id"] for entry in document["findings"]] == list(catalogue())


def test_this_computer_is_examined_without_a_visit(ward: Journey) -> None:
    visits = sum(host.machine.visits for host in ward.lab.hosts.values())
    document = ward.run("doctor", "--controller", "--json").document()
    checks = {one["what"]: one["result"] for one in document["checks"]}
    assert {"program", "configuration", "CA file", "names", "clock"} <= set(checks)
    assert "5 hosts" in checks["configuration"]
    assert [host["host"] for host in document["hosts"]] == ["this computer"]
    assert sum(host.machine.visits for host in ward.lab.hosts.values()) == visits
    assert "this computer examined" in ward.run("doctor", "--controller").out


def test_files_that_cannot_be_used_are_a_finding_of_this_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory.yaml").write_text("version: 1\nhosts: [web01\n", "utf-8")
    done = alone("doctor", "--controller")
    assert (done.code, "CA6901" in done.out) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--controller", "--explain", "all"), "CA5065"),
        (("--bundle", "a.json", "--save", "b.json"), "CA5065"),
        (("--bundle-script", "-", "--controller"), "CA5065"),
        (("--controller", "web01"), "CA5064"),
        (("--explain", "all", "--limit", "web"), "CA5064"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_asked_at_once_is_an_error(arguments: tuple[str, ...], error: str) -> None:
    done = alone("doctor", *arguments)
    assert (done.code, error in done.err) == (5, True)


def test_nothing_needs_to_be_declared(ward: Journey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = alone("doctor", BROKEN, "-i", str(ward.folder / "inventory.yaml"), "--json")
    assert roots(done.document()) == {BROKEN: ROOTS[BROKEN]}
    assert done.code == 2


@pytest.mark.parametrize(
    ("variables", "colored"), [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)]
)
def test_colors_are_left_out_where_they_are_not_wanted(
    ward: Journey, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], colored: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in ward.run("doctor", BROKEN).out) == colored


def test_no_line_is_wider_than_a_page_and_none_holds_a_secret(ward: Journey) -> None:
    text = ward.run("doctor").out
    broken = [line for line in text.splitlines() if len(line) > 114 and " " in line[14:].strip()]
    assert broken == []
    assert ward.lab.password not in text + json.dumps(ward.run("doctor", "--json").document())


def test_paragraphs_fit_a_narrow_terminal_and_commands_stay_whole(
    ward: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "70")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", ward.run("doctor", BROKEN).out)
    paragraphs = re.findall(r"^(?: {4}| {8}| {14})\S.*", shown, re.MULTILINE)
    wide = [line for line in paragraphs if len(line) > 70 and " " in line[14:]]
    commands = [f"    next      certify-automation remediate {BROKEN} --only {one}" for one in sorted(ROOTS[BROKEN])]
    assert sorted(wide) == commands
