"""What the product's files say about where it listens and where its clients look for it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from certify_automation.config_merge import KESTREL_FILE, Connection, KestrelEndpoint
from certify_automation.diff import content_of, pinned_url, readable
from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.doctor.places import EVERYWHERE, configured_evidence, pin_evidence, usable_host
from certify_automation.doctor.starts import success_evidence
from certify_automation.evidence import PORTS, endpoint_url
from certify_automation.model.config_files import FileName
from certify_automation.model.finding import Evidence, Finding, Severity
from certify_automation.model.host import Endpoint

_PIPE = "namedpipe"


def _host_invalid(case: Case) -> Iterator[Finding]:
    end = case.configured
    if end is None or case.pipe or content_of(case.facts, FileName.SERVICE_CONFIG) is None:
        return
    wrong_host, wrong_port = not usable_host(end.host, case.generation), end.port not in PORTS
    if not wrong_host and not wrong_port:
        return
    said = f"Host is {end.host!r}" if wrong_host else f"Port is {end.port}"
    everywhere = wrong_host and case.generation == "v7" and bool(end.host) and not _has_path(end.host)
    what = (
        "which is no address: version 7 then listens on every address of the server"
        if everywhere
        else "at which nothing can listen"
    )
    names = [*(["Host"] if wrong_host else []), *(["Port"] if wrong_port else [])]
    yield finding(
        "CA6117",
        f"serviceconfig.json says {said}, {what}",
        configured_evidence(case, *names),
        Remedy(
            "set Host to 127.0.0.2" + (" and Port to 9696" if wrong_port else "") + " in serviceconfig.json (and in "
            "servers.json, where it has an entry for this server), then restart the service"
        ),
    )


def _has_path(host: str) -> bool:
    return "/" in host


def _files_disagree(case: Case) -> Iterator[Finding]:
    entry, end = case.connection, case.configured
    if entry is None or end is None or case.pipe:
        return
    at = entry.endpoint
    # Who listens everywhere is found at every address of the machine itself.
    everywhere = end.host in EVERYWHERE and not _elsewhere(at.host)
    names = [
        *(["Host"] if at.host.casefold() != end.host.casefold() and not everywhere else []),
        *(["Port"] if at.port != end.port else []),
        *(["Mode"] if entry.mode.casefold() == _PIPE else []),
    ]
    if not names:
        return
    found = finding(
        "CA6101",
        f"the user interface opens '{entry.name}' of servers.json, "
        + ("a named pipe" if "Mode" in names else at.url)
        + f", and the service is told by serviceconfig.json to listen at {end.url}",
        (
            *configured_evidence(case, *(name for name in names if name != "Mode")),
            *(_entry_evidence(case, entry, name) for name in names),
            *success_evidence(case),
        ),
        _aligned(entry, end),
        subject=entry.name,
    )
    yield replace(found, severity=Severity.WARNING) if _remote(case, at) else found


def _aligned(entry: Connection, end: Endpoint) -> Remedy:
    fix = (
        f"in servers.json give the entry '{entry.name}' Host {end.host} and Port {end.port}; by hand, where it holds "
        "no connections to other servers: delete servers.json, the user interface makes it anew from serviceconfig.json"
    )
    if _elsewhere(entry.endpoint.host):
        why = f"'{entry.name}' leads to another computer ({entry.endpoint.host}), which somebody may have meant"
        return Remedy(fix, person=why)
    return Remedy(fix)


def _remote(case: Case, end: Endpoint) -> bool:
    """Whether the connection is to another computer, as far as its address tells."""
    return _elsewhere(end.host) and end.host not in (case.examination.addresses or ())


def _elsewhere(host: str) -> bool:
    try:
        return not ip_address(host).is_loopback and host not in EVERYWHERE
    except ValueError:
        return host.casefold() != "localhost" and bool(host)


def _entry_evidence(case: Case, entry: Connection, name: str) -> Evidence:
    values = {
        "Host": entry.endpoint.host,
        "Port": entry.endpoint.port,
        "UseHTTPS": entry.endpoint.https,
        "Mode": entry.mode,
        "Authentication": entry.authentication,
    }
    line = case.line(FileName.SERVERS, str(entry.index), name)
    default = "" if line else " (not in the file: the product's default)"
    said = f"{name} of '{entry.name}': {json.dumps(values[name], ensure_ascii=False)}{default}"
    return Evidence(case.path(FileName.SERVERS), said, line)


def _pinned_endpoint(case: Case) -> Iterator[Finding]:
    end, pinned = case.configured, case.pinned
    if end is None or case.pipe or not pinned or not usable_host(end.host, "v7"):
        return
    urls = [pinned_url(one.url) for one in pinned]
    if urls == [endpoint_url(end.url)]:
        return
    said = "; ".join(f"{one.name} = {one.url or '(no Url)'} in {one.source}" for one in pinned)
    empty = any(not one.url for one in pinned)
    result = "and ends at its start because of it" if empty else f"and not at {end.url}, where clients ask"
    found = finding(
        "CA6110",
        f"version 7 listens where Kestrel:Endpoints says ({said}) {result}",
        (
            *(pin_evidence(case, one) for one in pinned),
            *configured_evidence(case, "Host", "Port"),
            *success_evidence(case),
        ),
        _unpinned(pinned, end),
    )
    # Clients find the API where one of several is at the configured place.
    yield replace(found, severity=Severity.WARNING) if endpoint_url(end.url) in urls and not empty else found


def _unpinned(pinned: tuple[KestrelEndpoint, ...], end: Endpoint) -> Remedy:
    variables = [one.source for one in pinned if one.source != KESTREL_FILE]
    if variables:
        return Remedy(
            f"remove {' and '.join(variables)}, then restart Windows: services see that only after it",
            person="variables are never changed from here, because other programs may need them",
        )
    if len(pinned) > 1:
        return Remedy(
            f"leave one endpoint in appsettings-core.json, at {end.url}, then restart the service",
            person="which of several endpoints is to go, only a person can say",
        )
    if not pinned[0].url:
        return Remedy(
            f"in appsettings-core.json give {pinned[0].name} the Url {end.url}, or remove it, then restart the service",
            person="an endpoint without Url may have settings that are meant for something else",
        )
    return Remedy(
        f"set Kestrel:Endpoints:{pinned[0].name}:Url in appsettings-core.json to {end.url}, then restart the service"
    )


def _https_trap(case: Case) -> Iterator[Finding]:
    if case.pipe or (case.declared.allow_https and case.generation == "v6"):
        return
    entry, served = case.connection, case.config["UseHTTPS"] is True
    # A connection to another computer may well use https.
    asked = entry is not None and entry.endpoint.https and not _elsewhere(entry.endpoint.host)
    if not readable(case.facts, FileName.SERVICE_CONFIG) or not (served or asked):
        return
    if case.generation == "v7":
        what = "version 7 listens with http all the same, while its clients ask with https and find nobody"
    elif served:
        what = (
            "the service uses a certificate that it made for itself: its command line and the helper for http-01 "
            "challenges do not accept it or ask with http"
        )
    else:
        what = "the user interface asks with https, and the service listens with http"
    yield finding(
        "CA6111",
        f"UseHTTPS is on in {' and '.join(_places(served=served, asked=asked))}: {what}",
        (
            *(configured_evidence(case, "UseHTTPS") if served else ()),
            *([_entry_evidence(case, entry, "UseHTTPS")] if entry is not None and asked else ()),
        ),
    )


def _places(*, served: bool, asked: bool) -> list[str]:
    return [*(["serviceconfig.json"] if served else []), *(["servers.json"] if asked else [])]


def _named_pipe(case: Case) -> Iterator[Finding]:
    entry = case.connection
    if not case.pipe or entry is None or entry.mode.casefold() == _PIPE or _elsewhere(entry.endpoint.host):
        return
    yield finding(
        "CA6113",
        f"{case.pipe} puts the API on a named pipe, and the user interface opens '{entry.name}', "
        f"{entry.endpoint.url}, where nothing listens",
        (_entry_evidence(case, entry, "Mode"), *success_evidence(case)),
        Remedy(person="whether the pipe or the address is meant, only a person can say"),
    )


def _client_authentication(case: Case) -> Iterator[Finding]:
    entry = case.connection
    if entry is None or entry.authentication.casefold() == "default" or _elsewhere(entry.endpoint.host):
        return
    yield finding(
        "CA6122",
        f"'{entry.name}' of servers.json signs in with {entry.authentication!r}, which the service of this server "
        "does not take",
        (_entry_evidence(case, entry, "Authentication"),),
        Remedy(
            f"set Authentication of '{entry.name}' in servers.json to default", person="nobody else reads this file"
        ),
    )


PRODUCT_FILES: tuple[Rule, ...] = (
    _host_invalid,
    _files_disagree,
    _pinned_endpoint,
    _https_trap,
    _named_pipe,
    _client_authentication,
)
