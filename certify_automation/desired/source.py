"""YAML text -> data that knows the file, line and column of every node.

Plain scalars are read as YAML 1.2 reads them: only `true` and `false` are booleans, so `yes`, `no`, `on` and `off` stay
text; `022` and `12:30` stay text too. Anchors, aliases and the merge key `<<` work; tags that make objects do not.
"""

from __future__ import annotations

import re
import stat
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml

from certify_automation.desired.nodes import DEEPEST, TAG, Document
from certify_automation.errors import Position, Problem

LARGEST_FILE = 16 * 1024 * 1024
MOST_NODES = 200_000
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.2 (5.1) allows in escaped form only."""

_CORE = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)\Z")),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")),
    ("int", re.compile(r"(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+)\Z")),
    ("float", re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)\Z")),
    ("merge", re.compile(r"<<\Z")),
)
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _CoreLoader(_Loader):  # type: ignore[misc]  # which of the two loaders is known at run time only
    """The safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers = {None: [(TAG + name, regex) for name, regex in _CORE]}  # noqa: RUF012 - pyyaml's own protocol


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
        if not stat.S_ISREG(path.stat().st_mode):
            what = "it is a directory" if path.is_dir() else "it is a pipe or a device"
            raise _Unreadable("CA1002", f"the file cannot be read: {what}", whole)
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        other = path.with_suffix(".yml")
        hint = f"rename {other.name}" if other.is_file() else "`init DIR` writes a repository to start from"
        raise _Unreadable("CA1001", "there is no such file", whole, hint) from None
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
    control = _NOT_PRINTABLE.search(text)
    if control:
        message = f"the control character 0x{ord(control[0]):02x} is not allowed in YAML"
        raise _Unreadable("CA1005", message, _end_of(text[: control.start()], file))
    if _deepest_possible(text) > DEEPEST or _most_possible(text) > MOST_NODES:
        _refuse_excess(text, file)
    try:
        root: yaml.Node | None = _CoreLoader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise _Unreadable("CA1005", f"the file is not YAML: {error}", Position(file, 1, 1)) from None
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        raise _Unreadable("CA1006", "the file is empty", Position(file, 1, 1), "it starts with `version: 1`")
    return root


def _deepest_possible(text: str) -> int:
    """A cheap upper bound of the nesting: brackets that are open, and what indents a line."""
    steps = (1 if bracket[0] in "[{" else -1 for bracket in re.finditer(r"[\[\]{}]", text))
    flow = max(accumulate(steps), default=0)
    return flow + max((len(prefix[0]) for prefix in re.finditer(r"^[ ?:-]+", text, re.MULTILINE)), default=0)


def _most_possible(text: str) -> int:
    """A cheap upper bound of the number of nodes: every one but the first follows one of these characters."""
    return 1 + sum(text.count(separator) for separator in "\n\r\x85\u2028\u2029,:-?[{")


def _refuse_excess(text: str, file: str) -> None:
    """Stops what would exhaust the stack of the composer, which works by recursion, or the memory."""
    depth = nodes = 0
    try:
        loader = _CoreLoader(text)
        while loader.check_event():
            event = loader.get_event()
            nodes += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            position = Position(file, event.start_mark.line + 1, event.start_mark.column + 1)
            if depth > DEEPEST:
                raise _Unreadable("CA1008", f"the nesting is deeper than {DEEPEST} levels", position)
            if nodes > MOST_NODES:
                raise _Unreadable("CA1003", f"the file has more than {MOST_NODES} values", position, "split it up")
    except yaml.YAMLError:
        return  # the composer meets the same error and knows its context


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
        return _Unreadable(
            "CA1005", "the file holds a second document", position, "one file, one document: remove `---`"
        )
    context = f" {error.context}" if error.context else ""
    hint = "text that starts with { [ * & ! % @ ` or holds `: ` must be put in quotes"
    return _Unreadable("CA1005", f"the file is not YAML: {error.problem}{context}", position, hint)
