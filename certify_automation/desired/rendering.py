"""The product's JSON files: declared values under the product's names, rendered, and read back as the host would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NoReturn

from certify_automation.desired import reference, schema
from certify_automation.desired.secrets import find_reference
from certify_automation.desired.templates import Evaluation, Templates
from certify_automation.errors import Position, Problem

SERVICE_CONFIG = "serviceconfig.json"
SERVERS = "servers.json"
_SCHEMAS = {SERVICE_CONFIG: "serviceconfig", SERVERS: "servers"}
_ENDPOINT = {"host": "Host", "port": "Port", "https": "UseHTTPS"}
_KINDS = {SERVICE_CONFIG: "config", SERVERS: "connection"}


def product_properties(section: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A section under the product's names, known ones in the schema's order, then `additional` by name.

    Args:
        section: `service.config`, or an entry of `connections`.
        kind: `config` or `connection`.
    """
    names = reference.product_names(kind)
    known = {product: section[name] for name, product in names.items() if name in section}
    additional = section.get("additional", {})
    return known | {name: additional[name] for name in sorted(additional) if not reference.declared_name(name, kind)}


def server_entries(connections: Sequence[Mapping[str, Any]], config: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Entries of servers.json; `endpoint: service` takes its three properties from serviceconfig.json.

    Args:
        connections: the section, without entries that are absent.
        config: serviceconfig.json under the product's names.
    """
    service = {**reference.product_defaults("config"), **(config or {})}
    entries = []
    for connection in connections:
        derived = {}
        if connection.get("endpoint") == "service":
            derived = {name: service[product] for name, product in _ENDPOINT.items()}
        entries.append(product_properties({**derived, **connection}, "connection"))
    return entries


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file as it would be written, and what it says.

    Attributes:
        data: names known to the product in the product's spelling.
    """

    text: str
    data: Any
    problems: tuple[Problem, ...]


class Renderer:
    """Renders the files of one repository; every template is compiled once."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._compiled: dict[str, Evaluation] = {}
        self._texts: dict[tuple[str, str], str] = {}

    def needs(self, names: Sequence[str]) -> frozenset[str]:
        """Names of the context that these files depend on; raises TemplateFailed."""
        return frozenset().union(*(self._file(name).needs for name in names))

    def render(self, name: str, context: Mapping[str, object], where: Callable[..., Position]) -> RenderedFile:
        """One file.

        Args:
            name: `serviceconfig.json` or `servers.json`.
            context: what the template may use.
            where: dotted path of a declaration -> its place; without one, that of the template.

        Raises:
            TemplateFailed: the template cannot be evaluated.
        """
        text = self._text(name, context)
        template = Position(self._templates.shown(f"{name}.j2"))
        try:
            data = _parse(text)
        except ValueError as error:
            message = f"the rendered {name} is not strict JSON: {error}"
            return RenderedFile(text, None, (Problem("CA1425", message, template, "put values through `| json`"),))
        data = _canonical(data, _KINDS[name])
        problems = list(_check(name, data, where, template))
        found = find_reference(text)
        if found and not find_reference([context["properties"], context["entries"]]):
            message = f"the rendered {name} holds the reference {found}; files on the host hold no secrets"
            problems.append(Problem("CA1502", message, template))
        return RenderedFile(text, data, tuple(problems))

    def _text(self, name: str, context: Mapping[str, object]) -> str:
        """The text; made once for all hosts for which the template is given the same."""
        file = self._file(name)
        key = name, json.dumps([context[part] for part in sorted(file.needs & context.keys())])
        if key not in self._texts:
            self._texts[key] = file.evaluate(context)
        return self._texts[key]

    def _file(self, name: str) -> Evaluation:
        if name not in self._compiled:
            self._compiled[name] = self._templates.file(f"{name}.j2")
        return self._compiled[name]


def _check(name: str, data: Any, where: Callable[..., Position], template: Position) -> Iterator[Problem]:  # noqa: ANN401 - any JSON value
    for misfit in schema.check_again(data, _SCHEMAS[name]):
        declared = reference.declared_name(str(misfit.path[0]), _KINDS[name]) if misfit.path else None
        position = where(f"service.config.{declared}") if name == SERVICE_CONFIG and declared else template
        yield Problem("CA1426", f"the rendered {name} does not fit: {misfit.message}", position, misfit.hint)


def _parse(text: str) -> Any:  # noqa: ANN401 - any JSON value
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, str] = {}
        for key, _ in pairs:
            first = seen.setdefault(key.casefold(), key)
            if first is not key:
                raise ValueError(f"the name {key} stands in it twice (names are compared ignoring case)")
        return dict(pairs)

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    def finite(number: str) -> float:
        if not isfinite(float(number)):
            raise ValueError(f"the number {number} is too large")
        return float(number)

    try:
        data = json.loads(text, object_pairs_hook=unique, parse_constant=constant, parse_float=finite)
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1].strip() if text.strip() else ""
        raise ValueError(f"{error.msg} in its line {error.lineno}, column {error.colno}: {line[:60]}") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return data


def _canonical(data: Any, kind: str) -> Any:  # noqa: ANN401 - any JSON value
    """Known names in the product's spelling, which reads them ignoring case."""
    if isinstance(data, list):
        return [_canonical(entry, kind) for entry in data]
    if not isinstance(data, dict):
        return data
    spelling = {product.casefold(): product for product in reference.product_names(kind).values()}
    return {spelling.get(name.casefold(), name): value for name, value in data.items()}
