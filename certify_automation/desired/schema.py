"""Data x JSON Schema -> everything that does not fit, in words, with the path of each."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from certify_automation.desired import words
from certify_automation.desired.reference import schema
from certify_automation.desired.source import Document, Path_
from certify_automation.errors import Problem


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not fit the schema.

    Attributes:
        path: keys and indexes from the root.
        key: the key is meant, not its value.
        id: CA11xx.
    """

    path: Path_
    key: bool
    id: str
    message: str
    hint: str = ""


def check_document(document: Document, name: str) -> tuple[tuple[Problem, ...], tuple[Path_, ...]]:
    """Every Problem of a file, with its place, and the paths that are wrong."""
    misfits = check(document.data, name)
    problems = tuple(
        Problem(misfit.id, misfit.message, document.position(misfit.path, key=misfit.key), misfit.hint)
        for misfit in misfits
    )
    return problems, tuple(misfit.path for misfit in misfits)


def check(data: object, name: str, *, resolved: bool = False) -> tuple[Misfit, ...]:
    """Everything in the data that does not fit a bundled schema; empty if all does.

    Args:
        data: plain data.
        name: the schema's name, for example `desired-state`.
        resolved: templates have been evaluated, so text with `{{` is no longer accepted in the place of other types.
    """
    errors = _validator(name, resolved).iter_errors(data)
    misfits = {misfit for error in errors for misfit in _misfits(error)}
    return tuple(sorted(misfits, key=lambda misfit: ([str(part) for part in misfit.path], misfit.id)))


def _is_integer(_checker: object, value: object) -> bool:
    """The product takes 9696.0 for a type error, where JSON Schema calls it an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def _read_only(_validator: object, value: object, _instance: object, part: Mapping[str, Any]) -> Iterator[ValidationError]:
    if value:
        yield ValidationError(str(part.get("description", "")))


_Validator = validators.extend(
    Draft202012Validator,
    {"readOnly": _read_only},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


@cache
def _validator(name: str, resolved: bool) -> Any:  # noqa: ANN401 - jsonschema.validators.extend returns no named type
    content = schema(name)
    if resolved:
        content = copy.deepcopy(dict(content))
        content["$defs"]["template"] = False
    return _Validator(content)


def _misfits(error: ValidationError) -> Iterator[Misfit]:
    path = tuple(error.absolute_path)
    if error.validator in {"anyOf", "oneOf"}:
        for part in _closest(error):
            yield from _misfits(part)
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        for name in error.instance:
            if name not in known:
                yield Misfit((*path, name), True, "CA1103", f"the key {name} is not known here", words.near_key(name, known))
    elif error.validator == "required" and isinstance(error.instance, Mapping):
        for name in error.validator_value:
            if name not in error.instance:
                where = words.place(path)
                yield Misfit(path, False, "CA1104", f"{where} lacks the key {name}", words.hint_of(error.schema, name))
    elif "propertyNames" in error.absolute_schema_path and isinstance(error.instance, str):
        message = f"the name {words.shown(error.instance)} is not allowed: {error.schema.get('x-words', 'it is empty')}"
        yield Misfit((*path, error.instance), True, "CA1106", message)
    else:
        error_id, message, hint = words.sentence(error)
        yield Misfit(path, error.validator == "readOnly", error_id, message, hint)


def _closest(error: ValidationError) -> Iterable[ValidationError]:
    """The errors of the alternative that was meant: one that fits by type, otherwise the first.

    The first alternative of every choice in the schemas is the one an explanation should speak of.
    """
    branches: dict[int, list[ValidationError]] = {}
    for part in error.context or ():
        branches.setdefault(int(part.relative_schema_path[0]), []).append(part)
    meant = [errors for errors in branches.values() if not any(_is_other_kind(part) for part in errors)]
    if meant:
        return min(meant, key=len)
    return branches.get(0, [])


def _is_other_kind(error: ValidationError) -> bool:
    """Whether an alternative fails on the value as a whole, not on a part of it."""
    whole = not error.relative_path
    return whole and (error.validator in {"type", "const", "enum", None} or _is_template(error) or _lacks_all(error))


def _is_template(error: ValidationError) -> bool:
    return error.schema is False or (error.validator == "pattern" and error.schema.get("title") == "a template")


def _lacks_all(error: ValidationError) -> bool:
    """A mapping without the one key an alternative is about was meant to be another alternative."""
    return error.validator == "required" and not set(error.validator_value) & set(error.instance)
