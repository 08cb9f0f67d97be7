"""The endpoints that appsettings-core.json and the environment give the product's version 7.

Kestrel prefers endpoints declared in its configuration (`Kestrel:Endpoints:NAME:Url`) to the address that the product
takes from serviceconfig.json: a single one of them switches serviceconfig.json off as far as listening goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from certify_automation.config_merge.lenient_json import Json, JsonObject, read
from certify_automation.model.config_files import Condition
from certify_automation.model.facts import EnvironmentVariable

_VARIABLE = re.compile(r"Kestrel(?:__|:)Endpoints(?:__|:)(?P<name>.+?)(?:__|:)Url", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KestrelEndpoint:
    """One declared endpoint; source says where, for people."""

    name: str
    url: str
    source: str


def kestrel_endpoints(content: bytes | None, environment: Iterable[EnvironmentVariable]) -> tuple[KestrelEndpoint, ...]:
    """All endpoints that override serviceconfig.json; the file beats an environment variable of the same name.

    Raises:
        ValueError: the file is malformed: the service ends before it starts.
    """
    found = {v["name"].casefold(): KestrelEndpoint(v["name"], value, source) for v, value, source in _set(environment)}
    for endpoint in _in_file(content):
        found[endpoint.name.casefold()] = endpoint
    return tuple(found.values())


def _set(environment: Iterable[EnvironmentVariable]) -> Iterator[tuple[re.Match[str], str, str]]:
    for variable in environment:
        match = _VARIABLE.fullmatch(variable.name)
        if match:
            yield match, variable.value, f"the {variable.scope} environment variable {variable.name}"


def _in_file(content: bytes | None) -> Iterator[KestrelEndpoint]:
    document = read(content)
    if document.condition is Condition.ABSENT:
        return
    if not isinstance(document.value, JsonObject):
        raise ValueError(document.reason or "the root of the file is not an object")  # noqa: TRY004 - bad data
    for path, value in _settings(document.value, ()):
        folded = tuple(name.casefold() for name in path)
        if folded[:2] == ("kestrel", "endpoints") and folded[3:] == ("url",) and isinstance(value, str):
            yield KestrelEndpoint(path[2], value, "appsettings-core.json")


def _settings(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, JsonObject):
        for name, item in value.members:
            # .NET configuration also takes a path written as one name: "Kestrel:Endpoints:Main:Url".
            yield from _settings(item, (*path, *name.split(":")))
    else:
        yield path, value
