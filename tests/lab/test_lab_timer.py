"""A run under a dead-man timer, on a computer whose clock is turned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from lab_plans import AUTOMATION, PLANS, another_run, apply, call, observe, service, state, without_changes

from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.onhost import Cut, Killed, Point, Visit, VisitFaults, answer
from certify_automation.lab.windows.power import boot, lose_power, start_delayed

Json = dict[str, Any]
SECONDS = 120
EVERYTHING = PLANS["everything"]
RUN = "1" * 32
TASK = f"certify-automation-{RUN}"
FOLDER = f"{AUTOMATION}\\runs\\{RUN}"


class Scene:
    """A host on which a run awaits its confirmation."""

    def __init__(self, generation: str) -> None:
        self.host, self.plan = EVERYTHING.prepare(generation, confirm_seconds=SECONDS)
        self.before = state(self.host)
        self.outcome = apply(self.host, self.plan)
        self.after = state(self.host)

    def verb(self, verb: str, run_id: str = RUN) -> Json:
        return call(self.host, {"verb": verb, "run_id": run_id, "observe": self.plan["observe"]})

    def ended(self) -> Json:
        """What became of the run; nobody watches it any more."""
        assert not [one for one in self.host.computer.tasks.names() if one.startswith("certify-automation")]
        assert self.host.computer.tasks.instances == []
        outcome = apply(self.host, self.plan)
        assert outcome["repeated"]
        return outcome

    def events(self) -> list[int]:
        return [entry.event_id for entry in self.host.computer.events.entries]

    def check_undone(self, code: str) -> None:
        assert state(self.host) == self.before
        outcome = self.ended()
        assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", code)
        assert outcome["recovered"] == []


@pytest.fixture(params=["v6", "v7"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    made = Scene(request.param)
    assert made.outcome["result"] == "awaiting"
    assert made.after["tasks"][0]["name"] == TASK
    made.after["tasks"] = []
    yield made
    held = made.host.computer.files.holder(f"{AUTOMATION}\\lock")
    assert held is None


def test_a_confirmed_run_stays(scene: Scene) -> None:
    scene.host.computer.pass_time(SECONDS / 2)
    outcome = scene.verb("confirm")
    assert (outcome["result"], outcome["repeated"], outcome["health"]["healthy"]) == ("applied", False, True)
    assert scene.verb("confirm")["repeated"] is True
    scene.host.computer.pass_time(10 * SECONDS)
    assert state(scene.host) == scene.after
    assert scene.ended()["result"] == "applied"
    assert scene.events() == [1001, 1000]


def test_a_run_that_nobody_confirms_is_undone_by_the_host_alone(scene: Scene) -> None:
    scene.host.computer.pass_time(SECONDS - 10)
    assert observe(scene.host)["open_run"]["awaiting"] is True
    scene.host.computer.pass_time(60)
    scene.check_undone("not_confirmed")
    assert scene.events() == [1001, 1010]


def test_a_clock_set_back_by_a_day_changes_nothing(scene: Scene) -> None:
    clock = scene.host.computer.clock
    clock.set(clock.now() - timedelta(days=1))
    scene.host.computer.pass_time(SECONDS + 60)
    scene.check_undone("not_confirmed")


def test_a_start_of_the_computer_starts_the_timer_anew(scene: Scene) -> None:
    computer = scene.host.computer
    lose_power(computer)
    computer.clock.advance(10 * SECONDS)
    boot(computer)
    computer.pass_time(SECONDS / 2)
    start_delayed(computer)
    seen = observe(scene.host)["open_run"]
    assert (seen["run_id"], seen["awaiting"], seen["timer"]) == (RUN, True, True)
    assert (seen["by"], seen["commit"], seen["error"]) == ("alice@ctl01", "c0ffee", "")
    computer.pass_time(SECONDS)
    scene.check_undone("not_confirmed")


def test_a_timer_that_is_killed_starts_again(scene: Scene) -> None:
    computer = scene.host.computer
    computer.tasks.end(TASK)
    assert observe(scene.host)["open_run"]["timer"] is False
    computer.pass_time(70)
    assert observe(scene.host)["open_run"]["timer"] is True
    computer.pass_time(SECONDS)
    scene.check_undone("not_confirmed")


def test_a_task_that_was_left_removes_itself(scene: Scene) -> None:
    tasks = scene.host.computer.tasks
    xml = tasks.get(TASK).xml
    assert scene.verb("confirm")["result"] == "applied"
    scene.host.computer.pass_time(5)
    tasks.register(TASK, xml)
    scene.host.computer.pass_time(70)
    assert (tasks.names(), tasks.instances) == ((), [])


def test_a_dead_timer_leaves_its_work_to_the_next_apply(scene: Scene) -> None:
    scene.host.computer.tasks.end(TASK)
    scene.host.computer.tasks.delete(TASK)
    scene.host.computer.pass_time(10 * SECONDS)
    assert observe(scene.host)["open_run"]["timer"] is False
    outcome = apply(scene.host, without_changes(scene.plan))
    assert [run["failure"]["code"] for run in outcome["recovered"]] == ["not_confirmed"]
    scene.check_undone("not_confirmed")


def test_a_run_whose_api_no_longer_answers_is_not_confirmed(scene: Scene) -> None:
    scene.host.computer.services.stop(service(scene.host))
    scene.host.computer.pass_time(5)
    outcome = scene.verb("confirm")
    assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "health_timeout")
    scene.host.computer.pass_time(5)
    scene.check_undone("health_timeout")


def test_a_run_is_undone_on_demand(scene: Scene) -> None:
    assert scene.verb("undo")["result"] == "rolled_back"
    assert scene.verb("undo")["repeated"] is True
    scene.host.computer.pass_time(5)
    scene.check_undone("not_confirmed")


def test_nothing_else_is_applied_meanwhile(scene: Scene) -> None:
    outcome = apply(scene.host, another_run(scene.plan, "2"))
    assert (outcome["refusal"]["code"], outcome["refusal"]["message"]) == ("awaiting", RUN)
    again = apply(scene.host, scene.plan)
    assert (again["result"], again["repeated"]) == ("awaiting", True)
    assert scene.events() == [1001, 1011]
    assert scene.verb("confirm")["result"] == "applied"


def test_observe_writes_nothing_meanwhile(scene: Scene) -> None:
    before = scene.host.computer.dump()
    seen = observe(scene.host, "last")
    assert scene.host.computer.dump() == before
    assert (seen["open_run"]["run_id"], seen["open_run"]["timer"]) == (RUN, True)
    assert {step["status"] for step in seen["open_run"]["steps"]} == {"done"}
    assert seen["records"] == {"runs": [], "run": None}


def test_an_unknown_run(scene: Scene) -> None:
    assert scene.verb("confirm", "9" * 32)["refusal"]["code"] == "unknown_run"
    assert scene.verb("undo")["result"] == "rolled_back"


def test_another_text_than_the_task_was_made_for_does_not_run(scene: Scene) -> None:
    computer = scene.host.computer
    computer.files.append(f"{FOLDER}\\timer.ps1", b"Restart-Computer")
    lose_power(computer)
    boot(computer)
    computer.pass_time(10 * SECONDS)
    start_delayed(computer)
    computer.pass_time(60)
    assert state(scene.host) | {"tasks": []} == scene.after
    assert apply(scene.host, without_changes(scene.plan))["recovered"][0]["result"] == "rolled_back"
    scene.check_undone("not_confirmed")


def test_a_second_timer_of_a_run_ends_at_once(scene: Scene) -> None:
    tasks = scene.host.computer.tasks
    tasks.register("certify-automation-copy", tasks.get(TASK).xml)
    second = tasks.run("certify-automation-copy")
    scene.host.computer.pass_time(5)
    assert (second.running, tasks.get("certify-automation-copy").last_result) == (False, 0)
    tasks.delete("certify-automation-copy")
    scene.host.computer.pass_time(SECONDS + 60)
    scene.check_undone("not_confirmed")


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_without_a_scheduler_nothing_is_changed(generation: str) -> None:
    host, plan = EVERYTHING.prepare(generation, confirm_seconds=SECONDS)
    host.computer.services.stop("Schedule")
    before = state(host)
    outcome = apply(host, plan)
    assert (outcome["result"], outcome["refusal"]["code"]) == ("refused", "timer")
    assert {step["status"] for step in outcome["steps"]} == {"not_run"}
    assert state(host) == before
    assert observe(host)["open_run"] is None
    host.computer.services.start("Schedule")
    assert apply(host, plan)["result"] == "awaiting"


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_the_timer_alone_undoes_a_run_that_is_cut_off_anywhere(generation: str, power: bool) -> None:
    host, plan = EVERYTHING.prepare(generation, confirm_seconds=SECONDS)
    before = state(host)
    visit = Visit(host.computer)
    assert (
        answer(visit, "Guard", {"verb": "apply", "plan": plan}, deadline_seconds=300)["value"]["result"] == "awaiting"
    )
    started = [effect.name for effect in visit.effects.reached].index("schtasks.exe /Run")
    for number in range(started + 1, len(visit.effects.reached)):
        host, plan = EVERYTHING.prepare(generation, confirm_seconds=SECONDS)
        cut_off(host, {"verb": "apply", "plan": plan}, Cut(number, Point.BEFORE, power))
        host.computer.pass_time(2 * SECONDS)
        assert host.computer.tasks.instances == [], number
        outcome = apply(host, plan)
        assert (outcome["result"], outcome["recovered"]) == ("rolled_back", []), number
        assert state(host) == before, number


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
@pytest.mark.parametrize("verb", ["confirm", "undo"])
def test_a_confirmation_that_is_cut_off_anywhere_ends_as_recorded(verb: str, power: bool) -> None:
    scene = Scene("v6")
    visit = Visit(scene.host.computer)
    parameters = {"verb": verb, "run_id": RUN, "observe": scene.plan["observe"]}
    assert answer(visit, "Guard", parameters, deadline_seconds=300)["ok"]
    results = set()
    for number in range(len(visit.effects.reached)):
        again = Scene("v6")
        cut_off(again.host, parameters, Cut(number, Point.BEFORE, power))
        again.host.computer.pass_time(2 * SECONDS)
        outcome = again.ended()
        results.add(outcome["result"])
        expected = again.before if outcome["result"] == "rolled_back" else again.after | {"tasks": []}
        assert state(again.host) == expected, number
    assert results == ({"applied", "rolled_back"} if verb == "confirm" else {"rolled_back"})


def cut_off(host: BuiltHost, parameters: Json, cut: Cut) -> None:
    """Cut a visit off; when power was lost it comes back, and Windows starts."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - neither is an Exception
        call(host, parameters, faults=VisitFaults(cut=cut))
    assert isinstance(caught.value, Killed) is not cut.power
    if cut.power:
        lose_power(host.computer)
        boot(host.computer)
        host.computer.pass_time(120)
        start_delayed(host.computer)


def test_a_timer_that_is_ended_in_the_middle_of_its_undo_tidies_nothing_up(scene: Scene) -> None:
    computer = scene.host.computer
    while computer.files.holder(f"{AUTOMATION}\\lock") is None:
        computer.pass_time(0.5)
    computer.tasks.end(TASK)
    assert computer.files.holder(f"{AUTOMATION}\\lock") is None
    assert computer.files.exists(f"{AUTOMATION}\\lock-holder")
    assert [run["result"] for run in apply(scene.host, without_changes(scene.plan))["recovered"]] == ["rolled_back"]
    scene.check_undone("not_confirmed")


def test_a_timer_gives_up_for_now_what_it_cannot_read(scene: Scene) -> None:
    computer = scene.host.computer
    plan = computer.files.read(f"{FOLDER}\\plan.json")
    computer.files.write(f"{FOLDER}\\plan.json", b"{}")
    computer.pass_time(90)
    assert computer.tasks.instance(TASK) is not None
    computer.pass_time(15)
    assert scene.events() == [1001, 1021]
    assert computer.tasks.names() == (TASK,)
    assert state(scene.host) | {"tasks": []} == scene.after
    assert apply(scene.host, without_changes(scene.plan))["refusal"]["code"] == "journal_damaged"
    computer.files.write(f"{FOLDER}\\plan.json", plan)
    lose_power(computer)
    boot(computer)
    computer.pass_time(2 * SECONDS)
    start_delayed(computer)
    scene.check_undone("not_confirmed")
