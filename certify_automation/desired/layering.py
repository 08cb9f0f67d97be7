"""Layers laid over each other, every value remembering where it came from and what it overrode.

A layer is flat: path -> Origin. Mappings merge by key and keyed lists by their key; everything else replaces.
Layers of one level must agree; between levels the higher wins. A null leaves a tombstone: the value is unmanaged again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from certify_automation.desired import reference
from certify_automation.desired.fleet import Origin
from certify_automation.desired.nodes import DataPath
from certify_automation.desired.words import shown
from certify_automation.errors import Position, Problem

Leaf: TypeAlias = tuple[str, ...]
"""A path in merged data; an entry of a keyed list is written `[key]`, in lower case."""

Layer: TypeAlias = Mapping[Leaf, Origin]
Merged: TypeAlias = Mapping[Leaf, tuple[Origin, ...]]
"""Path -> the origin that won, those that agree with it, then those it overrode."""

_EMPTY: tuple[object, ...] = ({}, [])
_NOTHING: Mapping[Any, Any] = {}


class Positioned(Protocol):
    """Knows where the value at a path stands."""

    def position(self, path: DataPath) -> Position:
        """Its place, or that of what is nearest above it."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two layers of one level that say different things about one value."""

    path: Leaf
    first: Origin
    second: Origin

    def problem(self, error_id: str, why: str) -> Problem:
        """The conflict as a Problem at the later place, naming both."""
        message = (
            f"{dotted(self.path)} is {shown(self.second.value)} here ({self.second.layer}) "
            f"and {shown(self.first.value)} at {self.first.position} ({self.first.layer}): {why}"
        )
        return Problem(error_id, message, self.second.position, "say it in one of them, or in a more specific layer")


@dataclass(frozen=True, slots=True)
class Flattening:
    """How a document becomes a layer.

    Attributes:
        document: what knows where each value is written.
        layer: the name its origins carry.
        skip: whether a value at a path of the document is left out.
        keys: path of a list -> the fields its entries are known by.
        replaced: paths that are not merged into, `*` for any name.
    """

    document: Positioned
    layer: str
    skip: Callable[[DataPath], bool] = field(default=lambda _path: False)
    keys: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    replaced: frozenset[tuple[str, ...]] = frozenset()

    def flatten(self, data: object, path: DataPath) -> Layer:
        """The layer that the data at a path of the document makes."""
        layer: dict[Leaf, Origin] = {}
        for leaf, origin in self._leaves(data, path, tuple(str(part) for part in path)):
            layer.setdefault(leaf, origin)
        return layer

    def _leaves(self, data: object, path: DataPath, leaf: Leaf) -> Iterator[tuple[Leaf, Origin]]:
        if self.skip(path):
            return
        pattern = _pattern(leaf)
        if isinstance(data, Mapping) and data and not self._is_replaced(pattern):
            for name, value in data.items():
                shown = name.casefold() if (*pattern, "*") in self.replaced else name
                yield from self._leaves(value, (*path, name), (*leaf, shown))
        elif isinstance(data, Sequence) and not isinstance(data, str) and pattern in self.keys and data:
            for index, entry in enumerate(data):
                key = reference.entry_key(entry, self.keys[pattern])
                if key is not None:
                    yield from self._leaves(entry, (*path, index), (*leaf, f"[{key.casefold()}]"))
        else:
            yield leaf, Origin(self.document.position(path), self.layer, data, str(path[-1]))

    def _is_replaced(self, pattern: tuple[str, ...]) -> bool:
        return pattern in self.replaced or (*pattern[:-1], "*") in self.replaced


def _pattern(leaf: Leaf) -> tuple[str, ...]:
    return tuple("[]" if part.startswith("[") else part for part in leaf)


def merge_level(layers: Iterable[Layer]) -> tuple[Merged, tuple[Conflict, ...]]:
    """Layers of one level made one, whatever their order; of values that conflict, one is kept and both are named."""
    found: dict[Leaf, list[Origin]] = {}
    for layer in layers:
        for path, origin in layer.items():
            found.setdefault(path, []).append(origin)
    conflicts = []
    merged = {}
    for path, origins in found.items():
        origins.sort(key=lambda origin: (origin.key, str(origin.value), origin.position))
        first = origins[0]
        conflicts += [_conflict(path, first, other) for other in origins[1:] if not agree(path, first, other)]
        merged[path] = tuple(origins)
    for path in list(merged):
        while (parent := _parent_leaf(path, merged)) is not None and merged[parent][0].value in _EMPTY:
            del merged[parent]
        if parent is not None:
            conflicts.append(_conflict(parent, merged[parent][0], merged.pop(path)[0]))
    return merged, tuple(conflicts)


def _conflict(path: Leaf, one: Origin, other: Origin) -> Conflict:
    return Conflict(path, *sorted((one, other), key=lambda origin: origin.position))


def _parent_leaf(path: Leaf, merged: Mapping[Leaf, object]) -> Leaf | None:
    return next((path[:end] for end in range(1, len(path)) if path[:end] in merged), None)


def agree(path: Leaf, one: Origin, other: Origin) -> bool:
    """Whether two origins say the same about the value at a path."""
    if path[-1] in reference.merge_keys().get(path[:-2], ()):
        return str(one.value).casefold() == str(other.value).casefold()
    return json.dumps(one.value, sort_keys=True, default=str) == json.dumps(other.value, sort_keys=True, default=str)


def overlay(lower: Merged, upper: Merged) -> Merged:
    """The upper level laid over the lower one."""
    if not lower or not upper:
        return upper or lower
    merged = dict(lower)
    parents = {known[:end] for known in merged for end in range(1, len(known))}
    for path, origins in upper.items():
        below = [path] if path in merged else []
        if path in parents:
            below = [known for known in merged if known[: len(path)] == path]
        overridden = tuple(origin for known in below for origin in merged[known])
        if origins[0].value in _EMPTY and below and below != [path]:
            continue
        for known in below:
            del merged[known]
        for end in range(1, len(path)):
            overridden += merged.pop(path[:end], ())
        merged[path] = (*origins, *overridden)
    return merged


def tree(merged: Merged, values: Mapping[Leaf, object]) -> dict[str, Any]:
    """The merged data as nested mappings and lists; tombstones are left out, entries are sorted by their key.

    Args:
        merged: what `overlay` made.
        values: path -> value that stands for the one written, for templates.
    """
    root: dict[str, Any] = {}
    for path in sorted(merged):
        value = values.get(path, merged[path][0].value)
        if value is None:
            continue
        node = root
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[merged[path][0].key or path[-1]] = value
    return {name: _with_lists(value, (name,)) for name, value in root.items()}


def _with_lists(value: object, path: tuple[str, ...]) -> object:
    if not isinstance(value, dict):
        return value
    if path in reference.merge_keys():
        return [_with_lists(entry, (*path, "[]")) for entry in value.values()]
    return {name: _with_lists(child, (*path, name)) for name, child in value.items()}


def dotted(path: Leaf) -> str:
    """A path as `explain` takes it: `service.config.port`, `connections[(local)].host`."""
    text = ""
    for part in path:
        text += part if part.startswith("[") or not text else f".{part}"
    return text
