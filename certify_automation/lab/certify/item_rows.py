"""Managed certificates as the product stores them: rows of a SQLite file, an id and a JSON text each.

A computer with thousands of them is asked for a page at a time, so rows are parsed once for as long as the file's bytes
are the same, and a row whose text has not changed is not parsed again when another one has.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from typing import Any

Row = Mapping[str, Any]
"""One item: PascalCase names, nulls omitted, dates as ISO 8601 texts, enumerations as numbers."""

_CREATE = "CREATE TABLE manageditem(id TEXT NOT NULL UNIQUE PRIMARY KEY, json TEXT NOT NULL)"
_PUT = "INSERT OR REPLACE INTO manageditem VALUES (?, ?)"
_SHOWN = 40
_KINDS: dict[str, type] = {
    "Date": str, "ItemType": int, "LastRenewalStatus": int, "RenewalFailureCount": int, "Version": int,
    "RequestConfig": dict, "DomainOptions": list,
}  # fmt: skip


class UnreadableItem(Exception):
    """A row that the product cannot read: requests that touch it answer 500."""


@cache
def empty_database() -> bytes:
    """A database file without rows."""
    return database({})


def database(items: Mapping[str, str]) -> bytes:
    """A database file that holds these rows: id -> JSON text as the product stores it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(_CREATE)
        connection.executemany(_PUT, items.items())
        connection.commit()
        return connection.serialize()


def rows(content: bytes) -> dict[str, str]:
    """The rows of a database file, in the order they were written last.

    Raises:
        sqlite3.DatabaseError: it is no database, or a damaged one.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content)
        return dict(connection.execute("SELECT id, json FROM manageditem ORDER BY rowid").fetchall())


class ItemRows:
    """What is known of the rows of one file; whatever it returns is shared and must not be changed."""

    def __init__(self) -> None:
        self._content: bytes | None = None
        self._texts: dict[str, str] = {}
        self._parsed: dict[str, Row | UnreadableItem] = {}
        self._by_name: tuple[Row, ...] | None = None

    def load(self, content: bytes) -> None:
        """Know the rows of this content; raises sqlite3.DatabaseError for one that is unusable."""
        if self._content is not None and (content is self._content or content == self._content):
            self._content = content
            return
        self._keep(content, rows(content))

    def one(self, item_id: str) -> Row | None:
        """One item, or None; raises UnreadableItem when its row is unreadable."""
        parsed = self._parsed.get(item_id)
        if isinstance(parsed, UnreadableItem):
            raise UnreadableItem(*parsed.args)
        return parsed

    def in_order(self) -> tuple[Row, ...]:
        """All items, the one written last comes last; raises UnreadableItem for the first row that is."""
        found = []
        for parsed in self._parsed.values():
            if isinstance(parsed, UnreadableItem):
                raise UnreadableItem(*parsed.args)
            found.append(parsed)
        return tuple(found)

    def by_name(self) -> tuple[Row, ...]:
        """All items by Name, ordinally; raises UnreadableItem as `in_order`."""
        if self._by_name is None:
            self._by_name = tuple(sorted(self.in_order(), key=lambda item: str(item.get("Name", ""))))
        return self._by_name

    def changed(self, put: Iterable[Row], removed: Iterable[str] = ()) -> bytes:
        """The file's content with these items stored, and these removed; the rows are known from then on."""
        texts = {str(item["Id"]): json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in put}
        gone = list(removed)
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(self._content or empty_database())
            connection.executemany("DELETE FROM manageditem WHERE id = ?", [(item_id,) for item_id in gone])
            connection.executemany(_PUT, texts.items())
            connection.commit()
            content = connection.serialize()
        kept = {key: text for key, text in self._texts.items() if key not in texts and key not in gone}
        self._keep(content, kept | texts)
        return content

    def _keep(self, content: bytes, texts: dict[str, str]) -> None:
        before, parsed = self._texts, self._parsed
        self._parsed = {
            key: parsed[key] if key in parsed and before[key] == text else _parse(text) for key, text in texts.items()
        }
        self._content, self._texts, self._by_name = content, texts, None


def read_date(text: object) -> datetime:
    """A stored date, aware; one without a zone is the computer's local time, UTC; raises UnreadableItem for none."""
    try:
        found = datetime.fromisoformat(text)  # type: ignore[arg-type]
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError) as error:
        raise UnreadableItem(f"The JSON value could not be converted to System.DateTimeOffset: {text}") from error


def date_of(item: Row, name: str) -> datetime | None:
    """One of the item's dates, or None."""
    text = item.get(name)
    return None if text is None else read_date(text)


def number_of(value: object) -> float | None:
    """A stored number, or None for anything else, also for one that no `double` can be."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _parse(text: str) -> Row | UnreadableItem:
    try:
        item = json.loads(text)
    except ValueError as error:
        return UnreadableItem(f"{text[:_SHOWN]} ({error})")
    if not isinstance(item, dict):
        return UnreadableItem(text[:_SHOWN])
    for name, value in item.items():
        kind = next((kind for prefix, kind in _KINDS.items() if name.startswith(prefix)), object)
        if value is None or isinstance(value, kind):
            continue
        return UnreadableItem(f"The JSON value could not be converted: {name} is {str(value)[:_SHOWN]}")
    try:
        for name in item:
            if name.startswith("Date"):
                date_of(item, name)
    except UnreadableItem as error:
        return error
    return item
