"""What a host answers, held against the contract; the host is the lab's, the wire is left out."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from certify_automation import bundled, onhost
from certify_automation.errors import OutcomeUnknown, ProtocolError
from certify_automation.lab.hosts import HostSpec, build
from certify_automation.lab.onhost import Visit, answer
from certify_automation.lab.windows.clock import StillClock
from certify_automation.model.facts import Facts
from certify_automation.model.host import Endpoint
from certify_automation.model.outcome import Result
from certify_automation.model.plan import ObserveRequest, Origin, Plan
from certify_automation.remote.apply import apply, confirm, undo
from certify_automation.remote.observe import observe

REQUEST = ObserveRequest(Endpoint("127.0.0.2", 9696), (9696, 9698))
RUN = "0" * 32
PLAN = Plan("web01", RUN, REQUEST, origin=Origin("alice@ctl01")).to_json()


class LabSession:
    """A Session whose host is a simulated computer."""

    def __init__(self, generation: str = "v6") -> None:
        self.host = build(HostSpec("web01", generation), 0, StillClock(dt.datetime(2026, 3, 1, tzinfo=dt.UTC)))
        self.acted: list[bool] = []

    def run(self, script: onhost.Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        self.acted.append(acts)
        value: dict[str, object] = answer(Visit(self.host.computer), script.name, dict(parameters))["value"]
        return value


class Says:
    """A Session that answers with one value, or raises."""

    def __init__(self, value: object) -> None:
        self.value = value

    def run(self, script: onhost.Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        del script, parameters, acts
        if isinstance(self.value, Exception):
            raise self.value
        return self.value  # type: ignore[return-value] - whatever a host may send


def facts() -> dict[str, Any]:
    return dict(LabSession().run(onhost.script("Observe"), REQUEST.to_json(), acts=False))


FACTS = facts()


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_observe_brings_facts_and_says_that_it_does_not_act(generation: str) -> None:
    session = LabSession(generation)
    seen = observe(session, REQUEST)
    assert seen.product.generation == generation
    assert seen.service is not None
    assert session.acted == [False]


def test_apply_brings_an_outcome_and_says_that_it_acts() -> None:
    session = LabSession()
    outcome = apply(session, PLAN)
    assert outcome.result is Result.APPLIED
    assert isinstance(outcome.facts, Facts)
    assert session.acted == [True]


def schema_of(name: str) -> Draft202012Validator:
    files = ("apply.schema.json", "plan.schema.json", "facts.schema.json")
    documents = [json.loads(bundled.text("schemas", file)) for file in files]
    registry: Registry[Any] = [Resource.from_contents(document) for document in documents] @ Registry()
    return Draft202012Validator(json.loads(bundled.text("schemas", name)), registry=registry)


class Notes:
    """A Session that takes down what it is sent and answers nothing."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, object]] = []
        self.scripts: list[str] = []

    def run(self, script: onhost.Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        assert acts
        self.scripts.append(script.name)
        self.sent.append(parameters)
        raise OutcomeUnknown("CA2030", "no answer")


@pytest.mark.parametrize(
    ("verb", "script", "say"),
    [
        ("apply", "Apply", lambda session: apply(session, PLAN)),
        ("apply", "Guard", lambda session: apply(session, PLAN | {"confirm_seconds": 60})),
        ("confirm", "Guard", lambda session: confirm(session, RUN, REQUEST)),
        ("undo", "Guard", lambda session: undo(session, RUN, REQUEST)),
    ],
)
def test_what_is_sent_is_as_the_schema_says(verb: str, script: str, say: Callable[[Notes], object]) -> None:
    session = Notes()
    with pytest.raises(OutcomeUnknown, match=RUN):
        say(session)
    assert [sent["verb"] for sent in session.sent] == [verb]
    assert session.scripts == [script]
    schema_of("apply.schema.json").validate(session.sent[0])


@pytest.mark.parametrize("verb", [confirm, undo])
def test_a_word_on_a_run_the_host_does_not_know_is_a_refusal(verb: Any) -> None:
    outcome = verb(LabSession(), RUN, REQUEST)
    assert outcome.result is Result.REFUSED
    assert outcome.refusal.code == "unknown_run"


def test_an_unknown_outcome_says_what_was_sent() -> None:
    lost = OutcomeUnknown("CA2030", "https://web01: Apply was sent, and what became of it is unknown", hint="later")
    plan = PLAN | {"changes": [{"kind": "ip_listen.add", "address": "127.0.0.2"}, {"kind": "service.restart"}]}
    with pytest.raises(OutcomeUnknown) as caught:
        apply(Says(lost), plan)
    assert (caught.value.id, caught.value.hint) == ("CA2030", "later")
    assert f"sent was run {'0' * 32}: ip_listen.add, service.restart" in caught.value.message


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(document: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    copied = copy.deepcopy(document)
    at: Any = copied
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copied


@pytest.mark.parametrize("key", FACTS)
def test_facts_that_lack_something_are_an_error(key: str) -> None:
    lacking = {name: value for name, value in FACTS.items() if name != key}
    with pytest.raises(ProtocolError) as caught:
        observe(Says(lacking), REQUEST)
    assert caught.value.id == "CA2094"
    assert key in caught.value.message


@pytest.mark.parametrize("value", [{}, {"contract": 2}, {"result": "applied"}])
def test_something_else_than_an_outcome_is_an_error(value: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="CA2094"):
        apply(Says(value), PLAN)


def test_text_that_is_no_base64_is_an_error() -> None:
    broken = changed(FACTS, ("files", "servers", "content"), "x")
    with pytest.raises(ProtocolError, match="CA2095"):
        observe(Says(broken), REQUEST)


JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({}) | st.just([{}])


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(list(places(FACTS))), junk=JUNK)
def test_junk_anywhere_ends_in_facts_or_in_words(place: tuple[Any, ...], junk: object) -> None:
    try:
        assert isinstance(observe(Says(changed(FACTS, place, junk)), REQUEST), Facts)
    except ProtocolError as error:
        assert error.id in {"CA2094", "CA2095"}  # noqa: PT017 - either end is right
