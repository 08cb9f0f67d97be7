"""inventory.yaml -> the hosts, their groups, labels and variables, and how each is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certify_automation.desired import layering
from certify_automation.desired.fleet import Origin
from certify_automation.desired.hostnames import bare, is_ipv6, name_fault
from certify_automation.desired.layering import Flattening, Layer, Merged
from certify_automation.desired.nodes import DataPath, Document
from certify_automation.desired.ranges import LARGEST, expand, is_range
from certify_automation.desired.secrets import find_reference
from certify_automation.errors import Position, Problem, Severity


@dataclass(frozen=True, slots=True, eq=False)
class Facets:
    """What layers give a host; one object for all hosts with the same layers.

    Attributes:
        connection: fields as declared.
        origins: dotted path (`vars.api_port`, `labels.ring`, `connection.port`) -> origins, the winner first.
        values: dotted path -> value.
    """

    labels: Mapping[str, str]
    vars: Mapping[str, object]
    connection: Mapping[str, Any]
    origins: Mapping[str, tuple[Origin, ...]]
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class InventoryHost:
    """One host of the inventory."""

    name: str
    address: str
    groups: tuple[str, ...]
    facets: Facets
    position: Position


@dataclass(frozen=True, slots=True)
class Inventory:
    """Hosts in the order of the file, and groups with the names of their hosts."""

    hosts: tuple[InventoryHost, ...]
    groups: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one line says about one host."""

    path: DataPath
    group: str | None
    content: Mapping[str, Any]
    ranged: bool


def read_inventory(document: Document) -> Inventory:
    """The inventory of a document that fits its schema, with the Problems (CA13xx, CA14xx) found in it."""
    return _Reader(document).read()


class _Reader:
    """One pass over one inventory."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: Mapping[str, Any] = document.data
        self._problems: dict[Problem, None] = {}
        self._by_groups: dict[tuple[str, ...], tuple[Merged, Facets]] = {}
        self._facets: dict[tuple[object, ...], Facets] = {}
        self._layers: dict[DataPath, Layer] = {}

    def read(self) -> Inventory:
        entries = self._entries()
        for path in self._facet_paths():
            self._check_values(path)
        hosts = tuple(self._host(name, found) for name, found in entries.items())
        groups: dict[str, list[str]] = {name: [] for name in self._data.get("groups") or {}}
        for host in hosts:
            for group in host.groups:
                groups[group].append(host.name)
        for group, members in groups.items():
            if not members:
                self._problem("CA1306", f"the group {group} has no host", ("groups", group), severity=Severity.WARNING)
        if not hosts and not self._problems:
            self._problem("CA1307", "the inventory names no host", ())
        self._check_homonyms(hosts, groups)
        return Inventory(hosts, {name: tuple(members) for name, members in groups.items()}, tuple(self._problems))

    def _check_homonyms(self, hosts: Sequence[InventoryHost], groups: Mapping[str, object]) -> None:
        folded = {group.casefold(): group for group in groups}
        for host in hosts:
            group = folded.get(host.name.casefold())
            if group is not None:
                message = f"a host and a group are called {group}; --limit {group} means both"
                self._problem("CA1308", message, ("groups", group), severity=Severity.WARNING)

    def _problem(
        self, error_id: str, message: str, path: DataPath, hint: str = "", *, severity: Severity = Severity.ERROR
    ) -> None:
        self._problems[Problem(error_id, message, self._document.position(path, key=True), hint, severity)] = None

    def _lists(self) -> Iterator[tuple[str | None, DataPath, Mapping[str, Any]]]:
        yield None, ("hosts",), self._data.get("hosts") or {}
        for group, content in (self._data.get("groups") or {}).items():
            yield group, ("groups", group, "hosts"), (content or {}).get("hosts") or {}

    def _entries(self) -> dict[str, list[_Entry]]:
        """Host -> what is said about it, in the order of the file."""
        entries: dict[str, list[_Entry]] = {}
        spelled: dict[str, str] = {}
        for group, path, hosts in self._lists():
            for written, content in hosts.items():
                where = (*path, written)
                names = self._names(written, content or {}, where)
                if len(entries) + len(names) > LARGEST:
                    self._problem("CA1301", f"the inventory has more than {LARGEST} hosts", where)
                    return entries
                for name in names:
                    known = spelled.setdefault(name.casefold(), name)
                    if known != name:
                        message = f"the host {name} is already known as {known}; names are compared ignoring case"
                        self._problem("CA1302", message, where)
                    entries.setdefault(known, []).append(_Entry(where, group, content or {}, is_range(written)))
        return entries

    def _names(self, written: str, content: Mapping[str, Any], where: DataPath) -> Sequence[str]:
        try:
            names = expand(written)
        except ValueError as error:
            self._problem("CA1301", f"{written} is not a range of hosts: {error}", where)
            return ()
        if len(names) > 1 and "address" in content:
            message = f"{written} stands for {len(names)} hosts, they cannot all have the address {content['address']}"
            self._problem("CA1303", message, (*where, "address"), "give each of them its own entry")
        fault = next(filter(None, map(name_fault, names)), "")
        if fault:
            self._problem("CA1301", f"{written} cannot be the name of a host: {fault}", where)
            return ()
        return names

    def _facet_paths(self) -> Iterator[DataPath]:
        yield ("defaults",)
        for group in self._data.get("groups") or {}:
            yield ("groups", group)
        for _, path, hosts in self._lists():
            for written, content in hosts.items():
                if content:
                    yield (*path, written)

    def _check_values(self, path: DataPath) -> None:
        """Labels and variables are plain: neither templates nor secrets, which would end up in files and plans."""
        content: Any = self._data
        for part in path:
            content = (content or {}).get(part)
        for facet in ("labels", "vars"):
            for where, value in _strings((content or {}).get(facet), (*path, facet)):
                if find_reference(value):
                    message = (
                        f"{find_reference(value)} stands in {facet}, which end up in plans and in files on the host"
                    )
                    problem = Problem(
                        "CA1502", message, self._document.position(where), "only a connection takes references"
                    )
                elif "{{" in value or "{%" in value:
                    hint = "write the template where the value is used, in state/*.yaml"
                    message = f"templates are not evaluated in {facet}"
                    problem = Problem("CA1410", message, self._document.position(where), hint)
                else:
                    continue
                self._problems[problem] = None

    def _host(self, name: str, entries: Sequence[_Entry]) -> InventoryHost:
        groups = tuple(dict.fromkeys(entry.group for entry in entries if entry.group is not None))
        own = tuple(entry for entry in entries if entry.content)
        key = (groups, *(entry.path for entry in own))
        facets = self._facets.get(key)
        if facets is None:
            facets = self._facets[key] = self._make_facets(name, groups, own)
        return InventoryHost(
            name, self._address(name, own), groups, facets, self._document.position(entries[0].path, key=True)
        )

    def _address(self, name: str, entries: Sequence[_Entry]) -> str:
        found = {entry.content["address"]: entry for entry in entries if "address" in entry.content}
        if len(found) > 1:
            first, second = list(found.values())[:2]
            there = self._document.position((*first.path, "address"))
            message = f"the host {name} has another address, {first.content['address']}, at {there}"
            self._problem("CA1304", message, (*second.path, "address"), "keep one of them")
        address = bare(next(iter(found), name))
        if ":" in address and not is_ipv6(address):
            path = next((entry.path for entry in entries if "address" in entry.content), ())
            message = f"the address {address} is not an IPv6 address, and no other has a colon"
            self._problem("CA1305", message, (*path, "address"), "the port is connection.port")
        return address

    def _make_facets(self, name: str, groups: tuple[str, ...], own: tuple[_Entry, ...]) -> Facets:
        if groups not in self._by_groups:
            merged = self._level(name, [(("defaults",), "defaults")])
            of_groups = [(("groups", group), f"group {group}") for group in groups]
            merged = layering.overlay(merged, self._level(name, of_groups))
            self._by_groups[groups] = merged, _facets(merged)
        merged, facets = self._by_groups[groups]
        if not own:
            return facets
        for ranged in (True, False):
            places = [(entry.path, f"host {entry.path[-1]}") for entry in own if entry.ranged is ranged]
            merged = layering.overlay(merged, self._level(name, places))
        return _facets(merged)

    def _level(self, host: str, places: Sequence[tuple[DataPath, str]]) -> Merged:
        merged, conflicts = layering.merge_level([self._layer(path, layer) for path, layer in places])
        for conflict in conflicts:
            self._problems[conflict.problem("CA1401", f"both hold for {host}")] = None
        return merged

    def _layer(self, path: DataPath, label: str) -> Layer:
        if path not in self._layers:
            content: Any = self._data
            for part in path:
                content = (content or {}).get(part)
            flattening = Flattening(self._document, label)
            layer: dict[tuple[str, ...], Origin] = {}
            for facet in ("labels", "vars", "connection"):
                values = (content or {}).get(facet)
                if values:
                    leaves = flattening.flatten(values, (*path, facet))
                    layer |= {leaf[len(path) :]: origin for leaf, origin in leaves.items()}
            self._layers[path] = layer
        return self._layers[path]


def _facets(merged: Merged) -> Facets:
    data = layering.tree(merged, {})
    origins = {layering.dotted(path): origins for path, origins in merged.items()}
    labels = {name: str(value) for name, value in data.get("labels", {}).items()}
    values = {path: found[0].value for path, found in origins.items()}
    return Facets(labels, data.get("vars", {}), data.get("connection", {}), origins, values)


def _strings(value: object, path: DataPath) -> Iterator[tuple[DataPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _strings(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _strings(part, (*path, index))
