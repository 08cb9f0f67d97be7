"""What a visit's raw facts prove: where the API listens, who holds its port, whether the data store failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv6Address, ip_address

from certify_automation.model.facts import ApiFacts, DataFile, EnvironmentVariable, Facts, SocketFacts
from certify_automation.model.host import Endpoint
from certify_automation.model.http_sys import listen_address
from certify_automation.model.service import ServiceState

KERNEL = 4
"""Process id of the kernel, which holds the sockets of http.sys."""
NEGOTIATED_STEP = 2
"""So many ports further on v6 tries once more to listen when automatic port negotiation is on."""
PORTS = range(1, 65536)
"""TCP ports that can be listened on."""

_ENDPOINT = re.compile(r"(https?://(?:\[[^\]/]+\]|[^:/\[\]]+):\d+)(?::[^/]+)?(/.*)?", re.IGNORECASE)
_BOUND = re.compile(r"Service API bound OK to (\S+)")
_NOT_BOUND = "Service failed to listen on "
_STARTED = re.compile(r"Core service started (.*)$")
_START_MARK = "Service Startup"
_MANAGER_STARTED = "Certify Manager Started"
_LAST_STAGE_BEFORE_DATA = "Added Networking services"
_DATA_STORE = re.compile(r"data ?store|managed items? store|read-?only database", re.IGNORECASE)
_INTERNAL_SERVER_ERROR, _OK, _UNAUTHORIZED = 500, 200, 401
_VERSION = re.compile(r'\s*"?\d+(?:\.\d+)+"?\s*', re.ASCII)
_SHOWN = 200
_PART = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]{0,9}")
_MOST_PARTS, _BYTE, _LOOPBACK_NET = 4, 255, 127


def endpoint_url(url: str) -> str:
    """`scheme://host:port` in lower case; what http.sys appends (path, bound address) is left out.

    http.sys lists `HTTP://127.0.0.2:9696:127.0.0.2/` for a prefix that is bound to one address only.
    """
    match = _ENDPOINT.fullmatch(url.strip())
    return match[1].lower() if match else url.strip().lower()


def url_path(url: str) -> str:
    """The path of a registered or reserved URL, `/` when it has none."""
    match = _ENDPOINT.fullmatch(url.strip())
    return (match[2] or "/") if match else "/"


def one_address(host: str) -> bool:
    """Whether a listener for this host can be asked at it: `localhost`, or the literal of one address."""
    try:
        return host.casefold() == "localhost" or not ip_address(host).is_unspecified
    except ValueError:
        return False


def _log(facts: Facts, name: str) -> tuple[str, ...]:
    tail = facts.logs.get(name)
    return tail.lines if tail else ()


def _after_last(lines: Sequence[str], mark: str) -> Sequence[str]:
    """The lines after the last one that contains the mark; all of them when none does."""
    starts = [index for index, line in enumerate(lines) if mark in line]
    return lines[starts[-1] + 1 :] if starts else lines


def answers(api: ApiFacts | None) -> bool:
    """Whether the product's API answered: a version, the demand for Windows credentials, or its own certificate."""
    if api is None:
        return False
    if api.status == _OK:
        return bool(_VERSION.fullmatch(api.body or ""))
    return api.untrusted or (
        api.status == _UNAUTHORIZED and any(scheme.casefold() == "negotiate" for scheme in api.authenticate)
    )


def probe(facts: Facts, url: str) -> ApiFacts | None:
    """What came back from asking the API at this URL; None when it was not asked there."""
    return next((api for api in facts.api if endpoint_url(api.url) == endpoint_url(url)), None)


def effective_endpoints(facts: Facts) -> tuple[str, ...]:
    """URLs (as endpoint_url writes them) at which the running service's API listens; none = it listens nowhere.

    v6: the URLs that http.sys holds for the service's process; where http.sys names none, the address of the last
    start's log when the API answers there. v7: the addresses of the last start's log, else its process's sockets.
    """
    service = facts.service
    if service is None or service.state is not ServiceState.RUNNING:
        return ()
    if facts.product.generation == "v7":
        return _started(facts) or _own_sockets(facts, service.process_id)
    owned = (o.url for o in facts.url_owners if service.process_id and service.process_id in o.process_ids)
    registered = tuple(dict.fromkeys(endpoint_url(url) for url in owned))
    if registered:
        return registered
    bound = bound_endpoint(facts)
    return (bound,) if bound and answers(probe(facts, bound)) else ()


def bound_endpoint(facts: Facts) -> str | None:
    """The address the last entry of v6's log names as bound; None when a later entry says that binding failed."""
    bound = None
    for line in _log(facts, "startup"):
        if _NOT_BOUND in line:
            bound = None
        if match := _BOUND.search(line):
            bound = endpoint_url(match[1])
    return bound


def _started(facts: Facts) -> tuple[str, ...]:
    urls: tuple[str, ...] = ()
    for line in _after_last(_log(facts, "startup"), _START_MARK):
        if match := _STARTED.search(line):
            urls = tuple(endpoint_url(url) for url in match[1].split(";") if url.strip())
    return urls


def _own_sockets(facts: Facts, process_id: int) -> tuple[str, ...]:
    return tuple(
        Endpoint(socket.address, socket.port).url.lower()
        for socket in facts.sockets
        if process_id and socket.process_id == process_id
    )


def listens_at(facts: Facts, endpoint: Endpoint, asked: Collection[int]) -> bool:
    """Whether the running service listens at this endpoint and nowhere else.

    For v7 the log alone does not do: on a port whose listeners were asked for, its process must hold the socket.
    """
    if effective_endpoints(facts) != (endpoint_url(endpoint.url),):
        return False
    if facts.product.generation != "v7" or endpoint.port not in asked:
        return True
    service = facts.service
    return service is not None and any(
        socket.port == endpoint.port and socket.process_id == service.process_id for socket in facts.sockets
    )


def _overlaps(listener: str, host: str) -> bool:
    """Whether a socket on one address takes what arrives at the other; `::` takes IPv4 as well."""
    if listener == "::":
        return True
    wanted = ("127.0.0.1", "::1") if host.lower() == "localhost" else (host,)
    addresses = [address for text in wanted if (address := listen_address(text)) is not None]
    return any(
        listen_address(listener) == address or (listener == "0.0.0.0" and address.version == 4)  # noqa: S104, PLR2004
        for address in addresses
    )


def foreign_listener(facts: Facts, endpoint: Endpoint) -> SocketFacts | None:
    """A listener on the endpoint's port, of a process that is not the product's service; None when there is none.

    http.sys holds its sockets itself: for v6 the kernel's are no conflict, see foreign_urls.
    """
    own = {facts.service.process_id} if facts.service and facts.service.process_id else set()
    own |= {KERNEL} if facts.product.generation == "v6" else set()
    others = (s for s in facts.sockets if s.port == endpoint.port and s.process_id not in own)
    return next((s for s in others if _overlaps(s.address, endpoint.host)), None)


def foreign_urls(facts: Facts, endpoint: Endpoint) -> tuple[str, ...]:
    """URLs which others registered with http.sys and which keep v6 from the endpoint's own.

    Two registrations conflict inside one bucket (here: the same literal host); one for `+` is found before it.
    """
    own = facts.service.process_id if facts.service else 0
    wanted = {endpoint_url(url) for url in same_bucket(endpoint)}
    return tuple(
        o.url
        for o in facts.url_owners
        if endpoint_url(o.url) in wanted and reaches_api(url_path(o.url)) and not (own and own in o.process_ids)
    )


def same_bucket(endpoint: Endpoint) -> tuple[str, ...]:
    """The URLs, of either scheme, at which a foreign registration takes this endpoint's requests."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return tuple(f"{scheme}://{name}:{endpoint.port}" for scheme in ("http", "https") for name in (host, "+"))


def reaches_api(path: str) -> bool:
    """Whether a registration or reservation for this path takes requests for the API."""
    return path == "/" or path.lower().startswith("/api/")


def effective_variable(facts: Facts, name: str) -> EnvironmentVariable | None:
    """The variable that the service sees under this name, ignoring case: its own beats the machine's."""
    found = [v for v in facts.product.environment if v.name.casefold() == name.casefold()]
    return next((v for v in found if v.scope == "service"), found[0] if found else None)


def pipe_source(facts: Facts, transport: str) -> str:
    """What makes version 7 listen on a named pipe and at no address, in words; empty = nothing does.

    Args:
        facts: of the host.
        transport: as serviceconfig.json has it; the variable beats it, and what the product does not know is http.
    """
    if facts.product.generation != "v7":
        return ""
    override = effective_variable(facts, "CERTIFY_SERVICE_TRANSPORT")
    said = override.value if override and override.value else transport
    if said.casefold() != "namedpipe":
        return ""
    by_variable = override is not None and bool(override.value)
    return "the variable CERTIFY_SERVICE_TRANSPORT" if by_variable else "serviceconfig.json (Transport)"


def loopback(url: str, generation: str | None) -> bool:
    """Whether only the machine itself can reach a listener at this URL (as endpoint_url writes it).

    For version 7 any text that is no address means all of them, except localhost; for version 6 a name, localhost too,
    is a Host header that a caller from elsewhere can send.
    """
    host = url.partition("://")[2].rpartition(":")[0].removeprefix("[").removesuffix("]")
    if host.casefold() == "localhost":
        return generation == "v7"
    try:
        address = ip_address(host)
    except ValueError:
        return generation == "v7" and _short_loopback(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _short_loopback(host: str) -> bool:
    """Whether .NET's IPAddress.Parse makes an address in 127.0.0.0/8 of a text such as `127.1` or `0x7f000001`."""
    parts = [_number(part) for part in host.split(".")]
    if len(parts) > _MOST_PARTS or None in parts:
        return False
    *bytes_, last = [part or 0 for part in parts]
    if any(one > _BYTE for one in bytes_) or last >> 8 * (_MOST_PARTS - len(bytes_)):
        return False
    return (bytes_[0] if bytes_ else last >> 24) == _LOOPBACK_NET


def _number(text: str) -> int | None:
    """A part of an IPv4 address: hexadecimal after 0x, octal after 0, else decimal; None = it is none."""
    if not _PART.fullmatch(text):
        return None
    return int(text, 16 if text[:2].lower() == "0x" else 8 if text.startswith("0") else 10)


def exposed_at(facts: Facts) -> tuple[str, ...]:
    """URLs at which the running service takes requests from other machines; none = it does not.

    Version 6 is judged by its registered URLs, because http.sys may hold the port on every address whatever the URL
    says; version 7 by its sockets, or by the log of its last start where no socket of it was seen.
    """
    service = facts.service
    if service is None or service.state is not ServiceState.RUNNING:
        return ()
    v7 = facts.product.generation == "v7"
    urls = (v7 and _own_sockets(facts, service.process_id)) or effective_endpoints(facts)
    return tuple(url for url in urls if not loopback(url, facts.product.generation))


def data_store_failure(facts: Facts) -> str:
    """What shows that the product's data is unusable: a failed start, a summary answered with 500; empty = nothing."""
    if any(api.summary_status == _INTERNAL_SERVER_ERROR for api in facts.api):
        return "the API answers 500 to a summary of the certificates"
    startup = _log(facts, "startup")
    if facts.product.generation == "v7":
        last = _after_last(startup, _START_MARK)
        died = bool(last) and _LAST_STAGE_BEFORE_DATA in last[-1]
        unhandled = _after_last(_log(facts, "unhandled")[:-1], "IsTerminating=")
        suspects = (*unhandled, *_log(facts, "unhandled")[-1:]) if died else ()
    else:
        suspects = tuple(_after_last(startup, "Service API bound OK to "))
        suspects = tuple(_after_last(suspects, _NOT_BOUND))
    found = _first(suspects) or _first(_after_last(_log(facts, "session"), _MANAGER_STARTED))
    said = " ".join(found.split())
    return f"the last start says: {said[:_SHOWN]}{'…' if len(said) > _SHOWN else ''}" if said else ""


def _first(lines: Iterable[str]) -> str:
    return next((line for line in lines if _DATA_STORE.search(line)), "")


def uncopied(facts: Facts) -> tuple[DataFile, ...]:
    """The data files of which no copy with the same size and write time has been put aside."""
    copies = set(facts.data_copies)
    return tuple(file for file in facts.data_files if file not in copies)
