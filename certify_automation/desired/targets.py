"""Names in `applies_to` that the inventory does not know (CA140x)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from certify_automation.desired.documents import StateDocument, texts
from certify_automation.desired.inventory import Inventory
from certify_automation.desired.nodes import Document
from certify_automation.errors import Problem, Severity

_MOST_SUGGESTIONS = 10


def check_targets(documents: Iterable[StateDocument], inventory: Inventory) -> Iterator[Problem]:
    """Groups and hosts that are not there are errors; a label that no host has is a warning."""
    targets = _Targets(inventory)
    for document in documents:
        applies_to = document.document.data["applies_to"]
        if applies_to != "all":
            yield from targets.check(document.document, applies_to)


class _Targets:
    """What an inventory knows."""

    def __init__(self, inventory: Inventory) -> None:
        self._groups = inventory.groups
        self._names = {host.name.casefold(): host.name for host in inventory.hosts}
        self._labels = {label for host in inventory.hosts for label in host.facets.labels.items()}
        self._suggestions = _MOST_SUGGESTIONS

    def check(self, document: Document, applies_to: Mapping[str, Any]) -> Iterator[Problem]:
        for index, group in enumerate(applies_to.get("groups", ())):
            if group not in self._groups:
                where = document.position(("applies_to", "groups", index))
                yield Problem("CA1404", f"the inventory has no group {group}", where, self._near(group, self._groups))
        for index, glob in enumerate(applies_to.get("hosts", ())):
            folded = glob.casefold()
            if folded not in self._names and not any(fnmatchcase(name, folded) for name in self._names):
                where = document.position(("applies_to", "hosts", index))
                hint = self._near(glob, self._names.values())
                yield Problem("CA1405", f"the inventory has no host {glob}", where, hint)
        for key, value in applies_to.get("labels", {}).items():
            for text in texts(value):
                if (key, text) not in self._labels:
                    where = document.position(("applies_to", "labels", key))
                    hint = self._near(f"{key}={text}", {f"{name}={known}" for name, known in self._labels})
                    yield Problem("CA1406", f"no host has the label {key}={text}", where, hint, Severity.WARNING)

    def _near(self, word: str, known: Iterable[str]) -> str:
        """A suggestion; only for the first few names, since each is compared with the whole inventory."""
        self._suggestions -= 1
        found = get_close_matches(word, list(known), n=1, cutoff=0.6) if self._suggestions >= 0 else []
        return f"did you mean {found[0]}?" if found else "`inventory list` shows what there is"
