"""Renewals of a simulated host, through a task of SYSTEM: what becomes of them, and of those that are cut off."""

from __future__ import annotations

import pytest
from lab_certificates import API, OVERDUE, PREFERENCES, RUN, SOUND, Json, Scene, make

from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.certify import Caller, product_of
from certify_automation.lab.onhost import Cut, Killed, Point, Visit, VisitFaults
from certify_automation.lab.onhost.api_calls import renewal_call
from certify_automation.lab.onhost.product_api import RESULTS, ApiFailed, ProductApi
from certify_automation.lab.onhost.progress import Progress
from certify_automation.lab.onhost.renewals import AUTO_RENEW, preferences_and_renewals
from certify_automation.lab.onhost.visit import Waiting

GENERATIONS = ("v6", "v7")
FAILING = CertificateSpec("bad.example.com", state="failing_dns", endpoint="bad.example.com:443")
SHORTER: Json = {"preferences": [{"name": "renewalIntervalDays", "before": 75, "after": 60}]}
WWW = OVERDUE.item_id


def statuses(renewed: Json) -> dict[str, str]:
    return {one["id"]: one["status"] for one in renewed["renewals"]}


def bound(scene: Scene) -> str:
    cert_hash = scene.computer.sni_bindings["www.example.com:443"]["SslCertHash"]
    assert isinstance(cert_hash, bytes)
    return cert_hash.hex().upper()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_an_overdue_certificate_is_renewed_and_served(generation: str) -> None:
    scene = make(generation)
    before = scene.item(WWW)
    assert bound(scene) == before["thumbprint"]
    renewed = scene.renew(WWW, **SHORTER)
    assert (renewed["refusal"], renewed["preferences"]["status"]) == (None, "done")
    (result,) = renewed["renewals"]
    assert (result["status"], result["message"]) == ("renewed", None)
    assert result["thumbprint"] != before["thumbprint"]
    assert bound(scene) == result["thumbprint"]
    (item,) = (one for one in renewed["facts"]["certificates"]["items"] if one["id"] == WWW)
    assert (item["thumbprint"], item["attempted_utc_ms"]) == (result["thumbprint"], result["attempted_utc_ms"])
    assert renewed["facts"]["certificates"]["preferences"]["renewalIntervalDays"] == 60
    assert renewed["facts"]["lock"] == {"held": False, "holder": None}
    assert [entry.event_id for entry in scene.computer.events.entries] == [1030]
    assert (scene.sent(), scene.sent(PREFERENCES)) == (1, 1)
    assert scene.is_tidy()


def test_one_fails_and_the_other_does_not() -> None:
    scene = make(certificates=(OVERDUE, FAILING))
    renewed = scene.renew(WWW, FAILING.item_id)
    assert statuses(renewed) == {WWW: "renewed", FAILING.item_id: "failed"}
    assert "NXDOMAIN" in renewed["renewals"][1]["message"]
    (entry,) = scene.computer.events.entries
    assert entry.event_id == 1031
    assert f"failed: 1\r\nrenewed: 1\r\nFailed: {FAILING.item_id}" in entry.text


def test_bindings_that_do_not_follow_go_on_with_the_old_certificate() -> None:
    scene = make("v6", "served_old")
    before = bound(scene)
    renewed = scene.renew(WWW)
    assert statuses(renewed) == {WWW: "renewed"}
    assert bound(scene) == before != renewed["renewals"][0]["thumbprint"]


def test_a_stuck_scheduler_lets_nothing_begin() -> None:
    scene = make("v7", "renewal_stuck")
    begun = scene.computer.clock.elapsed()
    assert statuses(scene.renew(WWW)) == {WWW: "not_started"}
    assert 120 <= scene.computer.clock.elapsed() - begun < 180
    assert scene.sent() == 1


def test_a_slow_request_is_running_when_the_time_is_over() -> None:
    scene = make("v7", "renewal_slow")
    assert statuses(scene.renew(WWW)) == {WWW: "running"}
    scene.computer.pass_time(900)
    assert scene.item(WWW)["status"] == 3


class Blinded(ProductApi):
    """An API that cannot say anything of one item once it was asked to renew."""

    def item(self, item_id: str) -> Json | None:
        product = product_of(self.visit.computer, "Certify.Server.Core")
        assert product is not None
        if item_id == SOUND.item_id and any(one.path == AUTO_RENEW for one in product.requests):
            raise ApiFailed("status", "", f"POST {RESULTS}", 500)
        return super().item(item_id)


@pytest.mark.parametrize(("fault", "other"), [((), "renewed"), (("renewal_stuck",), "not_started")])
def test_an_item_that_cannot_be_read_hides_no_other(fault: tuple[str, ...], other: str) -> None:
    scene = make("v7", *fault)
    ids = (SOUND.item_id, WWW)
    parameters = scene.asked(*ids)
    call = renewal_call("http://127.0.0.2:9696", parameters, scene.product.data_folder())
    visit = Visit(scene.computer, Caller.ADMINISTRATOR)
    work = preferences_and_renewals(Blinded(visit, call["url"]), call, 900_000, Progress())
    done: list[Json] = []

    def kept() -> Waiting[None]:
        done.append((yield from work))

    for seconds in kept():
        scene.computer.pass_time(seconds)
    assert statuses(done[0]) == {SOUND.item_id: "running", WWW: other}


def test_the_deadline_ends_the_wait_before_the_visit() -> None:
    scene = make("v7", "renewal_slow")
    begun = scene.computer.clock.elapsed()
    assert statuses(scene.renew(WWW, deadline=120)) == {WWW: "running"}
    assert scene.computer.clock.elapsed() - begun <= 120


def test_without_waiting_they_are_requested() -> None:
    scene = make()
    assert statuses(scene.renew(WWW, wait_seconds=0)) == {WWW: "requested"}
    scene.computer.pass_time(60)
    assert scene.item(WWW)["status"] == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("lock_held", "locked"),
        ("api_html", "api_answer"),
        ("api_500_stack_trace", "api_status"),
        ("api_refused", "api_refused"),
        ("service_stopped", "api_unreachable"),
        ("task_forbidden", "api_task"),
        ("folder_denied", "lock_folder"),
    ],
)
def test_refusals_act_on_nothing(fault: str, code: str) -> None:
    scene = make("v6", fault)
    row = {"id": WWW, "attempted_utc_ms": 0, "thumbprint": None}
    renewed = scene.renew(renewals=[row], **SHORTER)
    assert renewed["refusal"]["code"] == code
    assert "hunter2" not in str(renewed)
    assert renewed["preferences"] == {"status": "not_run", "failure": None}
    assert statuses(renewed) == {WWW: "not_run"}
    assert (scene.sent(), scene.sent(PREFERENCES)) == (0, 0)
    assert [entry.event_id for entry in scene.computer.events.entries] == [1031]


def test_a_visit_that_is_cut_off_takes_its_task_along() -> None:
    scene = make()
    scene.renew(WWW, **SHORTER)
    names = [effect.name for effect in scene.made[-1].effects.reached]
    run = names.index("schtasks.exe /Run")
    scene = make()
    with pytest.raises(Killed):
        scene.renew(WWW, faults=VisitFaults(cut=Cut(run, Point.AFTER)), **SHORTER)
    scene.computer.pass_time(900)
    assert (scene.sent(), scene.sent(PREFERENCES)) == (0, 0)
    assert scene.computer.tasks.names() == ()
    assert scene.computer.tasks.instances == []
    assert len(scene.computer.files.entries(API)) == 1


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_task_that_is_cut_off_after_a_request_has_said_so(generation: str) -> None:
    scene = make(generation)
    computer = scene.computer

    def requested() -> bool:
        return scene.sent() == 1

    def end() -> None:
        (instance,) = computer.tasks.instances
        computer.tasks.ended(instance, 1)

    scene.clock.when(requested, end)
    renewed = scene.renew(WWW, **SHORTER)
    assert renewed["refusal"] is None
    assert renewed["preferences"]["status"] == "done"
    assert statuses(renewed) == {WWW: "requested"}
    assert renewed["facts"]["certificates"]["failure"]["code"] == "task"
    assert scene.sent() == 1
    assert scene.is_tidy()
    assert scene.item(WWW)["status"] == 3


def test_a_run_that_has_no_end_comes_first() -> None:
    scene = make()
    folder = f"C:\\ProgramData\\certify-automation\\runs\\{RUN}"
    scene.inventory()
    scene.computer.files.make_folder(folder)
    scene.computer.files.write(f"{folder}\\journal", b'{"journal": 1, "event": "begin", "run_id": "x"}\n')
    renewed = scene.renew(WWW)
    assert renewed["refusal"]["code"] == "awaiting"
    assert scene.sent() == 0


def test_the_certificate_in_order_is_left_alone() -> None:
    scene = make()
    before = scene.item(SOUND.item_id)
    scene.renew(WWW)
    assert scene.item(SOUND.item_id) == before
