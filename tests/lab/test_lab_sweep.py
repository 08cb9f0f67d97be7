"""A visit cut off at each of its effects, and what the next one makes of that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab_plans import PLANS, another_run, apply, call, read, state, without_changes

from certify_automation import onhost
from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.onhost import Cut, Killed, Point, PowerLost, Visit, VisitFaults, answer
from certify_automation.lab.onhost.effect import Effect
from certify_automation.lab.windows.power import boot, lose_power, start_delayed

Json = dict[str, Any]
FILES = ("serviceconfig", "servers", "appsettings_core")


def effects_of(host: BuiltHost, parameters: Json) -> list[Effect]:
    """What a visit does when nothing cuts it off; the host is left as it leaves it."""
    visit = Visit(host.computer)
    assert answer(visit, onhost.acting_script(parameters).name, parameters, deadline_seconds=300)["ok"]
    return visit.effects.reached


def cuts(effects: list[Effect], *, power: bool) -> Iterator[Cut]:
    """After an effect is as before the next one, but for the last."""
    for number, effect in enumerate(effects):
        yield Cut(number, Point.BEFORE, power)
        if effect.divisible:
            yield Cut(number, Point.INSIDE, power)
    yield Cut(len(effects) - 1, Point.AFTER, power)


def cut_off(host: BuiltHost, parameters: Json, cut: Cut) -> None:
    """Cut a visit off; when power was lost it comes back, and Windows starts."""
    with pytest.raises(PowerLost if cut.power else Killed):
        call(host, parameters, faults=VisitFaults(cut=cut))
    if cut.power:
        lose_power(host.computer)
        boot(host.computer)
        host.computer.pass_time(120)
        start_delayed(host.computer)
    host.computer.pass_time(60)


def assert_whole(host: BuiltHost, old: dict[str, bytes | None], new: dict[str, bytes | None]) -> None:
    """Each file is the old or the new one and parses; nothing half done lies about."""
    for file in FILES:
        content = read(host, file)
        assert content in (old[file], new[file]), file
        assert content is None or json.loads(content) is not None
    left = [
        name for name in host.computer.files.walk() if name.endswith((".certify-automation", ".old", "lock-holder"))
    ]
    assert [name for name in left if not name.endswith(".bak.old")] == []


def contents(host: BuiltHost) -> dict[str, bytes | None]:
    return {file: read(host, file) for file in FILES}


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
@pytest.mark.parametrize("fails", [False, True], ids=["applies", "fails health"])
@pytest.mark.parametrize("generation", ["v6", "v7"])
@pytest.mark.parametrize("name", PLANS)
def test_a_run_cut_off_anywhere_is_brought_to_one_of_its_two_ends(
    name: str, generation: str, fails: bool, power: bool
) -> None:
    host, plan = PLANS[name].prepare(generation, fails=fails)
    before, old = state(host), contents(host)
    parameters = {"verb": "apply", "plan": plan}
    effects = effects_of(host, parameters)
    after, new = state(host), contents(host)
    assert (after == before) is fails
    for cut in cuts(effects, power=power):
        where = f"{cut} {effects[cut.effect].name}"
        host, plan = PLANS[name].prepare(generation, fails=fails)
        cut_off(host, parameters, cut)
        outcome = apply(host, without_changes(plan))
        assert outcome["result"] == "applied", where
        assert all(run["result"] in ("applied", "rolled_back") for run in outcome["recovered"]), (where, outcome)
        assert_whole(host, old, new)
        assert state(host) in (before, after), where
        again = apply(host, another_run(plan, "2"))
        assert again["result"] == ("rolled_back" if fails else "applied"), (where, again)
        assert state(host) == after, where


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_a_recovery_cut_off_anywhere_is_gone_on_with(generation: str, power: bool) -> None:
    everything = PLANS["everything"]
    host, plan = everything.prepare(generation)
    before, old = state(host), contents(host)
    effects = effects_of(host, {"verb": "apply", "plan": plan})
    after, new = state(host), contents(host)
    last = len(effects) - 1
    for first in [Cut(number, Point.INSIDE) for number in (last // 3, 2 * last // 3, last - 4)]:
        host, plan = everything.prepare(generation)
        parameters = {"verb": "apply", "plan": without_changes(plan)}
        cut_off(host, {"verb": "apply", "plan": plan}, first)
        recovery = effects_of(host, parameters)
        for second in cuts(recovery, power=power):
            where = f"{first} {effects[first.effect].name}, then {second} {recovery[second.effect].name}"
            host, plan = everything.prepare(generation)
            cut_off(host, {"verb": "apply", "plan": plan}, first)
            cut_off(host, parameters, second)
            outcome = apply(host, plan)
            assert outcome["repeated"], where
            assert_whole(host, old, new)
            assert state(host) == (after if outcome["result"] == "applied" else before), where


def test_a_service_started_on_half_of_a_plan_is_started_again() -> None:
    """With one of the two changes in force no address is left for the service to listen at."""
    host, plan = PLANS["removals"].prepare("v6")
    plan["changes"][0]["address"] = "127.0.0.2"
    before = state(host)
    effects = effects_of(PLANS["removals"].prepare("v6")[0], {"verb": "apply", "plan": plan})
    number = next(i for i, effect in enumerate(effects) if "delete urlacl" in effect.name)
    cut_off(host, {"verb": "apply", "plan": plan}, Cut(number, power=True))
    assert state(host)["registrations"] != before["registrations"]
    outcome = apply(host, without_changes(plan))
    assert [run["result"] for run in outcome["recovered"]] == ["rolled_back"]
    assert state(host) == before
