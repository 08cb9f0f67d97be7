"""Facts with certificates from a simulated host: who asks, what comes of it, and what is left when it is cut off."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from lab_certificates import API, AUTOMATION, NOW, OVERDUE, SOUND, Json, Scene, make

from certify_automation.lab.onhost import Cut, Killed, Point, PowerLost, VisitFaults
from certify_automation.lab.windows import Instance, Win32Error
from certify_automation.lab.windows.power import boot, lose_power, start_delayed

GENERATIONS = ("v6", "v7")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_network_logon_is_refused_and_a_task_of_system_is_not(generation: str) -> None:
    scene = make(generation)
    refused = scene.certificates("caller")
    assert refused["failure"] == {
        "code": "refused", "message": "", "request": "GET /api/preferences", "status": 401,
    }  # fmt: skip
    assert (refused["items"], refused["preferences"]) == (None, None)
    found = scene.certificates()
    assert (found["access"], found["failure"], found["total"]) == ("task", None, 2)
    assert {item["id"] for item in found["items"]} == {OVERDUE.item_id, SOUND.item_id}
    assert scene.is_tidy()


def test_looking_leaves_only_the_protected_folder() -> None:
    scene = make()
    before = scene.computer.dump()
    scene.inventory("caller")
    assert scene.computer.dump() == before
    scene.inventory()
    after = scene.computer.dump()
    assert {path for path in after["files"] if path not in before["files"]} == {AUTOMATION, API}
    assert scene.computer.files.entries(API) == ()
    scene.inventory()
    assert scene.computer.dump() == after


def test_stores_and_bindings_are_those_of_the_computer() -> None:
    scene = make()
    tls = scene.certificates()["tls"]
    thumbprint = scene.item(OVERDUE.item_id)["thumbprint"]
    assert {"kind": "sni", "name": "www.example.com:443", "cert_hash": thumbprint.lower(), "store": "My"} in tls[
        "bindings"
    ]
    (entry,) = (one for one in tls["store"] if one["thumbprint"] == thumbprint)
    assert (entry["subject"], entry["has_private_key"]) == ("CN=www.example.com", True)
    assert entry["start_utc_ms"] < NOW.timestamp() * 1000 < entry["expiry_utc_ms"]


@pytest.mark.parametrize(
    ("fault", "code", "status", "message"),
    [
        ("api_html", "answer", 200, "text/html; charset=utf-8"),
        ("api_500_stack_trace", "status", 500, "An error has occurred."),
        ("api_refused", "refused", 401, "Authorization has been denied for this request."),
        ("task_forbidden", "task", None, "Access is denied."),
        ("scheduler_disabled", "task", None, "The Task Scheduler service is not running."),
    ],
)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_cannot_be_asked_is_said_and_the_rest_comes(
    generation: str, fault: str, code: str, status: int | None, message: str
) -> None:
    scene = make(generation, fault)
    facts = scene.inventory()
    failure = facts["certificates"]["failure"]
    assert (failure["code"], failure["status"], failure["message"]) == (code, status, message)
    assert facts["certificates"]["items"] is None
    assert facts["certificates"]["tls"]["store"] != []
    assert facts["product"]["generation"] == generation
    assert [api["status"] for api in facts["api"]] == [401 if generation == "v6" else 200]
    if "scheduler" not in fault:
        assert scene.is_tidy()


def test_a_stopped_service_cannot_be_asked() -> None:
    scene = make("v7", "service_stopped")
    found = scene.certificates()
    assert found["failure"]["code"] == "unreachable"
    assert found["service_started_utc_ms"] is None


def test_a_folder_of_somebody_else_is_trusted_with_no_task() -> None:
    scene = make()
    files = scene.computer.files
    files.make_folder(AUTOMATION)
    files.set_security(AUTOMATION, "O:S-1-5-21-1G:S-1-5-21-1D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    assert scene.certificates()["failure"]["code"] == "task"
    assert files.entries(AUTOMATION) == ()


def test_a_clock_that_is_wrong_shows_in_the_facts() -> None:
    ahead = make("v7", "clock_skew").inventory()["host"]["clock_utc_ms"]
    right = make("v7").inventory()["host"]["clock_utc_ms"]
    assert ahead - right == 900_000


def test_passes_of_the_product_are_told_with_the_start_of_its_process() -> None:
    scene = make()
    assert scene.certificates()["passes"] == []
    scene.product.conditions.timer = True
    scene.computer.clock.advance(600)
    found = scene.certificates()
    assert ["Attempting 1 renewal tasks" in line for line in found["passes"]] == [True]
    assert found["service_started_utc_ms"] < NOW.timestamp() * 1000 + 1000


def test_a_task_whose_process_never_begins_is_given_up() -> None:
    scene = make()
    begun = scene.computer.clock.elapsed()
    scene.computer.tasks.runner = idle
    failure = scene.certificates()["failure"]
    assert (failure["code"], "no sign of life" in failure["message"]) == ("task", True)
    assert 30 <= scene.computer.clock.elapsed() - begun < 60
    assert scene.computer.tasks.names() == ()
    assert scene.computer.files.entries(API) == ()


def idle(_: Instance) -> Generator[float, None, None]:
    """A process that does something else, and never ends by itself."""
    while True:
        yield 1.0


def cuts(scene: Scene, *, power: bool) -> list[Cut]:
    """Wherever such a visit can be cut off."""
    scene.inventory()
    reached = scene.made[-1].effects.reached
    assert {"schtasks.exe /Create", "schtasks.exe /Run"} <= {effect.name for effect in reached}
    points = [Cut(number, Point.BEFORE, power) for number in range(len(reached))]
    points += [Cut(number, Point.INSIDE, power) for number, effect in enumerate(reached) if effect.divisible]
    return [*points, Cut(len(reached) - 1, Point.AFTER, power)]


@pytest.mark.parametrize("power", [False, True])
def test_what_a_cut_leaves_the_next_visit_after_an_hour_removes(*, power: bool) -> None:
    for cut in cuts(make(), power=power):
        scene = make()
        with pytest.raises(PowerLost if power else Killed):
            scene.inventory(faults=VisitFaults(cut=cut))
        if power:
            lose_power(scene.computer)
            boot(scene.computer)
            scene.computer.pass_time(120)
            start_delayed(scene.computer)
        scene.computer.pass_time(60)
        left = [entry.name for entry in scene.computer.files.entries(API)]
        assert scene.certificates()["failure"] is None, cut
        assert [entry.name for entry in scene.computer.files.entries(API)] == left, cut
        scene.computer.pass_time(3700)
        assert scene.certificates()["failure"] is None, cut
        assert scene.is_tidy(), cut


def set_days(scene: Scene) -> None:
    """A preference is another than before."""
    store = scene.product.store
    assert store is not None
    store.settings["RenewalIntervalDays"] = 44
    store.save()


def test_a_visit_after_one_that_was_cut_off_gets_its_own_answer() -> None:
    for cut in cuts(make(), power=False):
        scene = make()
        with pytest.raises(Killed):
            scene.inventory(faults=VisitFaults(cut=cut))
        set_days(scene)
        assert scene.certificates()["preferences"]["renewalIntervalDays"] == 44, cut


def test_two_visits_at_once_get_their_own_answers() -> None:
    scene = make()
    inner: list[Json] = []

    def meet() -> None:
        set_days(scene)
        inner.append(scene.certificates())

    scene.clock.when(lambda: scene.computer.tasks.instances != [], meet)
    assert scene.certificates()["failure"] is None
    assert inner[0]["preferences"]["renewalIntervalDays"] == 44
    assert scene.is_tidy()


def test_what_another_visit_has_open_stays() -> None:
    scene = make()
    files = scene.computer.files
    with pytest.raises(Killed):
        scene.inventory(faults=VisitFaults(cut=Cut(5)))
    (left,) = files.entries(API)
    files.open_exclusive(f"{API}\\{left.name}\\visit", "another visit")
    scene.computer.pass_time(7200)
    scene.certificates()
    assert [entry.name for entry in files.entries(API)] == [left.name]
    with pytest.raises(Win32Error):
        files.open_exclusive(f"{API}\\{left.name}\\visit", "a third")
