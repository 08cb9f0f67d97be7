"""Data x JSON Schema -> everything that does not fit, in words, with the path of each."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from certify_automation.desired import durations, words
from certify_automation.desired.nodes import DataPath, Document
from certify_automation.desired.reference import schema
from certify_automation.errors import Problem

_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not fit the schema.

    Attributes:
        path: keys and indexes from the root.
        id: CA11xx.
        key: the key is meant, not its value.
    """

    path: DataPath
    id: str
    message: str
    hint: str = ""
    key: bool = False


def check_document(document: Document, name: str) -> tuple[tuple[Problem, ...], tuple[DataPath, ...]]:
    """Every Problem of a file, with its place, and the paths that are wrong."""
    misfits = check(document.data, name)
    problems = tuple(
        Problem(misfit.id, misfit.message, document.position(misfit.path, key=misfit.key), misfit.hint)
        for misfit in misfits
    )
    return problems, tuple(misfit.path for misfit in misfits)


def check_again(data: object, name: str, *, resolved: bool = False) -> tuple[Misfit, ...]:
    """As `check`, of data that many hosts may share: equal data is checked once.

    Args:
        data: of JSON's types only.
        name: as for `check`.
        resolved: as for `check`.
    """
    return _checked(json.dumps(data), name, resolved)


@lru_cache(maxsize=1024)
def _checked(text: str, name: str, resolved: bool) -> tuple[Misfit, ...]:
    return check(json.loads(text), name, resolved=resolved)


def check(data: object, name: str, *, resolved: bool = False) -> tuple[Misfit, ...]:
    """Everything in the data that does not fit a bundled schema; empty if all does.

    Args:
        data: plain data.
        name: the schema's name, for example `desired-state`.
        resolved: templates have been evaluated, so text with `{{` is no longer accepted in the place of other types.
    """
    errors = _validator(name, resolved).iter_errors(data)
    found = list(islice((misfit for error in errors for misfit in _misfits(error)), _MOST + 1))
    misfits = set(found[:_MOST])
    if len(found) > _MOST:
        misfits.add(Misfit((), "CA1110", f"there are more than {_MOST} mistakes; the others are not looked for"))
    return tuple(sorted(misfits, key=lambda misfit: ([str(part) for part in misfit.path], misfit.id)))


def _pattern(_validator: object, pattern: str, instance: object, _part: object) -> Iterator[ValidationError]:
    """As ECMA 262 has it, `$` is the end of the text; in Python it also stands before a last newline."""
    if isinstance(instance, str) and not _regex(pattern).search(instance):
        yield ValidationError(pattern)


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


def _is_integer(_checker: object, value: object) -> bool:
    """The product takes 9696.0 for a type error, where JSON Schema calls it an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def _seconds(_validator: object, limits: list[int], instance: object, _part: object) -> Iterator[ValidationError]:
    """The limits of a duration, however it is written; what is none fails elsewhere."""
    found = durations.seconds(instance)
    if found is not None and not limits[0] <= found <= limits[1]:
        yield ValidationError(str(instance))


def _names(_validator: object, pattern: str, instance: object, _part: object) -> Iterator[ValidationError]:
    """The names a mapping may have, ignoring case."""
    known = _regex(f"(?ai)^(?:{pattern})$")
    for name in instance if isinstance(instance, Mapping) else ():
        if not known.search(str(name)):
            yield ValidationError(str(name), instance=name)


def _read_only(
    _validator: object, value: object, _instance: object, part: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if value:
        yield ValidationError(str(part.get("description", "")))


_Validator = validators.extend(  # type: ignore[no-untyped-call]  # the stubs leave it without types
    Draft202012Validator,
    {"readOnly": _read_only, "pattern": _pattern, "x-seconds": _seconds, "x-names": _names},
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
    part = words.part_of(error)
    limit: Any = error.validator_value
    if error.validator == "anyOf":
        yield from _of_choice(error, path)
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = part.get("properties", {})
        for name in error.instance:
            if name not in known:
                yield _unknown(path, name, known, part.get("x-unknown", {}).get(name))
    elif error.validator == "x-names":
        yield _unknown(path, str(error.instance), part.get("properties", {}))
    elif error.validator == "required" and isinstance(error.instance, Mapping):
        for name in limit:
            if name not in error.instance:
                yield Misfit(path, "CA1104", f"{words.place(path)} lacks the key {name}", words.hint_of(part, name))
    elif "propertyNames" in error.absolute_schema_path and isinstance(error.instance, str):
        message = f"the name {words.shown(error.instance)} is not allowed: {part.get('x-words', 'it is empty')}"
        yield Misfit((*path, error.instance), "CA1106", message, key=True)
    else:
        # the line of a key is shown to the reader; a secret may stand in the one below
        key = error.validator == "readOnly" or bool(part.get("writeOnly"))
        yield Misfit(path, *words.sentence(error), key=key)


def _unknown(path: DataPath, name: str, known: Mapping[str, Any], hint: str | None = None) -> Misfit:
    message = f"the key {name} is not known here"
    return Misfit((*path, name), "CA1103", message, hint or words.near_key(name, known), key=True)


def _of_choice(error: ValidationError, path: DataPath) -> Iterator[Misfit]:
    """The misfits of the alternative that was meant: one that fits as a whole, otherwise the first.

    The first alternative of every choice in the schemas is the one that an explanation should speak of.
    """
    branches: dict[int, list[ValidationError]] = {}
    for part in error.context or ():
        branches.setdefault(int(part.relative_schema_path[0]), []).append(part)
    meant = [errors for errors in branches.values() if not any(_is_other_kind(part) for part in errors)]
    summary = words.part_of(error).get("x-words")
    if not meant and summary:
        message = f"{words.place(path)} must be {summary}, not {words.shown(error.instance)}"
        hint = words.near(
            str(error.instance), [words.part_of(errors[0]).get("const", "") for errors in branches.values()]
        )
        yield Misfit(path, "CA1102", message, hint)
        return
    for part in min(meant, key=len) if meant else branches.get(0, []):
        yield from _misfits(part)


def _is_other_kind(error: ValidationError) -> bool:
    """Whether an alternative fails on the value as a whole, not on a part of it."""
    if error.relative_path:
        return False
    lacks_all = error.validator == "required" and not {*_list(error.validator_value)} & {*_list(error.instance)}
    is_template = words.part_of(error).get("title") == "a template"
    return lacks_all or is_template or error.validator in {"type", "const", "enum", None}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, Iterable) else []
