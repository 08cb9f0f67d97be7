"""The Jinja environment of a repository's templates: no way into Python, no chance, and an end to every evaluation.

Who may change a template in git must not be able to stop or starve the machine that validates it. Every turn of a loop,
call, filter, test and operator is a step; steps and the size of every value are limited. The limits count, they do not
measure time, so a template passes on every machine or on none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from math import prod
from string import Formatter
from types import BuiltinMethodType
from typing import Any, TypeAlias, cast

from jinja2 import BaseLoader, StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from certify_automation.desired.words import near

_Function: TypeAlias = Callable[..., Any]

_MOST_STEPS = 250_000
_LARGEST = 1_000_000
_LARGEST_PRODUCT = 10_000_000
_MOST_BITS = 10_000
_SIZE_OF_A_STEP = 20
_NODES_OF_A_STEP = 10
_STEPS_OF_AN_INCLUDE = 200
_WIDENING = frozenset({"batch", "center", "indent", "json", "round", "slice", "tojson"})
"""Filters with an argument that is a width or a count."""

_WIDE_PERCENT = re.compile(r"%(?:\([^)]*\))?[-#0 +]*[0-9]*\.?(?:[0-9]{5}|\*)")
_WIDE_FORMAT = re.compile(r"[0-9]{5}|\{")
"""A width of five digits in a format, or one that is an argument."""

_TOO_LARGE = f"a value has more than {_LARGEST} characters or elements"
_TOO_WIDE = "the format has a width of five digits, or one that is an argument"


class Sandbox(ImmutableSandboxedEnvironment):
    """Keys of a mapping win over its methods; whatever exceeds the limits raises SecurityError."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, loader: BaseLoader, names: Iterable[str]) -> None:
        """An environment.

        Args:
            loader: where templates of files come from.
            names: what a template may use; named to those who mistype one.
        """
        known = tuple(names)
        super().__init__(
            undefined=type("_Undefined", (_Undefined,), {"known": known}),
            loader=loader,
            autoescape=False,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self.measured,
        )
        del self.globals["lipsum"], self.filters["random"]  # chance
        del self.filters["wordwrap"]  # takes time by the square of the text
        self.filters["json"] = _json
        self.filters["_concatenated"] = _concatenated
        self.filters = {name: self._limited(name, cast("_Function", run)) for name, run in self.filters.items()}
        self.filters |= {"_counted": self._counted, "_measured": self.measured}
        self.tests = {name: self._limited(name, cast("_Function", run)) for name, run in self.tests.items()}
        self.concat = self._joined  # type: ignore[method-assign]  # Jinja's own is a plain function
        self._steps = 0

    def begin(self) -> None:
        """One more evaluation begins."""
        self._steps = 0

    def measured(self, value: Any) -> Any:  # noqa: ANN401 - any value
        """The value itself.

        Raises:
            SecurityError: written out it would be too large.
        """
        self._weigh(value)
        return value

    def _weigh(self, value: object) -> int:
        size = _size(value)
        self._spend(1 + size // _SIZE_OF_A_STEP)
        return size

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise SecurityError(f"it takes more than {_MOST_STEPS} steps")

    def _weigh_together(self, values: Iterable[object], *, widths: bool) -> None:
        """Refuses what may become larger than the sum of what it is made of: replace, join, center and the like."""
        sizes = [abs(value) if widths and isinstance(value, int) else self._weigh(value) for value in values]
        if prod(sorted(sizes)[-2:]) > _LARGEST_PRODUCT:
            raise SecurityError("the result would be too large")

    def _counted(self, values: Iterable[Any], nodes_a_turn: int) -> Iterator[Any]:
        for value in values:
            self._spend(1 + nodes_a_turn // _NODES_OF_A_STEP)
            yield value

    def _joined(self, parts: Iterable[str]) -> str:
        made, length = [], 0
        for part in parts:
            made.append(part)
            length += len(part)
            if length > _LARGEST:
                raise SecurityError(_TOO_LARGE)
        return "".join(made)

    def _limited(self, name: str, run: _Function) -> _Function:
        hidden = int(hasattr(run, "jinja_pass_arg"))

        @wraps(run)  # Jinja looks for its marks among the function's attributes
        def limited(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - any filter
            value, *others = arguments[hidden:]
            self._weigh_together(
                [str(value) if isinstance(value, int) else value, *others, *named.values()], widths=name in _WIDENING
            )
            if name == "format":
                _refuse_wide_percent(value)
            return self.measured(run(*arguments, **named))

        return limited

    def _generate(self, source: nodes.Template, *arguments: Any, **named: Any) -> str:  # noqa: ANN401 - as Jinja's own
        return super()._generate(_Metering().visit(source), *arguments, **named)

    def get_template(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as Jinja's own
        """A template by name; counts, since a template may include itself."""
        self._spend(_STEPS_OF_AN_INCLUDE)
        return super().get_template(*arguments, **named)

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's own signature
        """An item of a mapping, otherwise what the sandbox allows."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call(self, context: Any, run: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as above
        """The result of a call, of a method or a macro."""
        values = [*arguments, *named.values()]
        owner = getattr(run, "__self__", None) if isinstance(run, BuiltinMethodType) else None
        if isinstance(owner, str):
            self._weigh_together([owner, *values], widths=True)
        else:
            self._weigh(values)
        return self.measured(super().call(context, run, *arguments, **named))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ANN401 - as above
        """`str.format` within its limits; None for anything else."""
        run = super().wrap_str_format(value)
        if run is not None and any(
            _WIDE_FORMAT.search(spec or "") for _, _, spec, _ in Formatter().parse(value.__self__)
        ):
            raise SecurityError(_TOO_WIDE)
        return run

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - as above
        """The result of an operator; refused where it would be too large to compute."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        self._weigh_together([left, right], widths=operator == "*" and not numbers)
        if operator == "**" and isinstance(left, int) and left.bit_length() * abs(right) > _MOST_BITS:
            raise SecurityError("the power is too large")
        if operator == "%":
            _refuse_wide_percent(left)
        return self.measured(super().call_binop(context, operator, left, right))


class _Undefined(StrictUndefined):
    """Says which name is missing, and which one is similar."""

    known: tuple[str, ...] = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        name = str(self._undefined_name)
        obj = self._undefined_obj
        known = [str(key) for key in obj] if isinstance(obj, Mapping) else self.known
        hint = near(name, (other for other in known if other != name))
        return f"'{name}' is not defined{f'; {hint}' if hint else ''}"


class _Metering(NodeTransformer):
    """Puts a measure around what Jinja does by itself: loops, `~`, comparisons and slices."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the name decides which nodes it gets
        self.generic_visit(node)
        turn = sum(1 for part in node.body for _ in part.find_all(nodes.Node))
        node.iter = _filtered(node.iter, "_counted", nodes.Const(turn))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - as above
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concatenated")

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - as above
        self.generic_visit(node)
        node.expr = _filtered(node.expr, "_measured")
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, "_measured")
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - as above
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, "_measured")
        return node


def _filtered(node: nodes.Node, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


def _size(value: object) -> int:
    """Characters and elements of a value written out, every element counted where it appears."""
    if isinstance(value, str) and len(value) <= _LARGEST:
        return len(value)
    size, rest = 0, [value]
    while rest:
        part = rest.pop()
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, int):
            size += part.bit_length() // 3
        elif isinstance(part, Mapping):
            rest += part.keys()
            rest += part.values()
        elif isinstance(part, list | tuple | set | frozenset):
            rest += part
        size += 1
        if size + len(rest) > _LARGEST:
            raise SecurityError(_TOO_LARGE)
    return size


def _refuse_wide_percent(text: object) -> None:
    if isinstance(text, str) and _WIDE_PERCENT.search(text):
        raise SecurityError(_TOO_WIDE)


def _concatenated(values: Iterable[object]) -> str:
    return "".join(str(value) for value in values)


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
