"""`--limit` patterns: which hosts of the inventory are meant.

`a:b` or `a,b` either, `a:&b` only those also in b, `a:!b` without b, `web*` a glob, `~web0[13]` a regular expression,
`@file` the patterns in a file, `ring=canary` a label, a group's name its hosts, `web[01:03]` a range, `all` everything.
As in Ansible the parts may stand in any order: first everything named, then the `&` parts, then the `!` parts.
Names are compared ignoring case, as DNS does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from certify_automation.desired.hostnames import bare, is_ipv6
from certify_automation.desired.ranges import expand, is_range
from certify_automation.errors import ConfigurationError, Problem

_OPENING, _CLOSING = "[({", "])}"
_DEEPEST_FILE = 5
_LARGEST_FILE = 4 * 1024**2
_MOST_HINTS = 10


@dataclass(frozen=True, slots=True)
class _Inventory:
    """What patterns are matched against; every key in lower case."""

    labels: Mapping[str, Mapping[str, str]]
    names: Mapping[str, str]
    groups: Mapping[str, frozenset[str]]


def select(
    patterns: Sequence[str], labels: Mapping[str, Mapping[str, str]], groups: Mapping[str, Sequence[str]]
) -> frozenset[str]:
    """Names of the hosts that the patterns mean; several patterns are joined as with `:`.

    Args:
        patterns: as given on the command line, each one possibly of several parts.
        labels: host -> its labels; every host of the inventory is a key.
        groups: group -> names of its hosts.

    Raises:
        ConfigurationError: CA1310 a part matches nothing, CA1311 it cannot be read, CA1312 no host is left.
    """
    inventory = _Inventory(
        labels,
        {name.casefold(): name for name in labels},
        {group.casefold(): frozenset(members) for group, members in groups.items()},
    )
    named: list[frozenset[str]] = []
    required: list[frozenset[str]] = []
    excluded: list[frozenset[str]] = []
    problems: list[Problem] = []
    for part in _parts(patterns, problems):
        target = {"&": required, "!": excluded}.get(part[0], named)
        try:
            target.append(_matches(part[1:] if part[0] in "&!" else part, inventory, hint=len(problems) < _MOST_HINTS))
        except _BadPattern as error:
            problems.append(error.problem)
    if not problems and not (named or required or excluded):
        problems.append(Problem("CA1311", "the pattern is empty", None, "`all` means every host"))
    if problems:
        raise ConfigurationError(tuple(problems))
    chosen = frozenset().union(*named) if named else frozenset(labels)
    chosen = chosen.intersection(*required).difference(*excluded)
    if not chosen:
        raise ConfigurationError((Problem("CA1312", f"no host is left by {':'.join(patterns)}"),))
    return chosen


class _BadPattern(Exception):
    """One part of a pattern cannot be used."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _parts(patterns: Iterable[str], problems: list[Problem], depth: int = 0) -> Iterator[str]:
    for pattern in patterns:
        for token in _split(pattern, ","):
            if token.startswith("@"):
                yield from _file_parts(token[1:], problems, depth)
            elif is_ipv6(bare(token.lstrip("&!"))):
                yield token
            else:
                yield from _split(token, ":")


def _split(text: str, separator: str) -> Iterator[str]:
    """Parts between separators, but not inside brackets: ranges, IPv6 literals and groups of a regex stay whole."""
    depth, start = 0, 0
    for index, character in enumerate(text):
        if character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == separator and depth <= 0:
            yield from filter(None, [text[start:index].strip()])
            start = index + 1
    yield from filter(None, [text[start:].strip()])


def _file_parts(name: str, problems: list[Problem], depth: int) -> Iterator[str]:
    try:
        with Path(name).expanduser().open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        lines = content[:_LARGEST_FILE].decode("utf-8-sig").splitlines()
    except (OSError, RuntimeError) as error:  # the latter where `~name` has no home folder
        why = error.strerror if isinstance(error, OSError) else error
        problems.append(Problem("CA1311", f"the host list {name} cannot be read: {why}"))
        return
    except UnicodeDecodeError:
        problems.append(Problem("CA1311", f"the host list {name} is not UTF-8 text"))
        return
    if len(content) > _LARGEST_FILE:
        problems.append(Problem("CA1311", f"the host list {name} is larger than {_LARGEST_FILE // 1024**2} MiB"))
        return
    entries = [text for line in lines if (text := line.partition("#")[0].strip())]
    if depth == _DEEPEST_FILE:
        problems.append(Problem("CA1311", f"the host list {name} is named by a list that it names itself"))
    elif not entries:
        problems.append(Problem("CA1310", f"the host list {name} names no host"))
    else:
        yield from _parts(entries, problems, depth + 1)


def _matches(pattern: str, inventory: _Inventory, *, hint: bool) -> frozenset[str]:
    if not pattern:
        raise _BadPattern(Problem("CA1311", "a pattern ends after & or !, nothing is named"))
    found = frozenset(_find(pattern, inventory))
    if not found:
        known = [*inventory.names.values(), *inventory.groups, *_label_texts(inventory)] if hint else []
        near = get_close_matches(pattern, known, n=1, cutoff=0.6)
        what_next = f"did you mean {near[0]}?" if near else "`inventory list` shows every host, group and label"
        raise _BadPattern(Problem("CA1310", f"the pattern {pattern} matches no host of the inventory", None, what_next))
    return found


def _find(pattern: str, inventory: _Inventory) -> Iterable[str]:
    folded = pattern.casefold()
    if pattern.startswith("~"):
        return _by_regex(pattern[1:], inventory)
    if folded in {"all", "*"}:
        return inventory.labels
    exact = [inventory.names[key] for key in (folded, bare(folded), f"[{folded}]") if key in inventory.names]
    if exact or folded in inventory.groups:
        return [*exact[:1], *inventory.groups.get(folded, ())]
    if "=" in pattern:
        key, _, value = pattern.partition("=")
        return [n for n, labels in inventory.labels.items() if key in labels and fnmatchcase(labels[key], value)]
    if is_range(pattern):
        return _by_range(pattern, inventory)
    members = (inventory.groups[group] for group in inventory.groups if fnmatchcase(group, folded))
    names = (name for key, name in inventory.names.items() if fnmatchcase(key, folded))
    return frozenset(names).union(*members)


def _by_range(pattern: str, inventory: _Inventory) -> list[str]:
    try:
        names = expand(pattern)
    except ValueError as error:
        raise _BadPattern(Problem("CA1311", f"the pattern {pattern} cannot be read: {error}")) from None
    return [name for one in names for name in _find(one, inventory)]


def _by_regex(expression: str, inventory: _Inventory) -> frozenset[str]:
    if not expression:
        raise _BadPattern(Problem("CA1311", "a pattern ends after ~, no expression is given"))
    try:
        regex = re.compile(expression, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        message = f"the pattern ~{expression} is not a regular expression: {error}"
        raise _BadPattern(Problem("CA1311", message)) from None
    if _may_run_away(expression):
        message = f"the pattern ~{expression} repeats a group that repeats or chooses itself, which may never end"
        raise _BadPattern(Problem("CA1311", message, None, "[a-z-]+ does what ([a-z]+-)+ is meant to do"))
    members = (inventory.groups[group] for group in inventory.groups if regex.match(group))
    return frozenset(name for name in inventory.labels if regex.match(name)).union(*members)


def _may_run_away(expression: str) -> bool:
    """Whether a repeated group holds a repetition or a choice: its attempts may double with every character."""
    inside = [False]
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", expression)
    for token in re.finditer(r"\(|\)(?P<again>[*+]|\{[0-9]*,[0-9]*\})?|[*+|]|\{[0-9]*,[0-9]*\}", plain):
        if token[0] == "(":
            inside.append(False)
        elif token[0].startswith(")"):
            repeats = inside.pop()
            if repeats and token["again"]:
                return True
            inside[-1] = inside[-1] or repeats or bool(token["again"])
        else:
            inside[-1] = True
    return False


def _label_texts(inventory: _Inventory) -> set[str]:
    return {f"{key}={value}" for labels in inventory.labels.values() for key, value in labels.items()}
