"""The front door: a folder of YAML files -> a Fleet, or every Problem of every file."""

from __future__ import annotations

import os
from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, product
from pathlib import Path

from certify_automation.desired import source
from certify_automation.desired.connection import (
    ConnectionFields,
    check_connection,
    check_verification,
    connection_fields,
)
from certify_automation.desired.documents import (
    StateDocument,
    check_entries,
    check_secrets,
    state_document,
)
from certify_automation.desired.fleet import DesiredHost, Fleet
from certify_automation.desired.identities import check_endpoints, check_identities
from certify_automation.desired.inventory import Facets, Inventory, InventoryHost, read_inventory
from certify_automation.desired.lockouts import check_lockouts
from certify_automation.desired.nodes import DataPath, Document
from certify_automation.desired.rendering import SERVERS, SERVICE_CONFIG, Renderer
from certify_automation.desired.resolution import Resolver
from certify_automation.desired.resolved import Resolved
from certify_automation.desired.schema import check_document
from certify_automation.desired.settings import Settings, check_limits, read_settings
from certify_automation.desired.targets import check_targets
from certify_automation.desired.templates import Templates
from certify_automation.desired.words import printable
from certify_automation.errors import ConfigurationError, Position, Problem, Severity
from certify_automation.naming import some_of

INVENTORY = "inventory.yaml"
SETTINGS = "certify-automation.yaml"
STATE = "state"
TEMPLATES = "templates"
INVENTORY_VARIABLE = "CERTIFY_AUTOMATION_INVENTORY"

_MOST_OF_A_KIND = 200


def load(repo: Path, *, inventory: Path | None = None, environ: Mapping[str, str], state_needed: bool = True) -> Fleet:
    """Everything the files of a repository declare, checked; no secret is read and no host is touched.

    Args:
        repo: the folder with `state/`, and optionally `templates/` and `certify-automation.yaml`.
        inventory: the inventory, if it is not `inventory.yaml` of the repository.
        environ: the environment; CERTIFY_AUTOMATION_INVENTORY names an inventory where the argument does not.
        state_needed: whether it is an error that nothing is declared at all.

    Raises:
        ConfigurationError: something is wrong; carries all Problems of all files, errors first.
    """
    named = environ.get(INVENTORY_VARIABLE)
    path = inventory or (Path(named) if named else repo / INVENTORY)
    return _Loading(repo, path, state_needed=state_needed).fleet()


def load_settings(repo: Path) -> Settings:
    """What `certify-automation.yaml` of a repository says, and nothing of its other files.

    Raises:
        ConfigurationError: something is wrong with it.
    """
    return _Loading(repo, repo / INVENTORY).settings()


class _Loading:
    """One reading of one repository."""

    def __init__(self, repo: Path, inventory: Path, *, state_needed: bool = True) -> None:
        self._state_needed = state_needed
        self._repo = repo
        self._inventory = inventory
        self._problems: list[Problem] = []

    def settings(self) -> Settings:
        found = self._settings()
        self._checked()
        return found

    def _checked(self) -> tuple[Problem, ...]:
        problems = in_order(self._problems)
        if any(problem.severity is Severity.ERROR for problem in problems):
            raise ConfigurationError(problems)
        return problems

    def fleet(self) -> Fleet:
        settings = self._settings()
        inventory = self._read_inventory()
        documents = list(self._documents())
        hosts = self._hosts(inventory, documents) if inventory else {}
        problems = self._checked()
        groups = inventory.groups if inventory else {}
        return Fleet(hosts, groups, problems, settings, self._repo)

    def _read(self, path: Path, schema: str) -> tuple[Document | None, tuple[DataPath, ...]]:
        document, problems = source.read(path, str(path))
        self._problems += problems
        if document is None:
            return None, ()
        known = {problem.position for problem in problems}
        problems, wrong = check_document(document, schema)
        self._problems += (problem for problem in problems if problem.position not in known)
        return document, wrong

    def _settings(self) -> Settings:
        path = self._repo / SETTINGS
        if not os.path.lexists(path):
            return Settings()
        document, wrong = self._read(path, "settings")
        if document is None or wrong:
            return Settings()
        self._problems += check_limits(document)
        return read_settings(document.data, self._repo)

    def _read_inventory(self) -> Inventory | None:
        document, wrong = self._read(self._inventory, "inventory")
        if document is None or wrong:
            return None
        inventory = read_inventory(document)
        self._problems += inventory.problems
        return inventory

    def _documents(self) -> Iterator[StateDocument]:
        names: dict[str, Position] = {}
        for path in self._state_files():
            document, wrong = self._read(path, "desired-state")
            found = state_document(document, wrong) if document else None
            if document is None or found is None:
                continue
            self._problems += check_entries(found)
            for origin in found.layer.values():
                self._problems += check_secrets(origin.value, origin)
            self._check_name(document, names)
            yield found

    def _state_files(self) -> list[Path]:
        folder = self._repo / STATE
        failures: list[OSError] = []
        found = [Path(place, name) for place, _, names in os.walk(folder, onerror=failures.append) for name in names]
        files = sorted(path for path in found if _is_document(path))
        unreadable = [error for error in failures if not isinstance(error, FileNotFoundError | NotADirectoryError)]
        for error in unreadable:
            message = f"the folder cannot be read: {error.strerror}"
            self._problems.append(Problem("CA1002", message, Position(str(error.filename))))
        if not files and not unreadable and self._state_needed:
            hint = "`init DIR` writes a repository to start from"
            self._problems.append(Problem("CA1012", "there is no *.yaml in it", Position(str(folder)), hint))
        return files

    def _check_name(self, document: Document, names: dict[str, Position]) -> None:
        name = document.data.get("name") if isinstance(document.data, Mapping) else None
        if not isinstance(name, str):
            return
        position = document.position(("name",))
        first = names.setdefault(name.casefold(), position)
        if first is not position:
            message = f"the name {name} is taken by the document at {first}"
            self._problems.append(Problem("CA1403", message, position, "give every document its own name"))

    def _hosts(self, inventory: Inventory, documents: list[StateDocument]) -> dict[str, DesiredHost]:
        self._problems += check_targets(documents, inventory)
        templates = Templates(self._repo / TEMPLATES)
        resolver = Resolver(documents, templates, Renderer(templates))
        connections: dict[Facets, ConnectionFields] = {}
        concerned: dict[Resolved, list[str]] = {}
        hosts = {}
        for host in inventory.hosts:
            resolved = resolver.resolve(host)
            concerned.setdefault(resolved, []).append(host.name)
            shared = connections.get(host.facets)
            if shared is None:
                shared = connections[host.facets] = connection_fields(host.facets, self._inventory.parent)
                self._problems += check_connection(host, shared)
            hosts[host.name] = _desired(host, resolved, shared)
        self._problems += check_verification(inventory.hosts, connections)
        self._problems += resolver.problems
        self._problems += templates.mistyped([f"{name}.j2" for name in (SERVICE_CONFIG, SERVERS)])
        self._problems += _for_hosts(_of_documents(concerned), check_lockouts(hosts.values()))
        self._problems += check_identities(concerned)
        self._problems += check_endpoints(concerned)
        return hosts


def _desired(host: InventoryHost, resolved: Resolved, shared: ConnectionFields) -> DesiredHost:
    facets = host.facets
    return DesiredHost(
        host.name,
        host.groups,
        facets.labels,
        facets.vars,
        shared.at(host.address),
        resolved.state,
        resolved.files,
        ChainMap(resolved.origins, facets.origins),  # type: ignore[arg-type]  # neither map is ever written to
        shared.secrets,
        ChainMap(resolved.values, facets.values),  # type: ignore[arg-type]  # as above
        resolved.declaration,
    )


def _is_document(path: Path) -> bool:
    """A name that begins with a dot is an editor's, or that of a file put aside."""
    return path.suffix.casefold() in {".yaml", ".yml"} and not path.name.startswith(".")


def _of_documents(concerned: Mapping[Resolved, list[str]]) -> Iterator[tuple[Problem, str]]:
    """Problems of resolved documents, each with every host it concerns."""
    for resolved, names in concerned.items():
        yield from product(dict.fromkeys(resolved.problems), names)


def _for_hosts(*found: Iterable[tuple[Problem, str]]) -> Iterator[Problem]:
    """Every Problem once, with the hosts it concerns."""
    hosts: dict[Problem, list[str]] = {}
    for problem, name in chain(*found):
        hosts.setdefault(problem, []).append(name)
    for problem, names in hosts.items():
        message = f"{problem.message} (for {some_of(names, 1)})"
        yield Problem(problem.id, message, problem.position, problem.hint, problem.severity)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Every Problem once and printable, errors first, then by place."""

    def place(problem: Problem) -> tuple[bool, Position, str, str]:
        return problem.severity is Severity.WARNING, problem.position or Position(""), problem.id, problem.message

    return tuple(sorted(_shortened(sorted(dict.fromkeys(map(_printable, problems)), key=place)), key=place))


def _printable(problem: Problem) -> Problem:
    if problem.message.isprintable() and problem.hint.isprintable():
        return problem
    return replace(problem, message=printable(problem.message), hint=printable(problem.hint))


def _shortened(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The first of each kind in each file, and how many more there are: a wrong file may hold a mistake a line."""
    counts: Counter[tuple[str, str]] = Counter()
    following: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        kind = problem.position.file if problem.position else "", problem.id
        counts[kind] += 1
        if counts[kind] <= _MOST_OF_A_KIND:
            yield problem
        else:
            following.setdefault(kind, problem)
    for kind, problem in following.items():
        yield replace(problem, message=f"{counts[kind] - _MOST_OF_A_KIND} more of this kind, beginning here", hint="")
