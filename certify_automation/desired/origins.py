"""Dotted paths of a merged document: which origins each has, and where a reader should look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from certify_automation.desired import reference
from certify_automation.desired.documents import SECTIONS
from certify_automation.desired.fleet import Origin
from certify_automation.desired.layering import Leaf, Merged, dotted
from certify_automation.desired.nodes import DataPath
from certify_automation.errors import Position, Problem

_NOWHERE = Position("state")


class Places:
    """The places of one merged document.

    Attributes:
        origins: dotted path -> origins, the winner first. Entries of lists carry their key, templates evaluated, in the
            spelling that won: `http_sys.url_reservations[http://127.0.0.2:9696/].sddl`.
        values: dotted path -> value, templates evaluated; None where it was made unmanaged again.
    """

    def __init__(self, merged: Merged, values: Mapping[Leaf, object]) -> None:
        self._spelled = entry_keys(merged, values)
        self._entries = {path: origins[0] for path, origins in merged.items() if path[:-1] in self._spelled}
        self.origins: dict[str, tuple[Origin, ...]] = {}
        self.values: dict[str, object] = {}
        for path in sorted(merged, key=lambda path: (SECTIONS.index(path[0]), path)):
            name = self._dotted(path, merged[path][0])
            self.origins[name] = merged[path]
            self.values[name] = values.get(path, merged[path][0].value)
        self._folded = {path.casefold(): origins[0].position for path, origins in self.origins.items()}

    def where(self, *paths: str) -> Position:
        """The place of the first path that was written, of what is below it, or of what is nearest above it."""
        return nearest(self._folded, *paths) or _NOWHERE

    def of_path(self, data: object, path: DataPath) -> Position:
        """The place of a value, by its keys and indexes in the resolved data."""
        text = ""
        node: Any = data
        for part in path:
            if isinstance(part, int):
                node = node[part]
                text += f"[{_key(node) or part}]"
            else:
                node = node.get(part)
                text += f".{part}" if text else part
        return self.where(text)

    def repeated(self) -> Iterator[tuple[Problem, str]]:
        """Entries that have the same key once their templates are evaluated, each with its section."""
        seen: dict[tuple[Leaf, str], Leaf] = {}
        for entry, key in sorted(self._spelled.items()):
            first = seen.setdefault((entry[:-1], key.casefold()), entry)
            if first is not entry:
                positions = sorted(self._position_of(path) for path in (first, entry))
                message = f"{dotted(entry[:-1])} has {key} twice once templates are evaluated, first at {positions[0]}"
                yield Problem("CA1411", message, positions[1], "keep one of them"), entry[0]

    def _position_of(self, entry: Leaf) -> Position:
        return min(origin.position for path, origin in self._entries.items() if path[:-1] == entry)

    def _dotted(self, path: Leaf, origin: Origin) -> str:
        shown = tuple(
            f"[{self._spelled[path[: end + 1]]}]" if path[: end + 1] in self._spelled else part
            for end, part in enumerate(path)
        )
        return dotted((*shown[:-1], origin.key) if origin.key and not shown[-1].startswith("[") else shown)


def nearest(places: Mapping[str, Position], *paths: str) -> Position | None:
    """The place of the first path that was written, of what is below it, or of what is nearest above it.

    Args:
        places: dotted path in lower case -> where it was written.
        paths: in any case; what is above is looked for by the first of them. None = nothing of it was written.
    """
    folded = [path.casefold() for path in paths]
    for path in folded:
        if path in places:
            return places[path]
    for path in folded:
        below = [place for name, place in places.items() if name.startswith((f"{path}.", f"{path}["))]
        if below:
            return min(below)
    above = folded[0][: max(folded[0].rfind("."), folded[0].rfind("["), 0)]
    return nearest(places, above) if above else None


def entry_keys(merged: Merged, values: Mapping[Leaf, object]) -> dict[Leaf, str]:
    """Entries of keyed lists -> what they are known by, templates evaluated."""
    entries: dict[Leaf, dict[str, object]] = {}
    for path, origins in merged.items():
        if path[-1] in reference.merge_keys().get(path[:-2], ()):
            value = values.get(path, origins[0].value)
            entries.setdefault(path[:-1], {})[path[-1]] = None if value is None else str(value)
    return {path: _key(entry) for path, entry in entries.items()}


def _key(entry: object) -> str:
    """What an entry of a keyed list is known by; empty for what is none."""
    keys = (reference.entry_key(entry, fields) for fields in reference.merge_keys().values())
    return next((key for key in keys if key is not None), "")
