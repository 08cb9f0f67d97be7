"""What is left of a run and is not as it should be: scripts and lab make the same of it, and the right thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.onhost import Cut
from contract.comparing import check_schema, comparable, left_behind
from contract.engine import Engine, Visit
from contract.hosts import AUTOMATION, Host
from contract.simulated import simulated_reply
from contract.test_same_recovery import CASES, OBSERVE, as_the_engine_sees_it, cut_off, parameters, recovering

CASE = CASES["every kind of change, v6"]
LATE = Cut(32)
_DEADLINE = 300


def folder(host: Host) -> str:
    (entry,) = host.computer.files.entries(f"{AUTOMATION}\\runs")
    return f"{AUTOMATION}\\runs\\{entry.name}"


def journal(change: Callable[[bytes], bytes]) -> Callable[[Host], None]:
    def edit(host: Host) -> None:
        path, files = f"{folder(host)}\\journal", host.computer.files
        files.write(path, change(files.read(path)))

    return edit


def torn_outcome(content: bytes) -> Callable[[Host], None]:
    return lambda host: host.computer.files.write(f"{folder(host)}\\outcome.json", content)


def clock_was_set(host: Host) -> None:
    journal(lambda text: re.sub(rb'"boot_utc_ms":(\d+)', lambda m: b'"boot_utc_ms":%d' % (int(m[1]) + 90000), text))(
        host
    )


@dataclass(frozen=True)
class Damage:
    """`edit` is what happens to the run; then its end is `recovered`, or the next one is refused with `refused`."""

    edit: Callable[[Host], None]
    recovered: str | None = None
    refused: str | None = None


DAMAGES = {
    "a service that was starting": Damage(
        journal(lambda text: text.replace(b'"Running"', b'"Start Pending"')), "rolled_back"
    ),
    "a service that was stopping": Damage(
        journal(lambda text: text.replace(b'"Running"', b'"Stop Pending"')), "rolled_back"
    ),
    "a clock that was set": Damage(clock_was_set, "rolled_back"),
    "an empty journal beside a copy": Damage(journal(lambda _: b""), refused="journal_damaged"),
    "half a first line beside a copy": Damage(journal(lambda text: text[:40]), refused="journal_damaged"),
    "a first line that is no object": Damage(journal(lambda _: b"[]\n"), refused="journal_damaged"),
    "a line that is no object": Damage(journal(lambda text: text + b"[]\n"), refused="journal_damaged"),
    "an event of another day": Damage(journal(lambda text: text + b'{"event":"later"}\n'), "rolled_back"),
    "an empty outcome": Damage(torn_outcome(b""), "rolled_back"),
    "half an outcome": Damage(torn_outcome(b'{"contract":1,"run_id":"'), "rolled_back"),
    "an outcome of zeros": Damage(torn_outcome(bytes(100)), "rolled_back"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_both_make_the_same_of_what_is_damaged(name: str, engine: Engine, tmp_path: Path) -> None:
    damage = DAMAGES[name]
    host, twin = (cut_off(CASE, tmp_path / kind, LATE) for kind in ("engine", "lab"))
    as_the_engine_sees_it(host)
    for one in (host, twin):
        damage.edit(one)
    replies = engine.visits(
        [
            Visit("Observe", OBSERVE, host.commands()),
            Visit("Apply", recovering(CASE, host), host.commands(), _DEADLINE),
        ]
    )
    expected = [
        simulated_reply(twin, "Observe", OBSERVE),
        simulated_reply(twin, "Apply", recovering(CASE, twin), deadline=_DEADLINE),
    ]
    for script, ours, theirs in zip(("facts", "outcome"), replies, expected, strict=True):
        check_schema(script, theirs["value"])
        assert comparable(ours) == comparable(theirs)
    if damage.recovered is not None:
        assert left_behind(host) == left_behind(twin)
    outcome = replies[1]["value"]
    assert [run["result"] for run in outcome["recovered"]] == ([damage.recovered] if damage.recovered else [])
    assert (outcome["refusal"] or {}).get("code") == damage.refused
    service = twin.computer.services.get("Certify.Service")
    assert service is not None
    if damage.recovered is not None:
        assert service.state == ("Stopped" if "stopping" in name else "Running")


@pytest.mark.parametrize("run_id", ["..", "A" * 32, "1" * 31, "1" * 33, "1" * 32 + "\n", ""])
def test_both_take_nothing_else_for_a_run_id(run_id: str, engine: Engine, tmp_path: Path) -> None:
    host, twin = (cut_off(CASE, tmp_path / kind, LATE) for kind in ("engine", "lab"))
    before = twin.computer.dump()
    asked: list[tuple[Any, dict[str, Any]]] = [("Guard", {"verb": "undo", "run_id": run_id, "observe": OBSERVE})]
    asked += [("Apply", parameters(CASE, host, "named", run_id=run_id))]
    for script, said in asked:
        ours = engine.visit(Visit(script, said, host.commands()))
        theirs = simulated_reply(twin, script, said)
        assert (ours["error"]["code"], theirs["error"]["code"]) == ("script_failed", "script_failed")
        assert ours["error"]["message"] == theirs["error"]["message"] == f"This is no run id: {run_id}"
    assert twin.computer.dump() == before
