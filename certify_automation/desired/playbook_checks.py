"""What can be wrong with a step of a playbook before any host is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from certify_automation.desired import schema
from certify_automation.desired.documents import SECTIONS
from certify_automation.desired.expressions import is_template, syntax_fault, unknown_names
from certify_automation.desired.facts_view import known_names
from certify_automation.desired.nodes import DataPath, Document
from certify_automation.desired.playbook_steps import EXPRESSIONS, FINDINGS, OVERRIDES, texts_of
from certify_automation.desired.secrets import find_reference
from certify_automation.desired.words import near, place
from certify_automation.doctor.catalogue import entry
from certify_automation.errors import Position, Problem, UsageError
from certify_automation.model.playbook import Verb


def check_step(document: Document, path: DataPath, verb: Verb, parameters: Mapping[str, object]) -> Iterator[Problem]:
    """Problems of a step that fits the schema.

    Args:
        document: the playbook.
        path: of the step.
        verb: of the step.
        parameters: of the playbook, by name.
    """
    step = _at(document.data, path)
    with_ = step[verb.value] or {}
    known = known_names(parameters)
    if "when" in step:
        yield from _expression(step["when"], document.position((*path, "when")), known)
    for inner, text in texts_of(with_):
        position = document.position((*path, verb.value, *inner))
        if inner[0] == EXPRESSIONS.get(verb):
            yield from _expression(text, position, known)
        elif is_template(text):
            yield from _expression(text, position, known, template=True)
    yield from _findings(document, (*path, verb.value), with_)
    if verb is Verb.APPLY:
        yield from _overrides(document, (*path, verb.value), with_)
    elif verb is Verb.RENEW:
        yield from _renewal(document, (*path, verb.value), with_)


def check_expression(text: str, position: Position, parameters: Mapping[str, object]) -> Iterator[Problem]:
    """Problems of a `when`: its form (CA1611), and names that no host has (CA1612)."""
    return _expression(text, position, known_names(parameters))


def _at(data: Any, path: DataPath) -> Any:  # noqa: ANN401 - any JSON value
    for part in path:
        data = data[part]
    return data


def _expression(
    text: str, position: Position, known: Mapping[str, object], *, template: bool = False
) -> Iterator[Problem]:
    fault = syntax_fault(text, template=template)
    if fault:
        yield Problem("CA1611", f"`{text}` is not an expression: {fault}", position)
        return
    for name, hint in unknown_names(text, known, template=template):
        yield Problem("CA1612", f"there is no {name}", position, hint)


def _findings(document: Document, path: DataPath, with_: Mapping[str, Any]) -> Iterator[Problem]:
    named = with_.get(FINDINGS)
    for index, text in enumerate(named if isinstance(named, list) else ()):
        if is_template(text):
            continue
        try:
            entry(text)
        except UsageError as error:
            yield Problem("CA1609", error.message, document.position((*path, FINDINGS, index)), error.hint)


def _overrides(document: Document, path: DataPath, with_: Mapping[str, Any]) -> Iterator[Problem]:
    overrides = with_.get(OVERRIDES)
    if not overrides:
        if with_.get("declared") is False:
            message = "the step applies nothing: declared is false, and there are no overrides"
            yield Problem("CA1614", message, document.position((*path, "declared")), "remove declared: false")
        return
    above = (*path, OVERRIDES)
    for name in overrides:
        if name not in SECTIONS:
            hint = near(name, SECTIONS) or f"known here: {', '.join(SECTIONS)}"
            message = f"the key {name} is not known here"
            yield Problem("CA1103", message, document.position((*above, name), key=True), hint)
    sections = {name: overrides[name] for name in SECTIONS if name in overrides}
    for misfit in schema.check({"version": 1, "applies_to": "all", **sections}, "desired-state"):
        yield Problem(misfit.id, misfit.message, document.position((*above, *misfit.path), key=misfit.key), misfit.hint)
    found = find_reference(sections)
    if found:
        message = f"the reference {found} stands in {place(above)}"
        hint = "what is applied ends up in plans and in files on the host"
        yield Problem("CA1502", message, document.position(above), hint)


def _renewal(document: Document, path: DataPath, with_: Mapping[str, Any]) -> Iterator[Problem]:
    for flag, needed, why in (
        ("force", "max", "force requests what is not due, and max does not say how many"),
        ("reissue", "issuer", "reissue is of one certification authority, and issuer does not say which"),
    ):
        if with_.get(flag) and with_.get(needed) is None:
            yield Problem("CA1614", why, document.position((*path, flag), key=True), f"add {needed}")
