"""Expressions of playbooks: `when`, `assert`, and `{{ }}` in the parameters of steps.

They see plain values by documented names and nothing else, cannot act, and come to an end as templates do. A name that
is not there is an error, never an empty text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from jinja2 import DictLoader, Environment, TemplateSyntaxError, nodes
from jinja2.exceptions import TemplateError
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser

from certify_automation.desired.sandbox import Sandbox
from certify_automation.desired.templates import TemplateFailed, plain, sole_expression
from certify_automation.desired.words import near, shown
from certify_automation.errors import HostError, Position
from certify_automation.model.config_files import JsonValue

NAMES = ("facts", "findings", "host", "parameters")
"""What an expression may use."""

Known: TypeAlias = Mapping[str, object]
"""Names that can be there; a mapping below a name holds those that can be below it, anything else says nothing."""

_NOWHERE = Position("")
_TEMPLATE = ("{{", "{%", "{#")


class ExpressionFailed(HostError):
    """An expression has no usable value on this host: a name is not there, or the value is of the wrong kind."""


class _Plain(Sandbox):
    """Mappings have their keys and no methods, so that a mistyped key cannot come out as a method."""

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's own signature
        """An item of a mapping, otherwise what the sandbox allows."""
        if isinstance(obj, Mapping) and attribute not in obj:
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - as above
        """As `getattr`: Jinja would look among the methods for a key that is not there."""
        if isinstance(obj, Mapping) and argument not in obj:
            return self.undefined(obj=obj, name=argument)
        return super().getitem(obj, argument)


def _environment() -> _Plain:
    """One for one evaluation: it counts the steps of what it evaluates, and hosts are worked on at the same time."""
    return _Plain(DictLoader({}), NAMES)


def holds(expression: str, values: Mapping[str, object]) -> bool:
    """Whether an expression is true.

    Args:
        expression: without `{{ }}`.
        values: by name, plain data.

    Raises:
        ExpressionFailed: CA1620 it cannot be evaluated, CA1621 it is neither true nor false.
    """
    found = _run(expression, lambda environment: _compiled(environment, expression), values)
    if not isinstance(found, bool):
        hint = "compare it with something: == 'v6', is not none, | length > 0"
        raise ExpressionFailed("CA1621", f"`{expression}` is {shown(found)}, neither true nor false", hint=hint)
    return found


def evaluated(value: JsonValue, values: Mapping[str, object]) -> JsonValue:
    """The value with the templates in it evaluated; a text that is one expression keeps the expression's type.

    Args:
        value: plain data as written.
        values: by name, plain data.

    Raises:
        ExpressionFailed: CA1620.
    """
    if isinstance(value, str):
        return _text(value, values) if is_template(value) else value
    if isinstance(value, Mapping):
        return {name: evaluated(part, values) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [evaluated(part, values) for part in value]
    return value


def is_template(text: str) -> bool:
    """Whether a text holds anything that Jinja evaluates."""
    return any(mark in text for mark in _TEMPLATE)


def _text(text: str, values: Mapping[str, object]) -> JsonValue:
    def compiled(environment: Environment) -> Callable[..., object]:
        inside = sole_expression(environment, text)
        return environment.from_string(text).render if inside is None else _compiled(environment, inside)

    return _run(text, compiled, values)


def _compiled(environment: Environment, expression: str) -> Callable[..., object]:
    return environment.compile_expression(expression, undefined_to_none=False)


def _run(
    text: str, compiled: Callable[[Environment], Callable[..., object]], values: Mapping[str, object]
) -> JsonValue:
    environment = _environment()
    try:
        found: Any = plain(environment.measured(compiled(environment)(**values)), _NOWHERE)
    except TemplateFailed as error:
        why = error.problem.message
    except RecursionError:
        why = "it is nested too deeply"
    except TemplateError as error:
        why = error.message or type(error).__name__
    except Exception as error:  # noqa: BLE001 - an expression of the user's may raise anything
        why = f"{type(error).__name__}: {error}"
    else:
        return found  # type: ignore[no-any-return]  # plain() leaves nothing else
    raise ExpressionFailed("CA1620", f"`{text}` cannot be evaluated: {why}")


def syntax_fault(text: str, *, template: bool = False) -> str:
    """What is wrong with the form of an expression, or of a text with `{{ }}`; empty if nothing."""
    if not template and is_template(text):
        return "it is evaluated as it stands: write it without {{ }}"
    try:
        _tree(text, template=template)
        environment = _environment()
        if template:
            environment.from_string(text)
        else:
            _compiled(environment, text)
    except TemplateSyntaxError as error:
        return error.message or "it is not an expression"
    except (RecursionError, SyntaxError, MemoryError):  # the last two come from Python's own compiler
        return "it is nested too deeply"
    return ""


def names_used(text: str, *, template: bool = False) -> frozenset[str]:
    """The names that an expression, or a text with `{{ }}`, takes from outside."""
    return frozenset(find_undeclared_variables(_tree(text, template=template)))


def unknown_names(text: str, known: Known, *, template: bool = False) -> Iterator[tuple[str, str]]:
    """Names that cannot be there on any host, such as `facts.prodct`, each with a hint.

    Args:
        text: an expression, or a text with `{{ }}`, of the right form.
        known: what can be there.
        template: the text holds `{{ }}`.
    """
    tree = _tree(text, template=template)
    for name in sorted(find_undeclared_variables(tree) - known.keys() - _environment().globals.keys()):
        yield name, near(name, known) or f"known are {', '.join(known)}"
    found: dict[str, str] = {}
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        path = _path(node)
        if path is not None:
            found |= _unknown(path, known)
    yield from sorted(found.items())


def _tree(text: str, *, template: bool) -> nodes.Template:
    environment = _environment()
    if template:
        return environment.parse(text)
    parser = Parser(environment, text, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError("chunk after expression", parser.stream.current.lineno)
    tree = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
    tree.set_environment(environment)
    return tree


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    """`facts.product.version` as its parts; None for what is not a name with constant keys."""
    match node:
        case nodes.Name():
            return (node.name,)
        case nodes.Getattr():
            key: object = node.attr
        case nodes.Getitem(arg=nodes.Const(value=str() as key)):
            pass
        case _:
            return None
    above = _path(node.node)
    return None if above is None else (*above, str(key))


def _unknown(path: tuple[str, ...], known: Known) -> dict[str, str]:
    below: object = known
    for end, name in enumerate(path, 1):
        if not isinstance(below, Mapping):
            return {}
        if name not in below:
            hint = near(name, below) or (f"known are {', '.join(below)}" if below else "there are none")
            return {".".join(path[:end]): hint} if end > 1 else {}
        below = below[name]
    return {}
