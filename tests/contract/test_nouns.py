"""Recovery, rights and the firewall: what the scripts ask the computer for, and what they make of odd values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.engine import HERE, Engine, Visit
from contract.hosts import AUTOMATION, DATA, Host, make_host
from contract.test_apply import parameters, visit_of
from contract.test_reading import evaluate, registry

CASES = yaml.safe_load((HERE.parent / "cases" / "contract" / "apply-nouns.yaml").read_text("utf-8"))
EVERY = CASES[0]
BLOCK = "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=9696|Name=certify-automation-api|"


def programs(visit: Visit) -> list[list[str]]:
    """The programs a visit starts from now on, with their arguments."""
    started: list[list[str]] = []

    def before(command: str, arguments: Any) -> None:
        if command.endswith(".exe"):
            started.append([command, *arguments])

    visit.commands.before = before
    return started


def journal(host: Host, run_id: str) -> list[dict[str, Any]]:
    lines = host.computer.files.read(f"{AUTOMATION}\\runs\\{run_id}\\journal").splitlines()
    return [json.loads(line) for line in lines]


def test_applied_again_nothing_is_done(engine: Engine, tmp_path: Path) -> None:
    host = make_host(EVERY, tmp_path)
    first, again = visit_of(EVERY, host), visit_of({**EVERY, "name": "again", "expects": {}}, host)
    started = programs(again)
    replies = engine.visits([first, again])
    assert [reply["value"]["result"] for reply in replies] == ["applied", "applied"]
    assert {tuple(line[:2]) for line in started} == {("netsh.exe", "http")}
    assert "Set-FolderAccess" not in again.commands.asked
    done = [line for line in journal(host, replies[1]["value"]["run_id"]) if line["event"] != "begin"]
    assert {(line["event"], line.get("acted", False)) for line in done[:3]} == {("done", False)}
    assert replies[0]["value"]["facts"]["managed"] == replies[1]["value"]["facts"]["managed"]


def test_programs_are_told_what_windows_documents(engine: Engine, tmp_path: Path) -> None:
    host = make_host(EVERY, tmp_path)
    visit = visit_of(EVERY, host)
    started = programs(visit)
    assert engine.visit(visit)["value"]["result"] == "applied"
    service = "Certify.Service"
    rule = "name=certify-automation-api dir=in action=block protocol=TCP localport=9696 profile=any"
    assert [line for line in started if line[1] != "http"] == [
        ["netsh.exe", "advfirewall", "firewall", "add", "rule", *rule.split()],
        ["sc.exe", "failure", service, "reset=", "3600", "actions=", "restart/60000/restart/120000//0"],
        ["sc.exe", "failureflag", service, "1"],
    ]


def test_no_program_is_given_an_empty_argument(engine: Engine, tmp_path: Path) -> None:
    case = next(case for case in CASES if case["name"].startswith("recovery without any action"))
    visit = visit_of(case, make_host(case, tmp_path))
    started = programs(visit)
    assert engine.visit(visit)["value"]["result"] == "applied"
    assert all(all(line) for line in started)
    assert ["sc.exe", "failure", "Certify.Service", "reset=", "INFINITE", "actions=", "/0"] in started


def test_rights_that_read_differently_are_put_back(engine: Engine, tmp_path: Path) -> None:
    case = {"name": "rights", "product": {"generation": "v6"}, "changes": [EVERY["changes"][1]]}
    host = make_host(case, tmp_path)
    before = host.computer.files.security(DATA)
    visit = visit_of(case, host)
    given: list[str] = []

    def after(command: str, arguments: Any) -> None:
        if command == "Set-FolderAccess" and not given:
            given.append(arguments["sddl"])
            host.computer.files.set_security(DATA, "O:SYG:SYD:PAI(A;OICI;FA;;;WD)")

    visit.commands.after = after
    outcome = engine.visit(visit)["value"]
    assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "access_control")
    assert (host.computer.files.security(DATA).split("D:")[1], len(given)) == (before.split("D:")[1], 1)


def test_hundreds_of_rules_are_read_once(engine: Engine, tmp_path: Path) -> None:
    rules = {"rules": {"{1}": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=9696|Name=x|"}, "times": 600}
    host = make_host({"product": {"generation": "v6"}, "arrange": [{"firewall_rules": rules}]}, tmp_path)
    plan = parameters({**EVERY, "changes": []}, host)["plan"]
    visit = Visit("Observe", plan["observe"], host.commands())
    asked: list[str] = []

    def before(command: str, arguments: Any) -> None:
        if "FirewallRules" in str(arguments):
            asked.append(command)

    visit.commands.before = before
    facts = engine.visit(visit)["value"]
    assert len(facts["firewall_rules"]) == 600
    assert asked == ["Test-Path", "Test-Path", "Get-ItemProperty"]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ("FailureActions = [byte[]](1, 2); FailureActionsOnNonCrashFailures = 1", ["AQI=", True]),
        ("FailureActions = [byte[]](0); FailureActionsOnNonCrashFailures = 0", ["AA==", False]),
        ("FailureActions = 'text'", [None, False]),
        ("Start = 2", [None, False]),
    ],
)
def test_recovery_may_be_absent_or_of_another_type(engine: Engine, values: str, wanted: list[Any]) -> None:
    found = evaluate(engine, f"$({registry(values)} Get-RecoveryFacts -Name 'x')", "Host", "Service")
    assert [found["failure_actions"], found["failure_flag"]] == wanted


def test_a_service_without_a_key_has_no_recovery(engine: Engine) -> None:
    text = "$(function Test-Path { param($LiteralPath) $false }; Get-RecoveryFacts -Name 'x')"
    found = evaluate(engine, text, "Host", "Service")
    assert found == {"failure_actions": None, "failure_flag": False}


HEADER = "80510100 00000000 00000000"


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (f"{HEADER} 01000000 14000000 01000000 60EA0000", "False 86400 restart/60000"),
        (f"{HEADER} 02000000 14000000 01000000 60EA0000 01000000 60EA0000", "False 86400 restart/60000"),
        (f"{HEADER} 02000000 14000000 02000000 01000000 00000000 00000000", "False 86400 reboot/1 /0"),
        (f"{HEADER} 02000000 14000000 00000000 05000000 03000000 00000000", "False 86400 /5 run/0"),
        (f"{HEADER} 01000000 14000000 00000000 05000000", "False"),
        (f"{HEADER} 00000000 14000000", "False"),
        ("FFFFFFFF 00000000 00000000 01000000 18000000 FFFFFFFF 01000000 E8030000", "False INFINITE restart/1000"),
        (f"{HEADER} 01000000 14000000 04000000 05000000", "unreadable"),
        (f"{HEADER} 02000000 14000000 01000000 60EA0000", "unreadable"),
        (f"{HEADER} FFFFFFFF FFFFFFFF", "unreadable"),
        ("8051", "unreadable"),
    ],
)
def test_recoveries_that_do_the_same_read_the_same(engine: Engine, content: str, wanted: str) -> None:
    values = ", ".join(str(byte) for byte in bytes.fromhex(content))
    fake = registry(f"FailureActions = [byte[]]({values})")
    assert evaluate(engine, f"$({fake} Get-ServiceRecovery -Name 'x')", "Host", "Service", "ServiceRecovery") == wanted


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("D:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)", "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", True),
        ("D:AI(A;OICI;FA;;;SY)(A;OICIID;FA;;;BU)", "D:(A;OICI;FA;;;SY)", True),
        ("D:AI(A;OICI;FA;;;SY)", "D:PAI(A;OICI;FA;;;SY)", False),
        ("D:PAI(A;OICI;FA;;;SY)(A;OICIID;FA;;;BU)", "D:PAI(A;OICI;FA;;;SY)", False),
        ("D:PAI(A;OICI;FA;;;SY)", "D:PAI(A;OICI;FR;;;SY)", False),
        ("D:PAI(A;OICI;FA;;;SY)", "D:PAI(D;OICI;FA;;;SY)", False),
        ("D:PAI", "D:P", True),
    ],
)
def test_lists_of_rights_are_compared_by_what_they_mean(engine: Engine, one: str, other: str, same: bool) -> None:
    fake = "function Get-FolderSddl { param($Sddl) $Sddl }; "
    text = f"$({fake} (Get-AccessText -Sddl '{one}') -ceq (Get-AccessText -Sddl '{other}'))"
    assert evaluate(engine, text, "Access") is same


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        (BLOCK, "present"),
        (BLOCK.replace("v2.30", "v2.33") + "Desc=x|EmbedCtxt=y|", "present"),
        (BLOCK.replace("Active=TRUE", "Active=FALSE"), "other"),
        (BLOCK.replace("Block", "Allow"), "other"),
        (BLOCK.replace("Protocol=6", "Protocol=17"), "other"),
        (BLOCK.replace("LPort=9696", "Profile=Public|LPort=9696"), "other"),
        (BLOCK.replace("LPort=9696", "LPort=9696|App=x.exe"), "other"),
        (BLOCK.replace("LPort=9696", "LPort=9697"), "other"),
        (BLOCK.replace("Dir=In", "Dir=Out"), "absent"),
    ],
)
def test_only_a_rule_that_blocks_for_everybody_is_the_block_rule(engine: Engine, rule: str, state: str) -> None:
    fake = registry(f"'{{1}}' = '{rule}'; PSPath = 'x'; PSDrive = 5")
    text = f"$({fake} Get-FirewallRuleState -Name 'certify-automation-api' -Port 9696)"
    assert evaluate(engine, text, "Host", "Firewall", "Access") == state
