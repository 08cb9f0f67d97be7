"""Jinja templates in values and in templates/*.j2.

A value that is one expression, `"{{ vars.api_port }}"`, keeps the type of the expression.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jinja2 import Environment, Undefined, nodes
from jinja2.exceptions import TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.loaders import FileSystemLoader
from jinja2.meta import find_undeclared_variables

from certify_automation import bundled
from certify_automation.desired.sandbox import Sandbox
from certify_automation.errors import Position, Problem, Severity

LARGEST_NUMBER = sys.float_info.max
CONTEXT = frozenset({"vars", "host", "labels", "groups"})
_LONGEST = 100_000
FILE_CONTEXT = CONTEXT | {"service", "connections", "properties", "entries"}


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


class _Loader(FileSystemLoader):
    """Reads templates of files, and says what it has read."""

    def __init__(self, folders: list[Path], admit: Callable[[str, Position], None]) -> None:
        super().__init__(folders)
        self._admit = admit

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, file, is_current = super().get_source(environment, template)
        self._admit(source, Position(file))
        return source, file, is_current


class Templates:
    """The templates of one repository; its own folder comes before the bundled one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = Sandbox(_Loader([folder, bundled.folder("templates")], self._admit), FILE_CONTEXT)
        self._compiled: dict[str, tuple[frozenset[str], Callable[..., object]]] = {}
        self._admitted: set[str] = set()
        self._length = 0
        self._excess: Problem | None = None

    def _admit(self, text: str, position: Position) -> None:
        """Counts a text; compiling takes a thousand times the memory of what is compiled."""
        if text not in self._admitted:
            self._admitted.add(text)
            self._length += len(text)
        if self._length > _LONGEST:
            message = f"the templates of this repository have more than {_LONGEST} characters together"
            hint = "declare data as vars, and loop over it"
            self._excess = self._excess or Problem("CA1427", message, position, hint)
            raise TemplateFailed(self._excess)

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
        if text not in self._compiled:
            self._admit(text, position)
            with _compiling(position):
                self._compiled[text] = self._compile(text)
        needs, run = self._compiled[text]

        def evaluate(context: Mapping[str, object]) -> Any:  # noqa: ANN401 - any plain value
            return self._run(lambda: run(**context), position, lambda _error: position)

        return Evaluation(needs, evaluate)

    def _compile(self, text: str) -> tuple[frozenset[str], Callable[..., object]]:
        needs = _needs(self._environment.parse(text))
        expression = sole_expression(self._environment, text)
        if expression is None:
            return needs, self._environment.from_string(text).render
        return needs, self._environment.compile_expression(expression, undefined_to_none=False)

    def file(self, name: str) -> Evaluation:
        """One file of templates/.

        Raises:
            TemplateFailed: CA1421 its syntax is wrong, CA1422 it cannot be read.
        """
        whole = Position(self.shown(name))
        try:
            if _is_there(own := self._folder / name) and not own.is_file():
                raise TemplateFailed(Problem("CA1422", "the template cannot be read: it is not a file", whole))
            with _compiling(whole):
                self._environment.begin()
                source, _, _ = self._environment.loader.get_source(self._environment, name)  # type: ignore[union-attr]
                needs = _needs(self._environment.parse(source))
                template = self._environment.get_template(name)
        except (OSError, UnicodeDecodeError, TemplateNotFound) as error:
            why = getattr(error, "strerror", None) or error
            raise TemplateFailed(Problem("CA1422", f"the template cannot be read: {why}", whole)) from None

        def evaluate(context: Mapping[str, object]) -> Any:  # noqa: ANN401 - any plain value
            return self._run(lambda: template.render(**context), whole, lambda error: self._line(error, name))

        return Evaluation(needs, evaluate)

    def _run(self, call: Callable[[], object], whole: Position, where: Callable[[Exception], Position]) -> object:
        self._environment.begin()
        try:
            return plain(self._environment.measured(call()), whole)
        except TemplateFailed:
            raise
        except RecursionError as error:
            found, position = "it goes round in circles", where(error)
        except TemplateError as error:
            found, position = error.message or type(error).__name__, where(error)
        except Exception as error:  # noqa: BLE001 - an expression of the user's may raise anything
            found, position = f"{type(error).__name__}: {error}", where(error)
        raise TemplateFailed(Problem("CA1423", f"the template cannot be evaluated: {found}", position))

    def mistyped(self, names: Sequence[str]) -> Iterator[Problem]:
        """Files beside the known ones whose names are so similar that they are meant to be one of them."""
        for path in sorted(self._folder.glob("*")):
            meant = get_close_matches(path.name.casefold(), names, n=1, cutoff=0.8)
            if meant and path.name != meant[0] and not _is_there(self._folder / meant[0]):
                message = f"no template is called {path.name}; the bundled {meant[0]} is used"
                yield Problem("CA1428", message, Position(str(path)), f"rename it to {meant[0]}", Severity.WARNING)

    def shown(self, name: str) -> str:
        """Where a template of this name comes from, as messages name it."""
        own = self._folder / name
        return str(own) if _is_there(own) else f"templates/{name} (bundled)"

    def _line(self, error: Exception, name: str) -> Position:
        """Jinja rewrites tracebacks, so that the last frame of a template carries the template's own line."""
        if isinstance(error, TemplateSyntaxError) and error.name:
            return Position(self.shown(error.name), error.lineno, 1)
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename.endswith(".j2") and frame.lineno:
                own = Path(frame.filename)
                name = str(own.relative_to(self._folder)) if own.is_relative_to(self._folder) else own.name
                return Position(self.shown(name), frame.lineno, 1)
        return Position(self.shown(name))


def sole_expression(environment: Environment, text: str) -> str | None:
    """The inside of a text that is one `{{ … }}` and nothing else."""
    tokens = [kind for _, kind, _ in environment.lex(text)]
    if tokens.count("variable_begin") != 1 or tokens[0] != "variable_begin" or tokens[-1] != "variable_end":
        return None
    inside = text[2:-2]
    return inside[inside.startswith(("-", "+")) : len(inside) - inside.endswith(("-", "+"))]


def _is_there(path: Path) -> bool:
    """Also where it cannot be opened; Jinja would pass over it and take the bundled one."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


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


@contextmanager
def _compiling(position: Position) -> Iterator[None]:
    """Turns what the compiler refuses into TemplateFailed, at its line where the position is a whole file."""
    try:
        yield
    except TemplateSyntaxError as error:
        where = position if position.line else Position(position.file, error.lineno, 1)
        raise TemplateFailed(Problem("CA1421", f"the template is wrong: {error.message}", where)) from None
    except (RecursionError, SyntaxError, MemoryError):  # the last two come from Python's own compiler
        raise TemplateFailed(Problem("CA1421", "the template is nested too deeply", position)) from None


def plain(value: object, position: Position) -> object:
    """What an expression came to, of JSON's types only.

    Raises:
        TemplateFailed: CA1424 it is something else.
        UndefinedError: it is a name that is not defined.
    """
    if isinstance(value, Undefined):
        return str(value)  # raises, with the missing name
    if isinstance(value, str):
        _check_text(value, position)
        return value
    if value is None or isinstance(value, bool | int | float):
        if isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
            message = "the template gives a number that no file can hold"
            raise TemplateFailed(Problem("CA1424", message, position))
        return value
    if isinstance(value, list | tuple):
        return [plain(part, position) for part in value]
    if isinstance(value, Mapping):
        return {str(name): plain(part, position) for name, part in value.items()}
    message = f"the template gives {type(value).__name__}, not text, a number, true, false, a list or a mapping"
    raise TemplateFailed(Problem("CA1424", message, position))


def _check_text(text: str, position: Position) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        message = "the template gives half of a surrogate pair, which no file can hold"
        raise TemplateFailed(Problem("CA1424", message, position)) from None
