"""The part of WQL the scripts use: comparisons with = and LIKE, joined by AND and OR, with parentheses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z][A-Za-z0-9]*)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>\d+)|(?P<sign>[=()]))"
)


def matches(condition: str, row: Mapping[str, Any]) -> bool:
    """Whether a row satisfies the condition; an empty one is always satisfied. Texts compare ignoring case."""
    if not condition:
        return True
    query = _Query(condition, row)
    result = query.either()
    if query.tokens:
        raise ValueError(f"invalid query: {condition}")
    return result


class _Query:
    def __init__(self, condition: str, row: Mapping[str, Any]) -> None:
        self.row = {name.casefold(): value for name, value in row.items()}
        self.tokens: list[str] = []
        at = 0
        while at < len(condition):
            match = _TOKEN.match(condition, at)
            if match is None:
                raise ValueError(f"invalid query: {condition}")
            self.tokens.append(match[0].strip())
            at = match.end()

    def either(self) -> bool:
        found = self.both()
        while self._next("OR"):
            found = self.both() or found
        return found

    def both(self) -> bool:
        found = self.one()
        while self._next("AND"):
            found = self.one() and found
        return found

    def one(self) -> bool:
        if self._next("("):
            found = self.either()
            assert self._next(")"), "unbalanced parentheses"
            return found
        name, sign, literal = self.tokens.pop(0), self.tokens.pop(0).upper(), self.tokens.pop(0)
        value = self.row[name.casefold()]
        if sign == "LIKE":
            pattern = ".*".join(re.escape(part) for part in _text(literal).split("%"))
            return re.fullmatch(pattern, str(value), re.IGNORECASE | re.DOTALL) is not None
        assert sign == "=", f"no operator of ours: {sign}"
        if literal.startswith("'"):
            return str(value).casefold() == _text(literal).casefold()
        if literal.upper() in ("TRUE", "FALSE"):
            return bool(value) == (literal.upper() == "TRUE")
        return bool(value == int(literal))

    def _next(self, token: str) -> bool:
        if self.tokens and self.tokens[0].upper() == token:
            self.tokens.pop(0)
            return True
        return False


def _text(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])
