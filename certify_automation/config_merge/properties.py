"""What the product knows about each property of its JSON files; names, types and the rest come from the schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, TypeAlias

from certify_automation import bundled
from certify_automation.config_merge.lenient_json import Json, JsonObject, NumberText
from certify_automation.model.config_files import JsonValue

Comparable: TypeAlias = "tuple[object, ...]"

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,300}\s*")
_INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class Property:
    """One property of serviceconfig.json or of a servers.json entry.

    Attributes:
        name: as the product spells it.
        declared: as users write it in state files; the product's name where there is no other.
        kind: `integer`, `boolean`, `string`, `array`, or empty for a property nobody here knows.
        volatile: written by the product itself, neither compared nor changed.
        default: what the product uses when the file does not say.
    """

    name: str
    declared: str
    kind: str = ""
    volatile: bool = False
    default: JsonValue = None


@cache
def _table(kind: str) -> Mapping[str, Property]:
    document = json.loads(
        bundled.text("schemas", "serviceconfig.schema.json" if kind == "config" else "servers.schema.json")
    )
    parts: Mapping[str, Any] = (document if kind == "config" else document["items"])["properties"]
    state = json.loads(bundled.text("schemas", "desired-state.schema.json"))["$defs"][kind]["properties"]
    declared = {part["x-property"]: name for name, part in state.items() if "x-property" in part}
    return {
        name.casefold(): Property(
            name,
            declared.get(name, name),
            _kind(part["type"]),
            volatile=bool(part.get("readOnly")),
            default=part.get("default"),
        )
        for name, part in parts.items()
    }


def _kind(types: str | Sequence[str]) -> str:
    return types if isinstance(types, str) else next(name for name in types if name != "null")


def config_property(name: str) -> Property:
    """The property of serviceconfig.json with this name, ignoring case."""
    return _table("config").get(name.casefold()) or Property(name, f"additional.{name}")


def connection_property(name: str) -> Property:
    """The property of a servers.json entry with this name, ignoring case."""
    return _table("connection").get(name.casefold()) or Property(name, f"additional.{name}")


def as_read(prop: Property, value: Json) -> Comparable:
    """The value the product takes from this JSON; two are equal when the product sees no difference.

    Json.NET converts: `"9696"` is an integer, `"True"` and 1 are booleans, a number where text is expected is its
    digits. What it cannot convert makes it ignore the whole file.

    Raises:
        ValueError: the value has a type the product does not accept here; the text says which.
    """
    if value is None:
        if prop.kind in {"integer", "boolean"}:
            raise ValueError(f"null is not {_article(prop.kind)}")
        return ("null",)
    match prop.kind:
        case "integer":
            return ("number", _whole_number(value))
        case "boolean":
            return ("boolean", _truth(value))
        case "string":
            return ("text", _text(value))
        case "array":
            if isinstance(value, str | bool | JsonObject):
                raise ValueError(f"{_shown(value)} is not an array")  # noqa: TRY004 - data of the wrong type
            return ("array", tuple(("text", _text(item)) for item in value))
        case _:
            return _structure(value)


def _whole_number(value: Json) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value) and int(value) in _INT32:
        return int(value)
    raise ValueError(f"{_shown(value)} is not an integer")


def _truth(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, NumberText):
        return _decimal(value) != 0
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise ValueError(f"{_shown(value)} is not a boolean")


def _text(value: Json) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    raise ValueError(f"{_shown(value)} is not a string")


def _structure(value: Json) -> Comparable:
    if isinstance(value, JsonObject):
        return ("object", frozenset((name, _structure(item)) for name, item in dict(value.members).items()))
    if isinstance(value, NumberText):
        return ("number", _decimal(value))
    if isinstance(value, str):
        return ("text", str(value))
    if value is None or isinstance(value, bool):
        return ("null",) if value is None else ("boolean", value)
    return ("array", *(_structure(item) for item in value))


def _decimal(text: NumberText) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds: only the same digits are the same number
        return str(text)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "ai" else f"a {kind}"


def _shown(value: Json) -> str:
    return json.dumps(plain(value), ensure_ascii=False)


def plain(value: Json) -> JsonValue:
    """The value as ordinary JSON data, to show and store; a number that would lose digits stays text."""
    if isinstance(value, JsonObject):
        return {name: plain(item) for name, item in value.members}
    if isinstance(value, NumberText):
        return _plain_number(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def _plain_number(text: NumberText) -> JsonValue:
    if _INTEGER.fullmatch(text):
        return int(text)
    try:
        return float(text) if Decimal(repr(float(text))) == _decimal(text) else str(text)
    except ValueError:
        return str(text)


def literal(value: JsonValue) -> Json:
    """Declared data as JSON to be written."""
    if isinstance(value, Mapping):
        return JsonObject(tuple((name, literal(item)) for name, item in value.items()))
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return NumberText(json.dumps(value))
    return [literal(item) for item in value]
