"""Documents x host -> HostState, computed once for all hosts for which it must be the same.

Hosts with the same documents share one merged tree; of those, hosts whose templates give the same values share one
resolved document, one schema check, one rendering and one HostState.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from certify_automation.desired import layering
from certify_automation.desired.documents import Level, StateDocument, check_secrets
from certify_automation.desired.fleet import Declaration
from certify_automation.desired.inventory import InventoryHost
from certify_automation.desired.layering import Leaf, Merged
from certify_automation.desired.origins import Places
from certify_automation.desired.rendering import SERVERS, SERVICE_CONFIG, Renderer
from certify_automation.desired.resolved import Resolution, Resolved
from certify_automation.desired.templates import CONTEXT, Evaluation, TemplateFailed, Templates
from certify_automation.errors import Problem


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """What hosts with the same documents share: the merged tree, and what its values depend on."""

    merged: Merged
    evaluations: Mapping[Leaf, Evaluation]
    needs: tuple[str, ...]
    file_needs: tuple[str, ...]
    wrong: frozenset[str]
    problems: tuple[Problem, ...]


class Resolver:
    """Resolves the hosts of one repository."""

    def __init__(self, documents: Sequence[StateDocument], templates: Templates, renderer: Renderer) -> None:
        self.problems: list[Problem] = []
        self._documents = documents
        self._renderer = renderer
        self._compiled: dict[int, Evaluation] = {}
        self._shapes: dict[tuple[StateDocument, ...], _Shape] = {}
        self._by_parts: dict[tuple[object, ...], Resolved] = {}
        self._by_values: dict[tuple[object, ...], Resolved] = {}
        self._broken: set[int] = set()
        for document in documents:
            self._compile(document, templates)

    def resolve(self, host: InventoryHost) -> Resolved:
        """What is declared for a host; the same object for every host with the same result."""
        documents = tuple(document for document in self._documents if document.holds_for(host))
        shape = self._shapes.get(documents)
        if shape is None:
            shape = self._shapes[documents] = self._shape(documents)
        key = (shape, *(_part(host, name) for name in shape.needs))
        if key not in self._by_parts:
            self._by_parts[key] = self._evaluate(shape, host)
        return self._by_parts[key]

    def _compile(self, document: StateDocument, templates: Templates) -> None:
        for origin in document.layer.values():
            try:
                evaluation = templates.value(origin.value, origin.position)
            except TemplateFailed as error:
                self.problems.append(error.problem)
                self._broken.add(id(origin))
                continue
            if evaluation is not None:
                self._compiled[id(origin)] = evaluation

    def _shape(self, documents: tuple[StateDocument, ...]) -> _Shape:
        merged: Merged = {}
        problems: list[Problem] = []
        for level in Level:
            layers = [document.layer for document in documents if document.level is level]
            upper, conflicts = layering.merge_level(layers)
            why = f"both hold at the level {level.name.lower()}"
            problems += [conflict.problem("CA1402", why) for conflict in conflicts]
            merged = layering.overlay(merged, upper)
        wrong = {section for document in documents for section in document.tainted}
        wrong |= {path[0] for path, origins in merged.items() if id(origins[0]) in self._broken}
        evaluations = {
            path: self._compiled[id(origins[0])] for path, origins in merged.items() if id(origins[0]) in self._compiled
        }
        try:
            file_needs = self._renderer.needs(tuple(_files(merged))) & CONTEXT
        except TemplateFailed:
            file_needs = CONTEXT  # rendering meets the same error and reports it
        needs = file_needs.union(*(evaluation.needs for evaluation in evaluations.values()))
        return _Shape(
            merged, evaluations, tuple(sorted(needs)), tuple(sorted(file_needs)), frozenset(wrong), tuple(problems)
        )

    def _evaluate(self, shape: _Shape, host: InventoryHost) -> Resolved:
        context: dict[str, object] = {
            "vars": host.facets.vars,
            "labels": host.facets.labels,
            "groups": list(host.groups),
            "host": host.name,
        }
        values: dict[Leaf, object] = {}
        failed: list[Problem] = []
        wrong = set(shape.wrong)
        for path, evaluation in shape.evaluations.items():
            try:
                values[path] = evaluation.evaluate(context)
                found = list(check_secrets(values[path], shape.merged[path][0]))
            except TemplateFailed as error:
                values[path], found = None, [error.problem]
            if found:
                failed += found
                wrong.add(path[0])
        frozen = json.dumps([values[path] for path in shape.evaluations], sort_keys=True)
        key = (shape, frozen, tuple(failed), *(_part(host, name) for name in shape.file_needs))
        if key not in self._by_values:
            places = Places(shape.merged, values)
            work = Resolution(layering.tree(shape.merged, values), places, frozenset(wrong))
            made = work.run(self._renderer, context)
            self._by_values[key] = replace(
                made,
                problems=(*shape.problems, *failed, *made.problems),
                declaration=Declaration(shape.merged, values),
            )
        return self._by_values[key]


def _part(host: InventoryHost, name: str) -> object:
    """What stands for a part of the context: equal for two hosts only if the part is."""
    if name == "host":
        return host.name
    return host.groups if name == "groups" else host.facets if name in {"vars", "labels"} else None


def _files(merged: Merged) -> Iterator[str]:
    if any(path[:2] == ("service", "config") for path in merged):
        yield SERVICE_CONFIG
    if any(path[0] == "connections" for path in merged):
        yield SERVERS
