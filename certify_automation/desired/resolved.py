"""One resolved document: checked against the schema, rendered, checked against the rules, made a HostState."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from certify_automation.desired import schema
from certify_automation.desired.fleet import Declaration, Origin
from certify_automation.desired.origins import Places
from certify_automation.desired.rendering import SERVERS, SERVICE_CONFIG, Renderer, product_properties, server_entries
from certify_automation.desired.rules import (
    Declared,
    check_connections,
    check_environment,
    check_http_sys,
    check_preferences,
    check_renewals,
    check_security,
    check_service,
)
from certify_automation.desired.state import host_state
from certify_automation.desired.templates import TemplateFailed
from certify_automation.errors import Problem, Severity
from certify_automation.model.host import HostState


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """What is declared for all hosts that share it; the state is empty where a problem is an error."""

    state: HostState
    files: Mapping[str, str]
    origins: Mapping[str, tuple[Origin, ...]]
    values: Mapping[str, object]
    problems: tuple[Problem, ...]
    declaration: Declaration = field(default_factory=Declaration)


class Resolution:
    """The work on one distinct document.

    Sections in which something is wrong already are left alone, so that one mistake is reported once.
    """

    def __init__(self, data: Mapping[str, Any], places: Places, wrong: frozenset[str]) -> None:
        self._data = data
        self._places = places
        self._wrong = set(wrong)
        self._problems: list[Problem] = []
        self._files: dict[str, str] = {}

    def run(self, renderer: Renderer, context: Mapping[str, object]) -> Resolved:
        """The result for every host with this document and this context."""
        self._check_schema()
        declared = self._declared(renderer, context)
        if not {"service"} & self._wrong:
            self._problems += check_service(declared)
        if not {"service", "connections"} & self._wrong:
            self._problems += check_connections(declared)
        if not {"service", "http_sys"} & self._wrong:
            self._problems += check_http_sys(declared)
        if not {"service", "environment"} & self._wrong:
            self._problems += check_environment(declared)
        if not {"service", "security", "environment"} & self._wrong:
            self._problems += check_security(declared)
        if not {"preferences"} & self._wrong:
            self._problems += check_preferences(declared)
        if not {"preferences", "renewals"} & self._wrong:
            self._problems += check_renewals(declared)
        failed = self._wrong or any(problem.severity is Severity.ERROR for problem in self._problems)
        removed = (
            tuple(entry["name"] for entry in self._connections() if entry.get("state") == "absent")
            if not failed
            else ()
        )
        state = HostState() if failed else host_state(declared, removed)
        return Resolved(state, self._files, self._places.origins, self._places.values, tuple(self._problems))

    def _check_schema(self) -> None:
        for section, content in self._data.items():
            if section in self._wrong:
                continue
            document = {"version": 1, "applies_to": "all", section: content}
            for misfit in schema.check_again(document, "desired-state", resolved=True):
                position = self._places.of_path(document, misfit.path)
                self._problems.append(Problem(misfit.id, misfit.message, position, misfit.hint))
                self._wrong.add(section)
        for problem, section in self._places.repeated():
            self._problems.append(problem)
            self._wrong.add(section)

    def _connections(self) -> list[Mapping[str, Any]]:
        return self._data.get("connections") or []

    def _declared(self, renderer: Renderer, context: Mapping[str, object]) -> Declared:
        service = self._data.get("service", {}) if "service" not in self._wrong else {}
        written = (
            [c for c in self._connections() if c.get("state") != "absent"] if "connections" not in self._wrong else []
        )
        full = {**context, "service": service, "connections": written}
        config = None
        if "config" in service:
            properties = product_properties(service["config"], "config")
            config = self._render(
                SERVICE_CONFIG, "service", renderer, {**full, "properties": properties, "entries": []}
            )
        entries = None
        if "connections" in self._data and not {"service", "connections"} & self._wrong:
            merged = server_entries(written, config)
            entries = self._render(
                SERVERS, "connections", renderer, {**full, "properties": config or {}, "entries": merged}
            )
        return Declared(
            service=service,
            config=config,
            connections=entries,
            written_connections=written,
            http_sys=self._data.get("http_sys", {}),
            security=self._data.get("security", {}),
            environment=self._data.get("environment", {}),
            preferences=self._data.get("preferences", {}),
            renewals=self._data.get("renewals"),
            where=self._places.where,
        )

    def _render(self, name: str, section: str, renderer: Renderer, context: Mapping[str, object]) -> Any:  # noqa: ANN401 - any JSON value
        try:
            rendered = renderer.render(name, context, self._places.where)
        except TemplateFailed as error:
            self._problems.append(error.problem)
            self._wrong.add(section)
            return None
        self._problems += rendered.problems
        if rendered.problems:
            self._wrong.add(section)
            return None
        self._files[name] = rendered.text
        return rendered.data
