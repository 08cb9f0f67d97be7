"""Who else can get at the product: over the network, without signing in, through its data folder. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from certify_automation.config_merge import KESTREL_FILE
from certify_automation.diff import authentication_off, blocked, endpoint_of, ip_listen_entries, letting_in
from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.doctor.places import configured_evidence, pin_evidence
from certify_automation.evidence import endpoint_url, exposed_at
from certify_automation.model.finding import Evidence, Finding, Severity
from certify_automation.model.folder_acl import folder_acl
from certify_automation.model.http_sys import IpListen, ListenRule


def _exposed(case: Case) -> Iterator[Finding]:
    urls = _reachable(case)
    if not urls:
        return
    declared = case.declared.endpoint
    meant = declared is not None and endpoint_url(declared.url) in urls
    ports = {end.port for url in urls if (end := endpoint_of(url))}
    shut = bool(ports) and all(blocked(case.facts, port) for port in ports)
    rules = "; ".join(text for port in sorted(ports) if (text := letting_in(case.facts, port)))
    by_name = all("://localhost:" in url for url in urls)
    found = finding(
        "CA6601",
        f"the API takes requests from other machines at {', '.join(urls)}"
        + (", a name that a caller can send from anywhere" if by_name else "")
        + (f"; {rules}" if rules else "")
        + ("; the firewall rule certify-automation-api keeps them off" if shut else ""),
        (*_listeners(case, urls), *configured_evidence(case, "Host", "Port")),
        _closed(case, meant=meant),
    )
    yield replace(found, severity=Severity.WARNING) if shut or meant or by_name else found


def _reachable(case: Case) -> tuple[str, ...]:
    """Where others reach it: for version 6 nowhere, when http.sys listens at loopback addresses alone."""
    listed = IpListen(ListenRule.EXACTLY, ip_listen_entries(case.facts) or ()).effective()
    if case.pipe or (case.generation == "v6" and listed and all(one.is_loopback for one in listed)):
        return ()
    return exposed_at(case.facts)


def _closed(case: Case, *, meant: bool) -> Remedy:
    if meant:
        return Remedy(person="it is declared so: declare service.config.host: 127.0.0.2 to close it")
    others = [one for one in case.pinned if one.source != KESTREL_FILE]
    if others or len(case.pinned) > 1:
        return Remedy(person="what pins the address has to be removed by hand first")
    where = "serviceconfig.json" + (" and in appsettings-core.json" if case.pinned else "")
    return Remedy(f"set Host to 127.0.0.2 in {where} and in servers.json, then restart the service")


def _listeners(case: Case, urls: tuple[str, ...]) -> Iterator[Evidence]:
    if case.generation == "v6":
        for owner in case.facts.url_owners:
            if endpoint_url(owner.url) in urls:
                pids = ", ".join(map(str, owner.process_ids))
                yield Evidence("netsh http show servicestate", f"{owner.url} of process {pids}")
        return
    pid = case.service.process_id if case.service else 0
    for socket in case.facts.sockets:
        if pid and socket.process_id == pid:
            yield Evidence("socket table", f"{socket.address}:{socket.port} of process {pid}")
    yield from (pin_evidence(case, one) for one in case.pinned)


def _authentication_off(case: Case) -> Iterator[Finding]:
    found = authentication_off(case.facts)
    if found:
        yield finding(
            "CA6602",
            f"{' and '.join(text for text, _ in found)}: every caller of the API is an administrator of it",
            tuple(Evidence(source, text) for text, source in found),
            Remedy(
                "remove it, then restart Windows: services see changed variables only after that",
                person="variables are never changed from here, and who set this one may have meant it",
            ),
        )


def _data_folder_open(case: Case) -> Iterator[Finding]:
    access, folder = case.facts.data_access, case.facts.product.data_dir
    if access is None:
        return
    try:
        groups = folder_acl(access.sddl).open_to()
    except ValueError:
        return
    if groups:
        yield finding(
            "CA6603",
            f"{folder or 'the data folder'} grants access to {', '.join(groups)}: private keys, certificates and "
            "settings lie there",
            (Evidence(f"access list of {folder or 'the data folder'}", access.sddl),),
        )


EXPOSURE: tuple[Rule, ...] = (_exposed, _authentication_off, _data_folder_open)
