"""A YAML node graph -> plain data, and the file, line and column of every part of it."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from certify_automation.errors import Position, Problem

DataPath: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root of a document down to a value."""

TAG = "tag:yaml.org,2002:"
DEEPEST = 100
"""Levels of nesting, aliases written out."""

MOST_ALIASED = 200_000
"""Nodes that aliases and merge keys may add to those that are written."""

_LONGEST_NUMBER = 400


class Document:
    """One file read: plain data, and the place of every part of it.

    Attributes:
        file: the name to show in messages.
        path: where the file is.
        data: dicts, lists, text, numbers, booleans and None; shared, so never to be changed.
    """

    def __init__(self, file: str, path: Path, root: yaml.Node) -> None:
        self.file = file
        self.path = path
        self._root = root
        self._builder = _Builder(file)
        self.data: Any = self._builder.build(root)
        self.problems = tuple(self._builder.problems)

    def position(self, path: DataPath, *, key: bool = False) -> Position:
        """Where the value at a path stands, or its key; the nearest parent that exists if there is no such value."""
        node, name = self._root, None
        for part in path:
            found = self._builder.child(node, part)
            if found is None:
                break
            name, node = found
        return self._builder.position(name if key and name is not None else node)


class _Made(NamedTuple):
    """What a node came to: how many nodes it has and how deep it goes when every alias is written out."""

    value: object
    size: int = 1
    depth: int = 0


_NOTHING = _Made(None)


class _Builder:
    """Makes plain data of a node graph, every shared node once."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._made: dict[int, _Made] = {}
        self._open: set[int] = set()
        self._children: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = {}
        self._aliased = 0

    def position(self, node: yaml.Node) -> Position:
        return Position(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def child(self, node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
        if isinstance(node, yaml.MappingNode):
            return self._children.get(id(node), {}).get(str(part))
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            return None, node.value[part]
        return None

    def build(self, root: yaml.Node) -> object:
        return self._make(root).value

    def _problem(self, error_id: str, message: str, node: yaml.Node, hint: str = "") -> None:
        self.problems.append(Problem(error_id, message, self.position(node), hint))

    def _problem_once(self, error_id: str, message: str, node: yaml.Node) -> None:
        """A problem that goes on with every further node, reported where it begins."""
        if not any(problem.id == error_id for problem in self.problems):
            self._problem(error_id, message, node)

    def _make(self, node: yaml.Node) -> _Made:
        known = self._made.get(id(node))
        if known is not None:
            return known if self._may_add(known.size, node) else _NOTHING
        if isinstance(node, yaml.ScalarNode):
            made = _Made(self._scalar(node))
        elif id(node) in self._open:
            self._problem("CA1007", "an alias stands inside what it stands for", node)
            return _NOTHING
        else:
            made = self._collection(node)
        self._made[id(node)] = made
        return made

    def _may_add(self, nodes: int, alias: yaml.Node) -> bool:
        self._aliased += nodes
        if self._aliased > MOST_ALIASED:
            self._problem_once("CA1007", f"aliases expand to more than {MOST_ALIASED} values", alias)
        return self._aliased <= MOST_ALIASED

    def _collection(self, node: yaml.Node) -> _Made:
        if node.tag not in {TAG + "map", TAG + "seq"}:
            self._problem("CA1011", f"the tag {node.tag} is not supported", node)
            return _NOTHING
        self._open.add(id(node))
        value, parts = self._sequence(node) if isinstance(node, yaml.SequenceNode) else self._mapping(node)
        self._open.discard(id(node))
        made = _Made(value, 1 + sum(part.size for part in parts), 1 + max((part.depth for part in parts), default=0))
        if made.depth > DEEPEST:
            self._problem_once("CA1008", f"the nesting is deeper than {DEEPEST} levels", node)
            return _NOTHING
        return made

    def _sequence(self, node: yaml.SequenceNode) -> tuple[object, list[_Made]]:
        parts = [self._make(item) for item in node.value]
        return [part.value for part in parts], parts

    def _mapping(self, node: yaml.Node) -> tuple[object, list[_Made]]:
        children = self._children[id(node)] = self._pairs(node)
        parts = [self._make(value) for _, value in children.values()]
        return dict(zip(children, (part.value for part in parts), strict=True)), parts

    def _pairs(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        spelled: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.tag == TAG + "merge":
                for source in self._merge_sources(value):
                    pairs_of_source = self._children.get(id(source)) or self._pairs(source)
                    if self._may_add(len(pairs_of_source), source):
                        merged = {**pairs_of_source, **merged}
            elif not isinstance(key, yaml.ScalarNode):
                hint = 'a template must be put in quotes: "{{ vars.name }}"' if key.start_mark.column else ""
                self._problem("CA1010", "a key must be text, not a list or mapping", key, hint)
            elif (first := spelled.setdefault(key.value.casefold(), key)) is not key:
                line = first.start_mark.line + 1
                case = "" if first.value == key.value else f" (as {first.value}; names are compared ignoring case)"
                self._problem("CA1009", f"the key {key.value} stands here twice{case}, first in line {line}", key)
            else:
                pairs[key.value] = key, value
        return {**{name: pair for name, pair in merged.items() if name.casefold() not in spelled}, **pairs}

    def _merge_sources(self, value: yaml.Node) -> Iterator[yaml.Node]:
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(source, yaml.MappingNode):
                self._problem("CA1010", "`<<` merges mappings only", source)
            elif id(source) in self._open:
                self._problem("CA1007", "an alias stands inside what it stands for", source)
            else:
                yield source

    def _scalar(self, node: yaml.ScalarNode) -> object:
        kind, text = node.tag.removeprefix(TAG), node.value
        try:
            if kind in {"str", "merge"} and "\0" not in text:
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int" and len(text) < _LONGEST_NUMBER:
                return int(text, 0)
            if kind == "float" and isfinite(number := float(text)):
                return number
        except (KeyError, ValueError):
            pass
        if kind in {"bool", "int", "float"}:
            self._problem("CA1011", f"{text[:40]} is not a value of the kind {kind}", node)
        elif kind == "str":
            self._problem("CA1011", "a text cannot hold the character NUL", node)
        else:
            self._problem(
                "CA1011",
                f"the tag {node.tag} is not supported",
                node,
                "secrets are written ${env:NAME} or ${file:path}",
            )
        return None
