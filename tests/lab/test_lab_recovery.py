"""What a recovery must know of the run: what it had changed, for what reason it was undone, who else has written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from lab_plans import AUTOMATION, PLANS, another_run, apply, service, state, without_changes

from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.onhost import Cut, Killed, PowerLost, Visit, VisitFaults, answer
from certify_automation.lab.onhost.effect import Effects
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.windows.power import boot, lose_power, start_delayed

T = TypeVar("T")
Json = dict[str, Any]
FOLDER = f"{AUTOMATION}\\runs\\{'1' * 32}"


class Watched(Effects):
    """Effects before which something else may happen on the computer."""

    def __init__(self, before: Callable[[str], None]) -> None:
        super().__init__()
        self._before = before

    def have(self, cut: Cut | None, name: str, do: Callable[[], T], part: Callable[[], object] | None = None) -> T:
        """Let it happen, then have the effect."""
        self._before(name)
        return super().have(cut, name, do, part)


def applied_while(host: BuiltHost, plan: Json, before: Callable[[str], None]) -> Json:
    visit = Visit(host.computer, effects=Watched(before))
    reply = answer(visit, "Apply", {"verb": "apply", "plan": copy.deepcopy(plan)}, deadline_seconds=300)
    assert reply["ok"], reply
    return dict(reply["value"])


def killed_at(host: BuiltHost, plan: Json, effect: str, *, power: bool = False) -> None:
    def strike(name: str) -> None:
        if effect in name:
            raise PowerLost if power else Killed

    with pytest.raises(PowerLost if power else Killed):
        applied_while(host, plan, strike)


def recover(host: BuiltHost, plan: Json) -> Json:
    (run,) = apply(host, without_changes(plan))["recovered"]
    return dict(run)


@pytest.mark.parametrize("removed", [False, True])
def test_bytes_that_came_just_before_an_exchange_are_put_back(*, removed: bool) -> None:
    host, plan = PLANS["everything"].prepare("v6")
    change = next(one for one in plan["changes"] if one["kind"] == "file.write")
    if removed:
        change["content"] = change["after_sha256"] = None
    theirs, edited = b'{"Port": 1}', []

    def edit(name: str) -> None:
        exchange = f"move {change['path']}.certify-automation.old" if removed else f"replace {change['path']}"
        if name == exchange and not edited:
            edited.append(name)
            host.computer.files.write(change["path"], theirs)

    outcome = applied_while(host, plan, edit)
    assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "file_changed")
    assert host.computer.files.read(change["path"]) == theirs


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_what_was_there_before_the_run_stays_after_a_cut(generation: str) -> None:
    host, plan = PLANS["everything"].prepare(generation)
    host.computer.http.add_listen("127.0.0.3")
    before = state(host)
    killed_at(host, plan, "sc.exe stop")
    run = recover(host, plan)
    assert (run["result"], "127.0.0.3" in host.computer.http.live) == ("rolled_back", True)
    assert state(host) == before


def test_a_process_id_that_is_used_again_is_not_taken_for_the_same_process() -> None:
    """Windows has started the service on files that are taken back."""
    host, plan = PLANS["everything"].prepare("v6")
    host.computer.pass_time(3600)
    before = state(host)
    killed_at(host, plan, "sc.exe stop", power=True)
    lose_power(host.computer)
    boot(host.computer)
    host.computer.pass_time(120)
    start_delayed(host.computer)
    host.computer.pass_time(60)
    assert state(host)["registrations"] != before["registrations"]
    found = host.computer.services.get(service(host))
    assert found is not None
    _begun_by(host, found.process_id)
    assert recover(host, plan)["result"] == "rolled_back"
    assert state(host) == before


def _begun_by(host: BuiltHost, process_id: int) -> None:
    """As if the service had had this process id when the run began."""
    begin, *rest = host.computer.files.read(f"{FOLDER}\\journal").splitlines(keepends=True)
    first = {**json.loads(begin), "process_id": process_id}
    host.computer.files.write(f"{FOLDER}\\journal", ascii_json(first).encode() + b"\n" + b"".join(rest))


def test_another_plan_in_place_of_the_one_that_was_begun_is_not_undone() -> None:
    host, plan = PLANS["everything"].prepare("v6")
    killed_at(host, plan, "sc.exe stop")
    other = copy.deepcopy(plan)
    other["changes"][0]["address"] = "127.0.0.9"
    host.computer.files.write(f"{FOLDER}\\plan.json", ascii_json(other).encode())
    before = state(host)
    outcome = apply(host, another_run(plan, "2"))
    assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", "journal_damaged")
    assert state(host) == before


@pytest.mark.parametrize("effect", ["ipaddress=127.0.0.3", "sc.exe start", "outcome.json"])
def test_an_undo_that_goes_on_names_the_reason_it_was_begun_for(effect: str) -> None:
    host, plan = PLANS["everything"].prepare("v6", fails=True)
    before = state(host)
    names = reached(*PLANS["everything"].prepare("v6", fails=True))
    numbers = [number for number, name in enumerate(names) if effect in name]
    assert numbers, names
    with pytest.raises(Killed):
        apply(host, plan, faults=VisitFaults(cut=Cut(numbers[-1])))
    run = recover(host, plan)
    assert (run["result"], run["failure"]["code"]) == ("rolled_back", "endpoint_differs")
    assert state(host) == before


def reached(host: BuiltHost, plan: Json) -> list[str]:
    """What a visit does."""
    names: list[str] = []
    applied_while(host, plan, names.append)
    return names
