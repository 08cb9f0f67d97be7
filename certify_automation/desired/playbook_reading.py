"""Playbook files -> steps: each file read once, the steps of `run` in their place, every Problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from certify_automation.desired import source
from certify_automation.desired.expressions import ExpressionFailed, evaluated, is_template, syntax_fault, unknown_names
from certify_automation.desired.nodes import DataPath, Document
from certify_automation.desired.playbook_checks import check_expression, check_step
from certify_automation.desired.playbook_parameters import Given, Parameter, assign, read_parameters
from certify_automation.desired.playbook_steps import texts_of
from certify_automation.desired.schema import check_document
from certify_automation.errors import Position, Problem
from certify_automation.model.config_files import JsonValue
from certify_automation.model.playbook import OnFailure, PlaybookStep, Verb

RUN = "run"
_VERBS = (*(verb.value for verb in Verb), RUN)
_MOST_STEPS = 500
_ROOT = ("version", "name", "description", "steps")


@dataclass(frozen=True, slots=True)
class PlaybookFile:
    """One file that was read.

    Attributes:
        wrong: paths with which something is wrong by the schema.
        parameters: as declared, those that are wrong by the schema left out.
    """

    document: Document
    wrong: frozenset[DataPath]
    parameters: Mapping[str, Parameter]

    @property
    def data(self) -> Mapping[str, Any]:
        """What the file says."""
        found: Mapping[str, Any] = self.document.data
        return found

    @property
    def name(self) -> str:
        """The name that its file gives it."""
        return self.document.path.stem

    def sound(self, *path: str | int) -> bool:
        """Whether nothing at or below a path is wrong by the schema."""
        return not any(wrong[: len(path)] == path for wrong in self.wrong)


@dataclass(frozen=True, slots=True)
class _Within:
    """Where the steps of a playbook stand: the `run` steps that lead there, the outermost first."""

    names: tuple[str, ...]
    places: tuple[Position, ...] = ()
    label: str = ""
    conditions: tuple[tuple[str, Mapping[str, JsonValue]], ...] = ()
    on_failure: OnFailure = OnFailure.STOP


class Reading:
    """One reading of a playbook and of all that it runs.

    Attributes:
        problems: what is wrong, in the order in which it was found.
    """

    def __init__(self, locate: Callable[[str], Path | None]) -> None:
        self.problems: list[Problem] = []
        self._locate = locate
        self._files: dict[Path, PlaybookFile | None] = {}
        self._count = 0

    def file(self, path: Path) -> PlaybookFile | None:
        """The playbook in a file; None where it cannot be used at all."""
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def steps(self, file: PlaybookFile, values: Mapping[str, JsonValue]) -> tuple[PlaybookStep, ...]:
        """The steps of a playbook, those of the playbooks it runs in their place."""
        return _with_own_names(self._steps(file, values, _Within((file.name,))))

    def _read(self, path: Path) -> PlaybookFile | None:
        document, problems = source.read(path, str(path))
        self.problems += problems
        if document is None:
            return None
        found, wrong = check_document(document, "playbook")
        self.problems += found
        bad = frozenset(wrong)
        if not isinstance(document.data, Mapping) or () in bad or any((key,) in bad for key in _ROOT):
            return None
        names = frozenset(str(path[1]) for path in bad if path[0] == "parameters" and len(path) > 1)
        usable = not any(path == ("parameters",) for path in bad)
        parameters, problems = read_parameters(document, names) if usable else ({}, ())
        self.problems += problems
        file = PlaybookFile(document, bad, parameters)
        if document.data["name"] != file.name:
            message = f"the playbook is called {document.data['name']}, and its file {path.name}"
            hint = f"write name: {file.name}, or rename the file"
            self.problems.append(Problem("CA1602", message, document.position(("name",)), hint))
        return file

    def _steps(self, file: PlaybookFile, values: Mapping[str, JsonValue], within: _Within) -> Iterator[PlaybookStep]:
        seen: dict[str, Position] = {}
        for index, content in enumerate(file.data["steps"]):
            path = ("steps", index)
            position = file.document.position(path)
            if not file.sound(*path):
                continue
            self._check_name(content, seen, file.document.position((*path, "name")))
            verbs = [verb for verb in _VERBS if verb in content]
            if len(verbs) != 1:
                found = " and ".join(verbs) or "none"
                hint = f"a step has one of {', '.join(_VERBS)}; `- verify:` needs nothing after it"
                self.problems.append(Problem("CA1607", f"the step has {found} for its verb", position, hint))
            elif verbs[0] == RUN:
                yield from self._inlined(file, path, values, within)
            else:
                yield from self._step(file, path, Verb(verbs[0]), values, within)

    def _check_name(self, content: Mapping[str, Any], seen: dict[str, Position], position: Position) -> None:
        if "name" not in content:
            return
        first = seen.setdefault(content["name"].casefold(), position)
        if first is not position:
            message = f"the name {content['name']} is taken by the step in line {first.line}"
            self.problems.append(Problem("CA1608", message, position, "give every step its own name, or none"))

    def _step(
        self, file: PlaybookFile, path: DataPath, verb: Verb, values: Mapping[str, JsonValue], within: _Within
    ) -> Iterator[PlaybookStep]:
        content, position = file.data["steps"][path[1]], file.document.position(path)
        self.problems += check_step(file.document, path, verb, values)
        self._count += 1
        if self._count > _MOST_STEPS:
            if self._count == _MOST_STEPS + 1:
                message = f"the playbook has more than {_MOST_STEPS} steps, with those of the playbooks it runs"
                self.problems.append(Problem("CA1617", message, position))
            return
        with_ = content[verb.value] or {}
        yield PlaybookStep(
            f"{within.label}{content.get('name', verb.value)}",
            verb,
            with_,
            position,
            content.get("when", ""),
            OnFailure(content.get("on_failure", within.on_failure)),
            values,
            within.conditions,
            dict(_places(file.document, (*path, verb.value), with_)),
        )

    def _inlined(
        self, file: PlaybookFile, path: DataPath, values: Mapping[str, JsonValue], within: _Within
    ) -> Iterator[PlaybookStep]:
        content, document = file.data["steps"][path[1]], file.document
        name, where = content[RUN]["playbook"], document.position((*path, RUN, "playbook"))
        if "when" in content:
            self.problems += check_expression(content["when"], document.position((*path, "when")), values)
        if name in within.names:
            self.problems.append(_circle(name, where, within))
            return
        found = self._locate(name)
        if found is None:
            self.problems.append(Problem("CA1601", f"there is no playbook {name}", where))
        inner = self.file(found) if found else None
        if inner is None or self._count > _MOST_STEPS:
            return
        given = self._given(file, (*path, RUN, "parameters"), values)
        taken, problems = assign(inner.parameters, replace(given, where=where))
        self.problems += problems
        when = content.get("when", "")
        yield from self._steps(
            inner,
            taken,
            _Within(
                (*within.names, name),
                (*within.places, where),
                f"{within.label}{content.get('name', name)} / ",
                (*within.conditions, (when, values)) if when else within.conditions,
                OnFailure(content.get("on_failure", within.on_failure)),
            ),
        )

    def _given(self, file: PlaybookFile, path: DataPath, values: Mapping[str, JsonValue]) -> Given:
        """What a run step gives the parameters of its playbook: known before any host is."""
        written = file.data["steps"][path[1]][RUN].get("parameters") or {}
        places = {name: file.document.position((*path, name)) for name in written}
        given: dict[str, object] = {}
        for name, value in written.items():
            problems = list(_static(value, places[name], values))
            try:
                given |= {} if problems else {name: evaluated(value, {"parameters": dict(values)})}
            except ExpressionFailed as error:
                problems.append(Problem("CA1616", error.message, places[name], error.hint))
            self.problems += problems
        return Given(given, places=places)


def _static(value: JsonValue, position: Position, parameters: Mapping[str, JsonValue]) -> Iterator[Problem]:
    """Problems of templates that may speak of the playbook's parameters only."""
    for _, text in texts_of(value):
        if not is_template(text):
            continue
        fault = syntax_fault(text, template=True)
        if fault:
            yield Problem("CA1611", f"`{text}` is not an expression: {fault}", position)
            continue
        for name, hint in unknown_names(text, {"parameters": parameters}, template=True):
            message = f"there is no {name} here: parameters of a playbook are known before any host is"
            yield Problem("CA1612", message, position, hint)


def _circle(name: str, where: Position, within: _Within) -> Problem:
    start = within.names.index(name)
    chain = [*within.names[start:], name]
    places = [*within.places[start:], where]
    steps = ", ".join(f"{one} runs {other} ({at})" for one, other, at in zip(chain, chain[1:], places, strict=False))
    return Problem("CA1610", f"the playbooks run each other in a circle: {steps}", where, "remove one of these steps")


def _places(document: Document, above: DataPath, value: object) -> Iterator[tuple[DataPath, Position]]:
    """The place of every value from a path down, by its path from there."""
    open_: list[tuple[DataPath, object]] = [((), value)]
    while open_:
        path, part = open_.pop()
        yield path, document.position((*above, *path))
        if isinstance(part, Mapping):
            open_ += [((*path, str(name)), inner) for name, inner in part.items()]
        elif isinstance(part, list):
            open_ += [((*path, index), inner) for index, inner in enumerate(part)]


def _with_own_names(steps: Iterator[PlaybookStep]) -> tuple[PlaybookStep, ...]:
    """The steps with names that differ: of those with the same one the second is `verify 2`, and so forth."""
    counts: dict[str, int] = {}
    made = []
    for step in steps:
        number = counts[step.name] = counts.get(step.name, 0) + 1
        made.append(step if number == 1 else replace(step, name=f"{step.name} {number}"))
    return tuple(made)
