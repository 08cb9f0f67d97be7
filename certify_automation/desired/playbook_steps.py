"""What a step of a playbook means on one host: whether it applies, and the values of its verb's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from certify_automation.desired import durations, reference, schema
from certify_automation.desired.expressions import NAMES, ExpressionFailed, evaluated, holds, is_template, names_used
from certify_automation.desired.words import place
from certify_automation.doctor.catalogue import entry
from certify_automation.errors import UsageError
from certify_automation.model.config_files import JsonValue
from certify_automation.model.playbook import PlaybookStep, Verb

EXPRESSIONS: Mapping[Verb, str] = {Verb.ASSERT: "that"}
"""Verbs with a list of expressions among their parameters."""

FINDINGS = "only"
"""The parameter of doctor and remediate that names findings."""

OVERRIDES = "overrides"
"""The parameter of apply with sections of a state document."""

_DURATION = "#/$defs/duration"


def view_of(step: PlaybookStep, view: Mapping[str, object]) -> Mapping[str, object]:
    """The view of a host with the parameters of the playbook that the step is written in."""
    return {**view, "parameters": dict(step.parameters)}


def applies(step: PlaybookStep, view: Mapping[str, object]) -> bool:
    """Whether the step is carried out on the host of this view: its `when`, and that of each step it came with.

    Raises:
        ExpressionFailed: one of them is neither true nor false there.
    """
    conditions = (*step.within, (step.when, step.parameters))
    return all(holds(when, {**view, "parameters": dict(given)}) for when, given in conditions if when)


def needs(step: PlaybookStep) -> frozenset[str]:
    """Which of NAMES the expressions of a step use; without `facts` and `findings` no host has to be looked at."""
    found = [names_used(when) for when, _ in (*step.within, (step.when, step.parameters)) if when]
    for path, text in texts_of(step.with_):
        expression = path[:1] == (EXPRESSIONS.get(step.verb),)
        if expression or is_template(text):
            found.append(names_used(text, template=not expression))
    return frozenset().union(*found) & frozenset(NAMES)


def step_values(step: PlaybookStep, view: Mapping[str, object]) -> dict[str, Any]:
    """The parameters of the step's verb on the host of this view.

    Templates are evaluated, defaults filled in, durations whole seconds, findings their ids; what has no value is left
    out. The expressions of `assert` stay as they are, for `holds`.

    Raises:
        ExpressionFailed: CA1620, or CA1622 a value does not fit once it is evaluated.
    """
    names = view_of(step, view)
    kept = EXPRESSIONS.get(step.verb)
    made = {name: value if name == kept else evaluated(value, names) for name, value in step.with_.items()}
    found: dict[str, Any] = {name: value for name, value in made.items() if value is not None}
    _check(step, found)
    for name, part in _properties(step.verb).items():
        if name not in found and "default" in part:
            found[name] = part["default"]
        if name in found and part.get("$ref") == _DURATION:
            found[name] = durations.seconds(found[name])
    if FINDINGS in found:
        found[FINDINGS] = [_finding(step, text) for text in found[FINDINGS]]
    if step.verb is Verb.APPLY:
        found.setdefault("declared", OVERRIDES not in found)
    return found


def texts_of(value: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text inside a value, each with its keys and indexes."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from texts_of(part, (*path, name))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from texts_of(part, (*path, index))


def _properties(verb: Verb) -> Mapping[str, Any]:
    found: Mapping[str, Any] = reference.schema("playbook")["$defs"].get(verb.value, {}).get("properties", {})
    return found


def _check(step: PlaybookStep, values: Mapping[str, JsonValue]) -> None:
    document = {"version": 1, "name": "a", "description": "a", "steps": [{step.verb.value: values}]}
    above = ("steps", 0, step.verb.value)
    for misfit in schema.check(document, "playbook", resolved=True):
        message = misfit.message.replace(f"{place(above)}.", "").replace(place(above), step.verb.value)
        raise ExpressionFailed("CA1622", f"the step {step.name}: {message}, once evaluated", hint=misfit.hint)


def _finding(step: PlaybookStep, text: str) -> str:
    try:
        return entry(text).id
    except UsageError as error:
        raise ExpressionFailed("CA1622", f"the step {step.name}: {error.message}", hint=error.hint) from None
