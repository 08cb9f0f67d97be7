"""What the product reads from its files, property by property: two versions of a file are compared by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from certify_automation.config_merge.lenient_json import Json, JsonObject, read
from certify_automation.config_merge.properties import (
    Comparable,
    Property,
    as_read,
    config_property,
    connection_property,
    plain,
)
from certify_automation.model.config_files import Condition, JsonValue

_NAME = "displayname"


@dataclass(frozen=True, slots=True)
class PropertyValue:
    """One property; two are equal when the product sees no difference.

    Attributes:
        name: as the file spells it.
        declared: as users write it in state files.
        plain: the value as ordinary data.
    """

    read: Comparable
    name: str = field(compare=False)
    declared: str = field(compare=False)
    plain: JsonValue = field(compare=False)


Values = Mapping[str, PropertyValue]
"""Properties by their name in lower case, without those that the product itself writes."""


@dataclass(frozen=True, slots=True)
class ConnectionValues:
    """One entry of servers.json.

    Attributes:
        name: DisplayName as the file spells it.
        whole: every other property, with those that the product itself writes.
    """

    values: Values
    name: str = field(compare=False)
    whole: Mapping[str, JsonValue] = field(compare=False)


def config_values(content: bytes) -> Values | None:
    """The properties of serviceconfig.json; None when the product ignores the file."""
    document = read(content)
    if document.condition is Condition.BLANK:
        return {}
    try:
        return _values(document.value, config_property) if isinstance(document.value, JsonObject) else None
    except ValueError:
        return None


def connection_values(content: bytes) -> Mapping[str, ConnectionValues] | None:
    """The entries of servers.json by DisplayName in lower case; None when the product ignores the file."""
    document = read(content)
    if document.condition is Condition.BLANK:
        return {}
    if not isinstance(document.value, Sequence) or isinstance(document.value, str):
        return None
    found: dict[str, ConnectionValues] = {}
    for item in document.value:
        try:
            entry = _connection(item)
        except ValueError:
            return None
        if entry is not None:
            found.setdefault(entry.name.casefold(), entry)
    return found


def _connection(item: Json) -> ConnectionValues | None:
    if not isinstance(item, JsonObject):
        raise ValueError("an entry is no object")  # noqa: TRY004 - data of the wrong type
    values = _values(item, connection_property)
    members = {name.casefold(): (name, plain(value)) for name, value in item.members}
    _, name = members.pop(_NAME, ("", None))
    if not isinstance(name, str):
        return None
    return ConnectionValues({key: one for key, one in values.items() if key != _NAME}, name, dict(members.values()))


def _values(found: JsonObject, known: Callable[[str], Property]) -> Values:
    values: dict[str, PropertyValue] = {}
    for name, value in found.members:
        prop = known(name)
        if not prop.volatile:
            values[name.casefold()] = PropertyValue(as_read(prop, value), name, prop.declared, plain(value))
    return values
