"""The parameters of a playbook: how they are declared, and the values they are given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from certify_automation.desired import durations
from certify_automation.desired.expressions import is_template
from certify_automation.desired.nodes import Document
from certify_automation.desired.secrets import find_reference
from certify_automation.desired.words import near, printable, shown
from certify_automation.errors import Position, Problem
from certify_automation.evidence import PORTS
from certify_automation.model.config_files import JsonValue

_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list of texts, a,b,c",
    "duration": "a duration such as 90s, 5m, 1h or 1d",
    "port": f"a port number from {PORTS.start} to {PORTS.stop - 1}",
}
_WITH_LIMITS = frozenset({"integer", "number", "duration"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


class Unfit(ValueError):
    """A value that a parameter cannot have; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the parameters of a playbook are given.

    Attributes:
        values: by name, as given.
        where: of all of them together.
        places: of each value that is written in a file, also of one that has come to nothing and is not among the
            values; none for texts of the command line.
    """

    values: Mapping[str, object]
    where: Position | None = None
    places: Mapping[str, Position] = field(default_factory=dict)

    def written(self, name: str) -> str:
        """What a message about a value begins with; what stands in a file is seen there."""
        return "" if name in self.places else f"-e {name}={printable(str(self.values[name]))}: "

    def lacks(self, name: str) -> bool:
        """Whether nobody has said what a parameter is."""
        return self.values.get(name) is None and (name in self.values or name not in self.places)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it is declared.

    Attributes:
        required: it has no default.
        default: converted; None = none.
        minimum, maximum: of a duration in seconds.
        choices: of a list, what its entries may be; empty = anything.
        position: of the declaration.
    """

    name: str
    type: str
    position: Position
    description: str = ""
    required: bool = True
    default: JsonValue = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[object, ...] = ()

    def of_text(self, text: str) -> JsonValue:
        """The value that a text of the command line stands for.

        Raises:
            Unfit: it stands for none that the parameter can have.
        """
        return self.of_value(_FROM_TEXT.get(self.type, _same)(text))

    def of_value(self, value: object) -> JsonValue:
        """The value, durations as whole seconds; None stays none.

        Raises:
            Unfit: the parameter cannot have it.
        """
        if value is None:
            return None
        found: Any = durations.seconds(value) if self.type == "duration" else value
        if not _IS[self.type](found):
            raise Unfit(f"must be {_WORDS[self.type]}, not {shown(value)}")
        if self.minimum is not None and found < self.minimum:
            raise Unfit(f"must be at least {self._limit(self.minimum)}, not {shown(value)}")
        if self.maximum is not None and found > self.maximum:
            raise Unfit(f"must be at most {self._limit(self.maximum)}, not {shown(value)}")
        chosen = found if self.type == "list" else [found]
        wrong = [one for one in chosen if self.choices and one not in self.choices]
        if wrong:
            nearest = near(str(wrong[0]), [str(one) for one in self.choices])
            hint = f"; {nearest}" if nearest else ""
            raise Unfit(f"must be one of {', '.join(map(str, self.choices))}, not {shown(wrong[0])}{hint}")
        return found  # type: ignore[no-any-return]  # what passed is of the parameter's type

    def _limit(self, limit: float) -> str:
        return durations.shown(int(limit)) if self.type == "duration" else str(limit)


def assign(declared: Mapping[str, Parameter], given: Given) -> tuple[dict[str, JsonValue], tuple[Problem, ...]]:
    """The value of every parameter, and what is wrong with what was given (CA1603 to CA1605).

    Where something is wrong the value is None.
    """
    problems = [_unknown(name, declared, given) for name in given.values if name not in declared]
    values: dict[str, JsonValue] = {}
    for name, parameter in declared.items():
        values[name] = parameter.default
        if given.values.get(name) is not None:
            try:
                values[name] = _value(parameter, given)
            except Unfit as error:
                position = given.places.get(name, parameter.position)
                hint = f"declared at {parameter.position}: {parameter.description}"
                problems.append(Problem("CA1605", f"{given.written(name)}{name} {error}", position, hint))
        elif parameter.required and given.lacks(name):
            message = f"the parameter {name} must be given: {_WORDS[parameter.type]}"
            hint = f"{parameter.description}; say -e {name}=…" if given.where is None else parameter.description
            problems.append(Problem("CA1604", message, given.where or parameter.position, hint))
    return values, tuple(problems)


def _unknown(name: str, declared: Mapping[str, Parameter], given: Given) -> Problem:
    known = f"known are {', '.join(declared)}" if declared else "it has none"
    message = f"{given.written(name)}the playbook has no parameter {name}"
    return Problem("CA1603", message, given.places.get(name, given.where), near(name, declared) or known)


def _value(parameter: Parameter, given: Given) -> JsonValue:
    value = given.values[parameter.name]
    if parameter.name in given.places:
        return parameter.of_value(value)
    return parameter.of_text(str(value))


def _same(text: str) -> object:
    return text


def _integer(text: str) -> object:
    return int(text) if _INTEGER.fullmatch(text.strip()) else text


def _number(text: str) -> object:
    if _INTEGER.fullmatch(text.strip()):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text.strip()) else text


def _boolean(text: str) -> object:
    return {"true": True, "false": False}.get(text.strip().casefold(), text)


def _list(text: str) -> object:
    return [part.strip() for part in text.split(",") if part.strip()]


_FROM_TEXT: Mapping[str, Callable[[str], object]] = {
    "integer": _integer,
    "port": _integer,
    "number": _number,
    "boolean": _boolean,
    "list": _list,
}


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or (isinstance(value, float) and isfinite(value)),
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "duration": _is_integer,
    "port": lambda value: _is_integer(value) and value in PORTS,
}


def read_parameters(document: Document, bad: frozenset[str]) -> tuple[dict[str, Parameter], tuple[Problem, ...]]:
    """What a playbook declares, and what is wrong with it (CA1606).

    Args:
        document: a playbook.
        bad: names of parameters with which something is wrong by the schema; they are left out.
    """
    found: dict[str, Parameter] = {}
    problems: list[Problem] = []
    for name, content in (document.data.get("parameters") or {}).items():
        if name in bad:
            continue
        made = _Declared(document, name, content)
        found[name] = made.parameter()
        problems += made.problems
    return found, tuple(problems)


class _Declared:
    """One parameter of a document, and the Problems of its declaration."""

    def __init__(self, document: Document, name: str, content: Mapping[str, Any]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._name = name
        self._content = content

    def parameter(self) -> Parameter:
        content = self._content
        type_ = content["type"]
        limits = {limit: content[limit] for limit in ("minimum", "maximum") if limit in content}
        for limit in limits:
            if type_ not in _WITH_LIMITS:
                self._problem(limit, f"has no {limit}: only {', '.join(sorted(_WITH_LIMITS))} have", "remove it")
        if type_ == "boolean" and "choices" in content:
            self._problem("choices", "has no choices: a boolean is true or false", "remove them")
        made = Parameter(
            self._name,
            type_,
            self._document.position(("parameters", self._name), key=True),
            content["description"],
            required="default" not in content,
            choices=() if type_ == "boolean" else tuple(content.get("choices", ())),
            **(limits if type_ in _WITH_LIMITS else {}),
        )
        return replace(made, default=self._default(made, content.get("default")))

    def _default(self, made: Parameter, usual: object) -> JsonValue:
        if find_reference(usual) or any(is_template(text) for text in _texts(usual)):
            self._problem(
                "default", "has a default that is not plain", "write the value as it is, without {{ }} or ${ }"
            )
            return None
        try:
            return made.of_value(usual)
        except Unfit as error:
            self._problem("default", f"has a wrong default: it {error}")
            return None

    def _problem(self, key: str, message: str, hint: str = "") -> None:
        position = self._document.position(("parameters", self._name, key))
        self.problems.append(Problem("CA1606", f"the parameter {self._name} {message}", position, hint))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
