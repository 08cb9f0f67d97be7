"""What a step of a playbook applies to a host: sections of a state document, laid over what is declared or alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from certify_automation.desired import layering, reference
from certify_automation.desired.contradictions import contradictions
from certify_automation.desired.documents import check_secrets
from certify_automation.desired.fleet import Declaration, DesiredHost, Fleet, Origin
from certify_automation.desired.layering import Flattening, Layer, Leaf, Merged
from certify_automation.desired.lockouts import check_lockouts
from certify_automation.desired.nodes import DataPath
from certify_automation.desired.origins import Places, entry_keys
from certify_automation.desired.playbook_steps import OVERRIDES
from certify_automation.desired.rendering import Renderer
from certify_automation.desired.resolve import TEMPLATES, in_order
from certify_automation.desired.resolved import Resolution, Resolved
from certify_automation.desired.templates import Templates
from certify_automation.desired.words import shown
from certify_automation.errors import ConfigurationError, Position, Problem, Severity
from certify_automation.model.config_files import JsonValue
from certify_automation.model.playbook import PlaybookStep

_LAYER = "playbook"
_TERMS = frozenset(
    ("service", name) for name in ("http_01", "allow_remote", "force_https", "kestrel_endpoint", "account")
)
"""What is declared about how a host may be changed: it holds for overrides alone as well, and changes nothing."""

_PARTS_OF_AN_ENDPOINT = ("host", "port", "https")
_PRESENT = "present"
_EMPTY: tuple[object, ...] = ({}, [])
_JUDGED_AS_STATE: tuple[Leaf, ...] = (("http_sys", "ip_listen"), ("http_sys", "url_reservations"))
"""Values of which two that are written differently can both be met."""

_HINT = "what the files of the repository declare is changed there, and applied with `apply`"


@dataclass(frozen=True, slots=True)
class _Written:
    """The places of a step's overrides."""

    step: PlaybookStep

    def position(self, path: DataPath) -> Position:
        """Of a value; where a template has made it, of the template."""
        full: DataPath = (OVERRIDES, *path)
        places = self.step.places
        found = (places[full[:end]] for end in range(len(full), 0, -1) if full[:end] in places)
        return next(found, self.step.position)


def overridden(
    host: DesiredHost, fleet: Fleet, step: PlaybookStep, overrides: Mapping[str, JsonValue], *, whole: bool
) -> DesiredHost:
    """The host as a step of a playbook wants it, checked by the rules that hold for files.

    Args:
        host: as declared.
        fleet: whose repository has the templates of the product's files.
        step: where the overrides are written.
        overrides: sections of a state document, templates evaluated.
        whole: they are laid over everything that is declared; otherwise nothing but them is managed.

    Raises:
        ConfigurationError: a value is declared otherwise (CA1615), or the result breaks a rule (CA11xx, CA12xx …).
    """
    known = _keyed_by_value(host.declaration)
    work = _Overriding(host, fleet, step, known.values)
    layer = work.layer(overrides)
    work.refuse(_otherwise(known, layer, whole=whole))
    declared = _one_way(known.merged, layer)
    terms: Merged = {path: origins for path, origins in declared.items() if path in _TERMS}
    found = work.resolved(declared if whole else terms, layer)
    work.refuse(_states_otherwise(host, found, _Written(step).position(())))
    if not whole:
        work.resolved(declared, layer)  # what the overrides say must also hold together with everything else
    return work.made(found)


class _Overriding:
    """The work on one host."""

    def __init__(self, host: DesiredHost, fleet: Fleet, step: PlaybookStep, values: Mapping[Leaf, object]) -> None:
        self._host = host
        self._values = values
        self._written = _Written(step)
        self._renderer = Renderer(Templates(fleet.folder / TEMPLATES))

    def layer(self, overrides: Mapping[str, JsonValue]) -> Layer:
        """The overrides as one more layer; values without secrets."""
        keys, replaced = reference.merge_keys(), reference.replaced_paths()
        flattening = Flattening(self._written, _LAYER, keys=keys, replaced=replaced)
        found: dict[Leaf, Any] = {}
        for section, content in overrides.items():
            found |= flattening.flatten(content, (section,))
        self.refuse(problem for origin in found.values() for problem in check_secrets(origin.value, origin))
        return found

    def resolved(self, below: Merged, layer: Layer) -> Resolved:
        """The layer over what is below it, checked and rendered."""
        upper, _ = layering.merge_level([layer])
        merged = layering.overlay(below, upper)
        values = {path: self._values[path] for path in merged if path in self._values and path not in layer}
        host = self._host
        context = {"vars": host.vars, "labels": host.labels, "groups": list(host.groups), "host": host.name}
        work = Resolution(layering.tree(merged, values), Places(merged, values), frozenset())
        made = work.run(self._renderer, context)
        self.refuse(made.problems)
        return replace(made, declaration=Declaration(merged, values))

    def made(self, resolved: Resolved) -> DesiredHost:
        """The host with what was resolved for it."""
        host = replace(
            self._host,
            state=resolved.state,
            files=resolved.files,
            origins={**_of_the_inventory(self._host.origins), **resolved.origins},
            values={**_of_the_inventory(self._host.values), **resolved.values},
            declaration=resolved.declaration,
        )
        self.refuse(problem for problem, _ in check_lockouts([host]))
        return host

    def refuse(self, problems: Iterator[Problem] | tuple[Problem, ...]) -> None:
        """Ends the work where a Problem is an error; the host is named in each."""
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        if errors:
            named = (replace(problem, message=f"{problem.message} (for {self._host.name})") for problem in errors)
            raise ConfigurationError(in_order(named))


def _of_the_inventory(found: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in found.items() if path.startswith(("vars.", "labels.", "connection."))}


def _keyed_by_value(declared: Declaration) -> Declaration:
    """The same with entries of keyed lists under the keys that their templates come to, as overrides have them."""
    keys = entry_keys(declared.merged, declared.values)

    def named(path: Leaf) -> Leaf:
        entry = _entry(path)
        return (
            path
            if entry is None or not keys.get(entry)
            else (*entry[:-1], f"[{keys[entry].casefold()}]", *path[len(entry) :])
        )

    return Declaration(
        {named(path): origins for path, origins in declared.merged.items()},
        {named(path): value for path, value in declared.values.items()},
    )


def _one_way(declared: Merged, layer: Layer) -> Merged:
    """What is declared, without the other way to say where a connection goes that the layer speaks of."""
    dropped: set[Leaf] = set()
    for *entry, name in layer:
        if entry[:1] == ["connections"] and name in {"endpoint", *_PARTS_OF_AN_ENDPOINT}:
            others = _PARTS_OF_AN_ENDPOINT if name == "endpoint" else ("endpoint",)
            dropped |= {(*entry, other) for other in others}
    return {path: origins for path, origins in declared.items() if path not in dropped}


def _otherwise(declared: Declaration, layer: Layer, *, whole: bool) -> Iterator[Problem]:
    """Values of a layer that are declared otherwise."""
    for path, origin in layer.items():
        if _entry(path) and path[-1] == "state":
            continue
        if not whole and any(path[: len(judged)] == judged for judged in _JUDGED_AS_STATE):
            continue
        for other, value in _said(declared, path, origin.value):
            if other != path or not layering.agree(path, origin, replace(declared.merged[path][0], value=value)):
                yield _problem((path, origin), (other, declared.merged[other][0]), value)
    for entry in dict.fromkeys(filter(None, map(_entry, layer))):
        yield from _entry_otherwise(declared, layer, entry)


def _said(declared: Declaration, path: Leaf, written: object) -> Iterator[tuple[Leaf, object]]:
    """What is declared at a path, above it or below it, with its value; what is unmanaged or only begun says nothing.

    Args:
        declared: of the host.
        path: of the value that is written.
        written: that value.
    """
    for known in declared.merged:
        value = _value(declared, known)
        if known == path:
            says = True
        elif known == path[: len(known)]:
            says = value not in _EMPTY
        else:
            says = known[: len(path)] == path and written not in _EMPTY
        if says and value is not None:
            yield known, value


def _entry(path: Leaf) -> Leaf | None:
    """The path of the entry of a keyed list that a path leads into."""
    return next((path[:end] for end, part in enumerate(path, 1) if part.startswith("[")), None)


def _entry_otherwise(declared: Declaration, layer: Layer, entry: Leaf) -> Iterator[Problem]:
    """An entry that is to be absent here and present there."""
    there = [path for path in declared.merged if path[: len(entry)] == entry]
    here = [path for path in layer if path[: len(entry)] == entry]
    state = (*entry, "state")
    known = _value(declared, state) if state in declared.merged else None
    wanted = layer[state].value if state in layer else None
    if there and (known or _PRESENT) != (wanted or _PRESENT):
        written = replace(layer[state if state in layer else here[0]], value=wanted or _PRESENT)
        first = declared.merged[state if state in declared.merged else there[0]][0]
        yield _problem((state, written), (state, first), known or _PRESENT)


def _value(declared: Declaration, path: Leaf) -> object:
    return declared.values.get(path, declared.merged[path][0].value)


def _problem(here: tuple[Leaf, Origin], there: tuple[Leaf, Origin], value: object) -> Problem:
    (path, written), (other, declared) = here, there
    subject = "" if other == path else f"{layering.dotted(other)} is "
    message = (
        f"{layering.dotted(path)} is {shown(written.value)} in the playbook, and {subject}declared {shown(value)} "
        f"at {declared.position} ({declared.layer})"
    )
    return Problem("CA1615", message, written.position, _HINT)


def _states_otherwise(host: DesiredHost, alone: Resolved, position: Position) -> Iterator[Problem]:
    for problem in contradictions(host, alone.state):
        message = f"{problem.message.removeprefix(f'{host.name}: ')} at {problem.position}"
        yield Problem("CA1615", message, position, _HINT)
