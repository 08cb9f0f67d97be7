"""state/*.yaml: one document each, for which hosts it holds, and at which level."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import translate
from typing import Any

from certify_automation.desired import reference
from certify_automation.desired.fleet import Origin
from certify_automation.desired.inventory import InventoryHost
from certify_automation.desired.layering import Flattening, Layer
from certify_automation.desired.nodes import DataPath, Document
from certify_automation.desired.secrets import find_reference
from certify_automation.errors import Position, Problem

SECTIONS = ("service", "connections", "http_sys", "security", "environment", "preferences", "renewals")


class Level(IntEnum):
    """How specific a document is; a higher level wins."""

    ALL = 0
    GROUPS = 1
    LABELS = 2
    HOSTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class StateDocument:
    """One document, ready to be laid over others.

    Attributes:
        groups, labels, hosts: what a host must meet; None = not asked. Labels are text; any of the values.
        tainted: sections in which the schema found something wrong; what is wrong is not in the layer.
    """

    document: Document
    level: Level
    layer: Layer
    groups: frozenset[str] | None
    labels: Mapping[str, frozenset[str]] | None
    hosts: re.Pattern[str] | None
    tainted: frozenset[str]

    def holds_for(self, host: InventoryHost) -> bool:
        """Whether the document applies to a host."""
        if self.groups is not None and self.groups.isdisjoint(host.groups):
            return False
        if self.labels is not None:
            labels = host.facets.labels
            if not all(labels.get(name) in values for name, values in self.labels.items()):
                return False
        return self.hosts is None or self.hosts.match(host.name.casefold()) is not None


def state_document(document: Document, wrong: Sequence[DataPath]) -> StateDocument | None:
    """The document; None if the schema's findings leave open to whom it applies.

    Args:
        document: a file that was read.
        wrong: paths that do not fit the schema.
    """
    data = document.data
    if not isinstance(data, Mapping) or any(path[:1] in {(), ("applies_to",)} for path in wrong):
        return None
    applies_to: Mapping[str, Any] = {} if data["applies_to"] == "all" else data["applies_to"]
    level, name = _level(applies_to)
    bad = frozenset(wrong)
    flattening = Flattening(document, name, bad.__contains__, reference.merge_keys(), reference.replaced_paths())
    layer: dict[tuple[str, ...], Any] = {}
    for section in SECTIONS:
        if section in data:
            layer |= flattening.flatten(data[section], (section,))
    labels = (
        {key: frozenset(texts(value)) for key, value in applies_to["labels"].items()}
        if "labels" in applies_to
        else None
    )
    globs = "|".join(translate(glob.casefold()) for glob in applies_to["hosts"]) if "hosts" in applies_to else None
    return StateDocument(
        document,
        level,
        layer,
        frozenset(applies_to["groups"]) if "groups" in applies_to else None,
        labels,
        re.compile(globs) if globs is not None else None,
        frozenset(str(path[0]) for path in wrong),
    )


def _level(applies_to: Mapping[str, Any]) -> tuple[Level, str]:
    if "hosts" in applies_to:
        return Level.HOSTS, f"host {','.join(applies_to['hosts'])}"
    if "labels" in applies_to:
        labels = (f"{key}={'|'.join(texts(value))}" for key, value in applies_to["labels"].items())
        return Level.LABELS, f"labels {','.join(labels)}"
    if "groups" in applies_to:
        return Level.GROUPS, f"group {','.join(applies_to['groups'])}"
    return Level.ALL, "all"


def texts(value: object) -> list[str]:
    """The values of a label in `applies_to`, of which any will do."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def check_entries(document: StateDocument) -> Iterator[Problem]:
    """Entries of one list with the same key (CA1407); only the first of them is in the layer."""
    source = document.document
    for path, fields in reference.merge_keys().items():
        data: Any = source.data
        for part in path:
            data = data.get(part) if isinstance(data, Mapping) else None
        seen: dict[str, Position] = {}
        for index, entry in enumerate(data if isinstance(data, list) else ()):
            key = reference.entry_key(entry, fields)
            position = source.position((*path, index, fields[0]))
            if key is not None and seen.setdefault(key.casefold(), position) is not position:
                message = f"{'.'.join(path)} has {key} twice, first in line {seen[key.casefold()].line}"
                yield Problem("CA1407", message, position, "keep one of them; they are compared ignoring case")


def check_secrets(value: object, origin: Origin) -> Iterator[Problem]:
    """A reference to a secret in a declared value, which must not reach a file on the host or a plan (CA1502).

    Args:
        value: as written, or with its templates evaluated.
        origin: where it was written.
    """
    found = find_reference(value)
    if found and (value is origin.value or not find_reference(origin.value)):
        message = f"the reference {found} stands in a declared value"
        yield Problem("CA1502", message, origin.position, "declared values end up in plans and in files on the host")
