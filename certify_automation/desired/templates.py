"""Jinja templates in values and in templates/*.j2: sandboxed, strict about undefined names, and without chance.

A value that is one expression, `"{{ vars.api_port }}"`, keeps the type of the expression.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.loaders import FileSystemLoader
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from certify_automation import bundled
from certify_automation.desired.words import near
from certify_automation.errors import Position, Problem

CONTEXT = frozenset({"vars", "host", "labels", "groups"})
FILE_CONTEXT = CONTEXT | {"service", "connections", "properties", "entries"}
_LARGEST = 1_000_000


class TemplateFailed(Exception):
    """A template cannot be evaluated; carries the Problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A compiled template.

    Attributes:
        needs: names of the context that its result depends on.
        evaluate: context -> value; raises TemplateFailed.
    """

    needs: frozenset[str]
    evaluate: Callable[[Mapping[str, object]], Any]


class _Undefined(StrictUndefined):
    """Says which name is missing, and which one is similar."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        name = str(self._undefined_name)
        obj = self._undefined_obj
        known = [str(key) for key in obj] if isinstance(obj, Mapping) else FILE_CONTEXT
        hint = near(name, known)
        return f"'{name}' is not defined{f'; {hint}' if hint else ''}"


class _Environment(ImmutableSandboxedEnvironment):
    """Keys of a mapping win over its methods, and no expression may exhaust the memory."""

    intercepted_binops = frozenset({"*", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's own signature
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - as above
        text = isinstance(left, Sized) or isinstance(right, Sized)
        if operator == "**" and max(_size(left), _size(right) ** 3) > _LARGEST:
            raise SecurityError("the power is too large")
        if operator == "*" and text and _size(left) * _size(right) > _LARGEST:
            raise SecurityError("the text is too long")
        return super().call_binop(context, operator, left, right)


def _size(value: object) -> float:
    """The length of a text or list, the amount of a number."""
    if isinstance(value, Sized):
        return len(value)
    return abs(value) if isinstance(value, int | float) else 0


class Templates:
    """The templates of one repository; its own folder comes before the bundled one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = _Environment(
            undefined=_Undefined,
            loader=FileSystemLoader([folder, bundled.folder("templates")]),
            autoescape=False,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        del self._environment.filters["random"]
        del self._environment.globals["lipsum"]
        self._environment.filters["json"] = _json

    def value(self, value: object, position: Position) -> Evaluation | None:
        """The templates inside a value of a state document; None if there are none.

        Raises:
            TemplateFailed: CA1421 the template's syntax is wrong.
        """
        if isinstance(value, str):
            return self._text(value, position) if "{{" in value or "{%" in value or "{#" in value else None
        if isinstance(value, list):
            parts = [self.value(part, position) for part in value]
            return _joined(parts, lambda made: [made.get(i, part) for i, part in enumerate(value)])
        if isinstance(value, Mapping):
            names = list(value)
            parts = [self.value(value[name], position) for name in names]
            return _joined(parts, lambda made: {name: made.get(i, value[name]) for i, name in enumerate(names)})
        return None

    def _text(self, text: str, position: Position) -> Evaluation:
        try:
            needs = _needs(self._environment.parse(text))
            expression = self._expression(text)
            if expression is not None:
                compiled = self._environment.compile_expression(expression, undefined_to_none=False)
                run: Callable[..., Any] = compiled
            else:
                run = self._environment.from_string(text).render
        except TemplateSyntaxError as error:
            raise TemplateFailed(Problem("CA1421", f"the template is wrong: {error.message}", position)) from None

        def evaluate(context: Mapping[str, object]) -> Any:  # noqa: ANN401 - any plain value
            return _run(lambda: _plain(run(**context), position), lambda _error: position)

        return Evaluation(needs, evaluate)

    def _expression(self, text: str) -> str | None:
        """The inside of a text that is one `{{ … }}` and nothing else."""
        tokens = [kind for _, kind, _ in self._environment.lex(text)]
        if tokens.count("variable_begin") != 1 or tokens[0] != "variable_begin" or tokens[-1] != "variable_end":
            return None
        inside = text[2:-2]
        return inside[inside.startswith(("-", "+")) : len(inside) - inside.endswith(("-", "+"))]

    def file(self, name: str) -> Evaluation:
        """One file of templates/.

        Raises:
            TemplateFailed: CA1421 its syntax is wrong, CA1422 it cannot be read.
        """
        shown = self.shown(name)
        try:
            source, _, _ = self._environment.loader.get_source(self._environment, name)  # type: ignore[union-attr]
            tree = self._environment.parse(source)
            template = self._environment.get_template(name)
        except TemplateSyntaxError as error:
            position = Position(self.shown(error.name or name), error.lineno, 1)
            raise TemplateFailed(Problem("CA1421", f"the template is wrong: {error.message}", position)) from None
        except (OSError, UnicodeDecodeError, TemplateNotFound) as error:
            raise TemplateFailed(Problem("CA1422", f"the template cannot be read: {error}", Position(shown))) from None
        needs = _needs(tree)

        def evaluate(context: Mapping[str, object]) -> Any:  # noqa: ANN401 - any plain value
            return _run(lambda: template.render(**context), lambda error: self._line(error, name))

        return Evaluation(needs, evaluate)

    def shown(self, name: str) -> str:
        """Where a template of this name comes from, as messages name it."""
        own = self._folder / name
        return str(own) if own.is_file() else f"templates/{name} (bundled)"

    def _line(self, error: Exception, name: str) -> Position:
        """Jinja rewrites tracebacks, so that the last frame of a template carries the template's own line."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename.endswith(".j2") and frame.lineno:
                own = Path(frame.filename)
                name = str(own.relative_to(self._folder)) if own.is_relative_to(self._folder) else own.name
                return Position(self.shown(name), frame.lineno, 1)
        return Position(self.shown(name))


def _needs(tree: nodes.Template) -> frozenset[str]:
    """Names that a template uses; all of them if it brings in another template."""
    others = any(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)))
    return FILE_CONTEXT if others else frozenset(find_undeclared_variables(tree))


def _joined(parts: list[Evaluation | None], join: Callable[[dict[int, Any]], Any]) -> Evaluation | None:
    present = {index: part for index, part in enumerate(parts) if part is not None}
    if not present:
        return None
    needs = frozenset().union(*(part.needs for part in present.values()))
    return Evaluation(needs, lambda context: join({index: part.evaluate(context) for index, part in present.items()}))


def _run(call: Callable[[], Any], where: Callable[[Exception], Position]) -> Any:  # noqa: ANN401 - any plain value
    try:
        return call()
    except TemplateFailed:
        raise
    except TemplateError as error:
        message = f"the template cannot be evaluated: {error.message or type(error).__name__}"
        raise TemplateFailed(Problem("CA1423", message, where(error))) from None
    except Exception as error:  # noqa: BLE001 - an expression of the user's may raise anything
        message = f"the template cannot be evaluated: {type(error).__name__}: {error}"
        raise TemplateFailed(Problem("CA1423", message, where(error))) from None


def _plain(value: object, position: Position) -> object:
    if isinstance(value, Undefined):
        return str(value)  # raises, with the missing name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(part, position) for part in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(part, position) for name, part in value.items()}
    message = f"the template gives {type(value).__name__}, not text, a number, true, false, a list or a mapping"
    raise TemplateFailed(Problem("CA1424", message, position))


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
