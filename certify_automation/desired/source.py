"""YAML text -> data that knows the file, line and column of every node.

Plain scalars are read as YAML 1.2 reads them: only `true` and `false` are booleans, so `yes`, `no`, `on` and `off` stay
text; `022` and `12:30` stay text too. Anchors, aliases and the merge key `<<` work; tags that make objects do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from certify_automation.errors import Position, Problem

Path_: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root of a document down to a value."""

LARGEST_FILE = 16 * 1024 * 1024
DEEPEST = 100
MOST_ALIASED = 100_000
"""Nodes that aliases may add to those that are written."""

_TAG = "tag:yaml.org,2002:"
_CORE = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)\Z")),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")),
    ("int", re.compile(r"(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+)\Z")),
    ("float", re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)\Z")),
    ("merge", re.compile(r"<<\Z")),
)
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LONGEST_NUMBER = 400


class _CoreLoader(_Loader):  # type: ignore[misc]  # which of the two loaders is known at run time only
    """The safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers = {None: [(_TAG + name, regex) for name, regex in _CORE]}  # noqa: RUF012 - pyyaml's own protocol


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
        self.data = self._builder.build(root)
        self.problems = tuple(self._builder.problems)

    def position(self, path: Path_, *, key: bool = False) -> Position:
        """Where the value at a path stands, or its key; the nearest parent that exists if there is no such value."""
        node, name = self._root, None
        for part in path:
            found = self._builder.child(node, part)
            if found is None:
                break
            name, node = found
        return self._builder.position(name if key and name is not None else node)

    def written(self, path: Path_) -> bool:
        """Whether the file says something at this path."""
        node = self._root
        for part in path:
            found = self._builder.child(node, part)
            if found is None:
                return False
            node = found[1]
        return True


def read(path: Path, file: str) -> tuple[Document | None, tuple[Problem, ...]]:
    """The document in a file, or None, and every Problem with its text (CA10xx).

    Args:
        path: the file.
        file: the name to show in messages.
    """
    try:
        text = _text(path, file)
        root = _compose(text, file)
        document = Document(file, path, root)
    except _Unreadable as error:
        return None, (error.problem,)
    if any(problem.id in {"CA1007", "CA1008"} for problem in document.problems):
        return None, document.problems
    return document, document.problems


class _Unreadable(Exception):
    """The file holds no document."""

    def __init__(self, error_id: str, message: str, position: Position, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(error_id, message, position, hint)


def _text(path: Path, file: str) -> str:
    whole = Position(file)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise _Unreadable("CA1001", "there is no such file", whole, "`init DIR` writes a repository to start from") from None
    except OSError as error:
        raise _Unreadable("CA1002", f"the file cannot be read: {error.strerror}", whole) from None
    if len(content) > LARGEST_FILE:
        raise _Unreadable("CA1003", f"the file is larger than {LARGEST_FILE // 1024**2} MiB", whole, "split it up")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Unreadable("CA1004", "the file is UTF-16", Position(file, 1, 1), "save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        raise _Unreadable("CA1004", message, _end_of(before, file), "save the file as UTF-8") from None
    return text


def _end_of(text: str, file: str) -> Position:
    lines = text.split("\n")
    return Position(file, len(lines), len(lines[-1]) + 1)


def _compose(text: str, file: str) -> yaml.Node:
    control = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    if control:
        message = f"the control character 0x{ord(control[0]):02x} is not allowed in YAML"
        raise _Unreadable("CA1005", message, _end_of(text[: control.start()], file))
    if _deepest_possible(text) > DEEPEST:
        _refuse_depth(text, file)
    loader = _CoreLoader(text)
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise _Unreadable("CA1005", f"the file is not YAML: {error}", Position(file, 1, 1)) from None
    finally:
        loader.dispose()
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        raise _Unreadable("CA1006", "the file is empty", Position(file, 1, 1), "it starts with `version: 1`")
    return root


def _deepest_possible(text: str) -> int:
    """A cheap upper bound of the nesting: brackets that are open, and what indents a line."""
    steps = (1 if bracket[0] in "[{" else -1 for bracket in re.finditer(r"[\[\]{}]", text))
    flow = max(accumulate(steps), default=0)
    return flow + max((len(prefix[0]) for prefix in re.finditer(r"^[ ?:-]+", text, re.MULTILINE)), default=0)


def _refuse_depth(text: str, file: str) -> None:
    """Stops nesting that would exhaust the stack of the composer, which works by recursion."""
    depth = 0
    loader = _CoreLoader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEEPEST:
                mark = event.start_mark
                message = f"the nesting is deeper than {DEEPEST} levels"
                raise _Unreadable("CA1008", message, Position(file, mark.line + 1, mark.column + 1))
    except yaml.YAMLError:
        return  # the composer meets the same error and knows its context
    finally:
        loader.dispose()


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> _Unreadable:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return _Unreadable("CA1005", f"the file is not YAML: {error.problem}", Position(file, 1, 1))
    position = Position(file, mark.line + 1, mark.column + 1)
    line = text.split("\n")[mark.line] if mark.line < text.count("\n") + 1 else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or line[mark.column : mark.column + 1] == "\t":
        position = Position(file, mark.line + 1, line.index("\t") + 1)
        return _Unreadable("CA1005", "a tab is used for indentation", position, "YAML is indented with blanks only")
    if "expected a single document" in str(error.context):
        return _Unreadable("CA1005", "the file holds a second document", position, "one file, one document: remove `---`")
    context = f" {error.context}" if error.context else ""
    hint = "text that starts with { [ * & ! % @ ` or holds `: ` must be put in quotes"
    return _Unreadable("CA1005", f"the file is not YAML: {error.problem}{context}", position, hint)


class _Builder:
    """Makes plain data of a node graph, every shared node once."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._made: dict[int, tuple[object, int]] = {}
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
        return self._make(root)[0]

    def _problem(self, error_id: str, message: str, node: yaml.Node, hint: str = "") -> None:
        self.problems.append(Problem(error_id, message, self.position(node), hint))

    def _make(self, node: yaml.Node) -> tuple[object, int]:
        """The value of a node, and how many nodes it has when every alias is written out."""
        known = self._made.get(id(node))
        if known is not None:
            self._aliased += known[1]
            if self._aliased > MOST_ALIASED and not any(problem.id == "CA1007" for problem in self.problems):
                self._problem("CA1007", f"aliases expand to more than {MOST_ALIASED} values", node)
            return (None, 1) if self._aliased > MOST_ALIASED else known
        if isinstance(node, yaml.ScalarNode):
            made: tuple[object, int] = self._scalar(node), 1
        elif id(node) in self._open:
            self._problem("CA1007", "an alias stands inside what it stands for", node)
            return None, 1
        else:
            made = self._collection(node)
        self._made[id(node)] = made
        return made

    def _collection(self, node: yaml.Node) -> tuple[object, int]:
        if node.tag not in {_TAG + "map", _TAG + "seq"}:
            self._problem("CA1011", f"the tag {node.tag} is not supported", node)
            return None, 1
        self._open.add(id(node))
        made = self._sequence(node) if isinstance(node, yaml.SequenceNode) else self._mapping(node)
        self._open.discard(id(node))
        return made

    def _sequence(self, node: yaml.SequenceNode) -> tuple[object, int]:
        made = [self._make(item) for item in node.value]
        return [value for value, _ in made], 1 + sum(size for _, size in made)

    def _mapping(self, node: yaml.Node) -> tuple[object, int]:
        children = self._pairs(node)
        self._children[id(node)] = children
        made = {key: self._make(value) for key, (_, value) in children.items()}
        return {key: value for key, (value, _) in made.items()}, 1 + sum(size for _, size in made.values())

    def _pairs(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        spelled: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                for source in self._merge_sources(value):
                    merged = {**(self._children.get(id(source)) or self._pairs(source)), **merged}
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
        kind, text = node.tag.removeprefix(_TAG), node.value
        try:
            if kind in {"str", "merge"}:
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int" and len(text) < _LONGEST_NUMBER:
                return int(text, 0)
            if kind == "float" and len(text) < _LONGEST_NUMBER:
                return float(text)
        except (KeyError, ValueError):
            pass
        if kind in {"bool", "int", "float"}:
            self._problem("CA1011", f"{text[:40]} is not a value of the kind {kind}", node)
        else:
            self._problem("CA1011", f"the tag {node.tag} is not supported", node, "secrets are written ${env:NAME} or ${file:path}")
        return None
