"""Preferences and renewals, by the scripts in an engine and by the lab's answer: both as the contract says."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
import yaml

from contract.comparing import comparable, left_behind
from contract.engine import HERE, Engine
from contract.renew_scene import PREFERENCES, RenewScene, checked, make_scene, statuses, told

CASES = yaml.safe_load((HERE.parent / "cases" / "contract" / "renew.yaml").read_text("utf-8"))
NAMES = [case["name"] for case in CASES]

Answered = dict[str, tuple[RenewScene, dict[str, Any]]]


@pytest.fixture(scope="module")
def scripts(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    """Each case's computer and reply, from one engine."""
    scenes = [make_scene(case, tmp_path_factory.mktemp("engine")) for case in CASES]
    replies = engine.visits([scene.visit() for scene in scenes])
    return {scene.case["name"]: (scene, reply) for scene, reply in zip(scenes, replies, strict=True)}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    """The same from the lab's simulated computers."""
    found: Answered = {}
    for case in CASES:
        scene = make_scene(case, tmp_path_factory.mktemp("lab"))
        found[case["name"]] = (scene, {"contract": 1, "ok": True, "value": scene.simulated()})
    return found


@pytest.fixture(params=["scripts", "lab"])
def answered(request: pytest.FixtureRequest) -> Answered:
    return dict(request.getfixturevalue(request.param))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_renewals_are_as_the_contract_says(case: dict[str, Any], answered: Answered) -> None:
    scene, reply = answered[case["name"]]
    renewed, expected = checked(reply), case["expect"]
    refusal = renewed["refusal"]
    assert (refusal and refusal["code"]) == expected.get("refusal"), refusal
    assert told(renewed) == expected.get("preferences"), renewed["preferences"]
    assert statuses(renewed) == expected.get("renewals", {})
    assert list(statuses(renewed)) == case.get("renew", [])
    if "requested" in expected:
        assert [body["targetManagedCertificates"] for body in scene.sent()] == [expected["requested"]]
    messages = {one["id"]: one["message"] for one in renewed["renewals"] if one["message"]}
    for item_id, message in expected.get("messages", {}).items():
        assert messages[item_id] == message
    assert all(len(message) <= 500 for message in messages.values())
    written = [entry.event_id for entry in scene.host.computer.events.entries]
    assert written == (
        [] if "event" in expected and expected["event"] is None else [expected.get("event", _event(expected))]
    )
    assert renewed["facts"]["certificates"] is not None
    scene.check_requests()
    scene.check_tidy()


def _event(expected: dict[str, Any]) -> int:
    ended = set(expected.get("renewals", {}).values()) <= {"renewed", "requested"}
    set_ = expected.get("preferences") in (None, "done", "unchanged")
    return 1030 if ended and set_ and "refusal" not in expected else 1031


@pytest.mark.parametrize("case", [case for case in CASES if "preferences" in case["expect"]], ids=lambda c: c["name"])
def test_preferences_are_sent_whole(case: dict[str, Any], answered: Answered) -> None:
    scene, _ = answered[case["name"]]
    wanted = case["expect"]
    bodies = scene.sent(PREFERENCES)
    assert bool(bodies) == (wanted["preferences"] in ("done", "preferences_refused"))
    for body in bodies:
        assert len(body) >= 25
        assert body["featureFlags"] is not None
        assert body["configDataStoreConnectionId"] not in (None, "", "0")
        for name, value in wanted.get("sent", {}).items():
            assert (name, body[name]) == (name, value)
    if wanted.get("settings"):
        settings = scene.settings()
        assert {name: settings[name] for name in wanted["settings"]} == wanted["settings"]


@pytest.mark.parametrize("name", NAMES)
def test_the_scripts_and_the_lab_answer_alike(name: str, scripts: Answered, lab: Answered) -> None:
    assert masked(comparable_renewed(scripts[name][1])) == masked(comparable_renewed(lab[name][1]))


@pytest.mark.parametrize("name", NAMES)
def test_the_scripts_and_the_lab_leave_the_same_behind(name: str, scripts: Answered, lab: Answered) -> None:
    ours, theirs = (left_behind(found[name][0].host) for found in (scripts, lab))
    assert masked(ours["events"]) == masked(theirs["events"])
    kept = [{path for path in one["files"] if "certify-automation" in path} for one in (ours, theirs)]
    assert kept[0] == kept[1]


def test_what_is_sent_is_ascii(scripts: Answered) -> None:
    for scene, _ in scripts.values():
        for one in scene.product.requests:
            one.body.decode("ascii")


def comparable_renewed(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply without the texts of the system and what differs with every key that is made."""
    reply = comparable(copy.deepcopy(reply))
    value = reply["value"]
    for part in (value["refusal"], (value["preferences"] or {}).get("failure")):
        if part is not None:
            del part["message"]
    for one in value["renewals"]:
        if one["status"] not in ("failed", "paused"):
            del one["message"]
    failure = value["facts"]["certificates"]["failure"]
    if failure is not None:
        failure["message"] = ""
    return reply


def masked(document: Any) -> Any:
    """Without what is made anew each time: thumbprints, and ids of an installation that has lost its own."""
    text = json.dumps(document, sort_keys=True, default=str)
    return json.loads(re.sub(r"\b[0-9A-F]{40}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<anew>", text))
