"""The endpoints that appsettings-core.json and the environment give the product's version 7.

Kestrel prefers endpoints declared in its configuration (`Kestrel:Endpoints:NAME:Url`) to the address that the product
takes from serviceconfig.json: a single one of them switches serviceconfig.json off as far as listening goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from certify_automation.config_merge.core_settings import Path, below, core_settings, folded, parts
from certify_automation.config_merge.lenient_json import Json, JsonObject, read, write
from certify_automation.config_merge.properties import plain
from certify_automation.config_merge.service_config import Merged
from certify_automation.config_merge.splicing import splice
from certify_automation.model.config_files import Condition
from certify_automation.model.facts import EnvironmentVariable
from certify_automation.model.plan import Difference

_ENDPOINTS = ("kestrel", "endpoints")
KESTREL_FILE = "appsettings-core.json"
"""Source of the endpoints that the file declares."""

_VARIABLE = re.compile(r"Kestrel(?:__|:)Endpoints(?:__|:)(?P<name>.+?)(?:(?:__|:)(?P<rest>.+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KestrelEndpoint:
    """One declared endpoint; source says where, for people.

    Without an url (empty) the product ends at start: any other setting of an endpoint declares it as well.
    """

    name: str
    url: str
    source: str


def kestrel_endpoints(content: bytes | None, environment: Iterable[EnvironmentVariable]) -> tuple[KestrelEndpoint, ...]:
    """All endpoints that override serviceconfig.json; the file beats an environment variable of the same name.

    Raises:
        ValueError: the file is malformed: the service ends before it starts.
    """
    found: dict[str, KestrelEndpoint] = {}
    addressed: set[str] = set()
    for endpoint, has_url in (*_set(environment), *_in_file(content)):
        name = endpoint.name.casefold()
        if has_url or name not in addressed:
            found[name] = endpoint
        addressed |= {name} if has_url else set()
    return tuple(found.values())


def _set(environment: Iterable[EnvironmentVariable]) -> Iterator[tuple[KestrelEndpoint, bool]]:
    for variable in environment:
        match = _VARIABLE.fullmatch(variable.name)
        if match:
            is_url = (match["rest"] or "").casefold() == "url"
            source = f"the {variable.scope} environment variable {variable.name}"
            yield KestrelEndpoint(match["name"], variable.value if is_url else "", source), is_url


def _in_file(content: bytes | None) -> Iterator[tuple[KestrelEndpoint, bool]]:
    for path, value in core_settings(content):
        if folded(path)[:2] == _ENDPOINTS and len(path) > len(_ENDPOINTS):
            is_url = bool(_endpoint_name(path))
            url = value if is_url and isinstance(value, str) else ""
            yield KestrelEndpoint(path[len(_ENDPOINTS)], url, KESTREL_FILE), is_url


def _endpoint_name(path: Path) -> str:
    is_url = folded(path)[:2] == _ENDPOINTS and folded(path)[3:] == ("url",)
    return path[2] if is_url else ""


def merge_kestrel(urls: Mapping[str, str], content: bytes | None) -> Merged:
    """Gives endpoints of appsettings-core.json other URLs and keeps every other byte of the file.

    A file that the product cannot read for the way it is written (single quotes, names without any) is written anew as
    strict JSON, which keeps the settings only.

    Args:
        urls: Url by endpoint name, ignoring case; a name that the file does not have is not added.
        content: the bytes found, None = no file. A malformed file is left as it is.
    """
    document = read(content)
    wanted = {name.casefold(): url for name, url in urls.items()}
    differences: list[Difference] = []
    texts: dict[Path, str] = {}

    def aligned(value: Json, path: Path) -> Json:
        if inner := parts(value):
            rebuilt = tuple((name, aligned(item, below(path, name))) for name, item in inner)
            return JsonObject(rebuilt) if isinstance(value, JsonObject) else [item for _, item in rebuilt]
        name = _endpoint_name(path)
        url = wanted.get(name.casefold())
        if not name or url is None or value == url:
            return value
        differences.append(Difference(f"service.kestrel_endpoint[{name}]", url, plain(value)))
        texts[path] = url
        return url

    try:
        core_settings(content)
    except ValueError as error:
        return Merged(None, Condition.MALFORMED, reason=str(error))
    rewritten = aligned(document.value, ())
    if content is None or not differences:
        return Merged(None, document.condition)
    spliced = splice(content, document, texts)
    if spliced is not None and read(spliced).value == rewritten:
        return Merged(spliced, document.condition, tuple(differences))
    return Merged(write(rewritten, document), document.condition, tuple(differences), document.lost)
