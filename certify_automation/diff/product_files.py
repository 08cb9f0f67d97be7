"""The product's files as declared, merged into what was found, and where the product then listens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from certify_automation.config_merge import (
    KESTREL_FILE,
    KestrelEndpoint,
    Merged,
    effective_config,
    kestrel_endpoints,
    merge_data_store,
    merge_kestrel,
    merge_servers,
    merge_service_config,
)
from certify_automation.evidence import PORTS, endpoint_url, one_address, pipe_source, url_path
from certify_automation.model.config_files import FileContent, FileName
from certify_automation.model.facts import Facts
from certify_automation.model.host import Endpoint, HostState, KestrelRule
from certify_automation.model.plan import Difference

DEFAULT_ENDPOINT = Endpoint("127.0.0.2", 9696)
"""Where the product listens unless its file says otherwise."""


@dataclass(frozen=True, slots=True)
class ProductFiles:
    """The files once they are written.

    Attributes:
        service_config, servers, core, settings: None = not declared, or the file cannot be read.
        endpoint: where the API is to listen: as serviceconfig.json says, or where Kestrel's own setting is left.
        configured: as serviceconfig.json says.
        pinned: what overrides serviceconfig.json on v7.
        pipe: what makes v7 listen on a named pipe instead, in words.
    """

    service_config: Merged | None
    servers: Merged | None
    core: Merged | None
    endpoint: Endpoint
    configured: Endpoint
    pinned: tuple[KestrelEndpoint, ...] = ()
    pipe: str = ""
    settings: Merged | None = None

    @property
    def listens(self) -> tuple[str, ...]:
        """URLs at which the API listens after a start."""
        return tuple(pinned_url(one.url) for one in self.pinned) or (endpoint_url(self.configured.url),)

    @property
    def one_address(self) -> bool:
        """Whether the API is bound to one address that it can be asked at, as far as Kestrel's own settings go."""
        ends = [endpoint_of(one.url) for one in self.pinned]
        asked = all(end and one_address(end.host) and end.port in PORTS for end in ends)
        return not ends or (len(ends) == 1 and asked)


def product_files(host: str, desired: HostState, facts: Facts) -> ProductFiles:
    """The files that would end what differs; host names the entries that are added."""
    config = servers = None
    found = _found(desired, facts, FileName.SERVICE_CONFIG)
    if desired.service_config is not None and readable(facts, FileName.SERVICE_CONFIG):
        config = merge_service_config(desired.service_config, found)
        found = config.content or found
    if desired.connections is not None and readable(facts, FileName.SERVERS):
        servers = merge_servers(desired.connections, content_of(facts, FileName.SERVERS), host)
    settings = None
    if desired.data_store_id is not None and readable(facts, FileName.APPSETTINGS):
        settings = merge_data_store(desired.data_store_id, content_of(facts, FileName.APPSETTINGS))
    configured = configured_endpoint(found, facts.product.generation)
    core, pinned = _kestrel(desired, facts, configured)
    left = _left(desired, pinned) or configured
    pipe = pipe_source(facts, str(effective_config(found)["Transport"]))
    return ProductFiles(config, servers, core, left, configured, pinned, pipe, settings)


def configured_endpoint(content: bytes | None, generation: str | None) -> Endpoint:
    """Where the product listens with this serviceconfig.json (None = absent).

    Version 7 listens with http whatever UseHTTPS says, and at localhost:9696 when Host is null or Port is 0.
    """
    config, v7 = effective_config(content), generation == "v7"
    host, port = config["Host"], config["Port"]
    if v7 and (host is None or port == 0):
        return Endpoint("localhost", DEFAULT_ENDPOINT.port)
    known = port if isinstance(port, int) else DEFAULT_ENDPOINT.port
    return Endpoint("" if host is None else str(host), known, bool(config["UseHTTPS"]) and not v7)


def pinned_url(url: str) -> str:
    """As endpoint_url writes it; one that Kestrel does not take (a path, blanks around it) as it stands."""
    return endpoint_url(url) if url == url.strip() and url_path(url) == "/" else url


def endpoint_of(url: str) -> Endpoint | None:
    """The endpoint of a URL; None when it names no port, or more than that."""
    scheme, _, rest = pinned_url(url).partition("://")
    host, _, port = rest.rpartition(":")
    number = int(port) if port.isascii() and port.isdecimal() else None
    return None if number is None else Endpoint(host.removeprefix("[").removesuffix("]"), number, scheme == "https")


def _kestrel(
    desired: HostState, facts: Facts, configured: Endpoint
) -> tuple[Merged | None, tuple[KestrelEndpoint, ...]]:
    """appsettings-core.json with its endpoint aligned, and what it and the environment then pin."""
    file = facts.files.get(FileName.APPSETTINGS_CORE.value)
    if facts.product.generation != "v7" or (file is not None and file.error):
        return None, ()
    content, environment = _found(desired, facts, FileName.APPSETTINGS_CORE), facts.product.environment
    try:
        core = merge_kestrel(_urls(desired, kestrel_endpoints(content, environment), configured), content)
        return core, kestrel_endpoints(core.content or content, environment)
    except ValueError:  # malformed: refused, and left as it is
        return None, ()


def _urls(desired: HostState, pinned: tuple[KestrelEndpoint, ...], configured: Endpoint) -> Mapping[str, str]:
    if desired.kestrel_urls:
        return desired.kestrel_urls
    aligned = desired.service_config is not None and desired.kestrel_endpoint is KestrelRule.ALIGN
    if not aligned or len(pinned) != 1 or pinned[0].source != KESTREL_FILE:
        return {}
    one = pinned[0]
    return {} if pinned_url(one.url) == endpoint_url(configured.url) else {one.name: configured.url}


def _left(desired: HostState, pinned: tuple[KestrelEndpoint, ...]) -> Endpoint | None:
    left = desired.service_config is None or desired.kestrel_endpoint is KestrelRule.LEAVE
    return endpoint_of(pinned[0].url) if left and len(pinned) == 1 else None


def file_of(facts: Facts, name: FileName) -> FileContent | None:
    """One of the product's files as it was found; None when its place is not known, or was not asked for."""
    if name is FileName.APPSETTINGS:
        return facts.examination.settings if facts.examination else None
    return facts.files.get(name.value)


def readable(facts: Facts, name: FileName) -> bool:
    """Whether the place of a file is known and the file, if there, could be read."""
    file = file_of(facts, name)
    return file is not None and not file.error


def content_of(facts: Facts, name: FileName) -> bytes | None:
    """The bytes of a file; None when it is not there or could not be read."""
    file = file_of(facts, name)
    return file.content if file else None


def _found(desired: HostState, facts: Facts, name: FileName) -> bytes | None:
    return desired.whole_files[name] if name in desired.whole_files else content_of(facts, name)


def file_differences(desired: HostState, files: ProductFiles, facts: Facts) -> Iterator[Difference]:
    """What is not as declared in each file, by property."""
    for path, merged, declared in (
        ("service.config", files.service_config, desired.service_config is not None),
        ("connections", files.servers, desired.connections is not None),
    ):
        if merged is not None:
            yield from merged.differences
        elif declared:
            yield Difference(path, "in effect", None, "the file cannot be read")
    for one in (files.core, files.settings):
        yield from one.differences if one is not None else ()
    for name, wanted in desired.whole_files.items():
        if content_of(facts, name) != wanted:
            yield Difference(f"files.{name}", _digest(wanted), _digest(content_of(facts, name)), "SHA-256")


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
