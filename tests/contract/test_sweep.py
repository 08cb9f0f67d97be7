"""Whatever instant a script dies at: the host is as before or as wanted, and the next visit goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.comparing import check_schema
from contract.engine import HERE, Engine
from contract.hosts import Host, make_host
from contract.sweep import Survivor, cuts_of, sweep, visit_of

CASES = yaml.safe_load((HERE.parent / "cases" / "contract" / "sweep.yaml").read_text("utf-8"))
OURS = (
    "C:\\ProgramData\\certify-automation",
    "C:\\ProgramData\\certify\\logs",
    "C:\\ProgramData\\certify\\manageditems",
    "C:\\ProgramData\\certify\\credentials",
)
DATABASE = [f"C:\\ProgramData\\certify\\manageditems.db{end}" for end in ("", "-wal", "-shm")]
LASTING = ("reservations", "ssl_bindings", "tasks", "environment")


def state(host: Host) -> dict[str, Any]:
    """What was declared, and all that was not; but process ids, the product's backups and logs, and our folder."""
    dump = host.computer.dump()
    rows = [*dump["services"], *dump["drivers"]]
    return {
        **{name: dump[name] for name in LASTING},
        "rules": sorted(dump["firewall"].values()),
        "listen": (sorted(dump["listen_live"]), sorted(dump["listen_registry"] or [])),
        "services": {row["name"]: (row["state"], row["start_mode"], row["delayed"]) for row in rows},
        "recovery": {row["name"]: (row.get("failure_actions"), row.get("failure_flag")) for row in rows},
        "access": {path: sddl for path, sddl in dump["file_security"].items() if "certify-automation" not in path},
        "database": {path: content for path, content in dump["files"].items() if path in DATABASE},
        "files": {path: content for path, content in dump["files"].items() if not path.startswith(OURS)},
    }


def leftovers(host: Host) -> list[str]:
    """Files that only a cut leaves."""
    ends = (".new", ".certify-automation", ".old", "lock-holder")
    return [path for path in host.computer.files.walk() if path.endswith(ends) and not path.endswith(".bak.old")]


def check(survivor: Survivor, before: dict[str, Any], after: dict[str, Any]) -> None:
    """The host is one of the two, says which, and said before that it had been cut off."""
    outcome, open_run = survivor.recovered, survivor.seen["open_run"]
    check_schema("facts", survivor.seen)
    check_schema("outcome", outcome)
    assert outcome["result"] == "applied"
    assert len(outcome["recovered"]) == (open_run is not None)
    assert open_run is None or open_run["error"] == ""
    result = outcome["recovered"][0]["result"] if open_run else None
    now = state(survivor.host)
    wanted = [after] if result == "applied" else [before] if result == "rolled_back" else [before, after]
    if now not in wanted:
        raise AssertionError(differences(now, wanted[0]))
    assert leftovers(survivor.host) == []
    assert outcome["facts"]["open_run"] is None


def differences(now: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: (now[name], wanted[name]) for name in wanted if now[name] != wanted[name]}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_plan_that_is_cut_off_anywhere(engine: Engine, case: dict[str, Any], tmp_path: Path) -> None:
    before = state(make_host(case, tmp_path / "before"))
    cuts, undisturbed, reply = cuts_of(engine, case, tmp_path / "after")
    assert reply["value"]["result"] == case["result"]
    after = state(undisturbed)
    assert (after == before) == (case["result"] == "rolled_back")
    survivors = sweep(engine, case, cuts, tmp_path / "cut")
    assert len(survivors) > len(case["changes"])
    failed = []
    for survivor in survivors:
        try:
            check(survivor, before, after)
        except AssertionError as error:
            failed.append(f"{survivor.cut}: {error}"[:1500])
    assert failed == [], "\n\n".join(failed)
    hosts = [survivor.host for survivor in survivors]
    for again in engine.visits([visit_of(case, host, "again") for host in hosts]):
        assert again["value"]["result"] == case["result"]
    assert [differences(state(host), after) for host in hosts] == [{}] * len(hosts)
