"""The connection of servers.json that the user interface opens. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certify_automation.config_merge.lenient_json import Json, JsonObject, read
from certify_automation.config_merge.members import Members
from certify_automation.config_merge.properties import as_read, connection_property
from certify_automation.model.host import Endpoint


@dataclass(frozen=True, slots=True)
class Connection:
    """One entry as the user interface reads it, defaults filled in.

    Attributes:
        index: its place in the file, from 0.
        name: DisplayName.
        endpoint: where it connects.
        mode: `direct` or `namedpipe`.
        authentication: `default` signs in as Windows does.
    """

    index: int
    name: str
    endpoint: Endpoint
    mode: str
    authentication: str


def default_connection(content: bytes | None) -> Connection | None:
    """The first entry that is marked as default.

    None when the file leaves the choice to serviceconfig.json: it is not there, blank, cannot be read, or marks none.
    """
    document = read(content)
    if not isinstance(document.value, Sequence) or isinstance(document.value, str):
        return None
    try:
        entries = list(_entries(document.value))
    except ValueError:
        return None
    return next((entry for entry, default in entries if default), None)


def _entries(items: Sequence[Json]) -> Iterator[tuple[Connection, bool]]:
    """Raises ValueError for what makes the product ignore the whole list."""
    for index, item in enumerate(items):
        if not isinstance(item, JsonObject):
            raise ValueError("an entry is no object")  # noqa: TRY004 - data of the wrong type
        members = Members(item, connection_property)
        if reason := members.unreadable_reason():
            raise ValueError(reason)
        host, port, https = (_value(members, name) for name in ("Host", "Port", "UseHTTPS"))
        yield (
            Connection(
                index,
                str(_value(members, "DisplayName") or ""),
                Endpoint(str(host or ""), port if isinstance(port, int) else 0, bool(https)),
                str(_value(members, "Mode") or "direct"),
                str(_value(members, "Authentication") or "default"),
            ),
            _value(members, "IsDefault") is True,
        )


def _value(members: Members, name: str) -> object:
    """As the product reads it; its default where the entry does not say, None for null."""
    prop, found = connection_property(name), members.get(name)
    if found is None:
        return None if members.has(name, None) else prop.default
    return as_read(prop, found)[1]
