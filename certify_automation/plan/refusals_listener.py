"""Refusals about where the API listens: addresses, ports, URLs, the listen list."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from certify_automation.diff import (
    ip_listen_entries,
    ip_listen_missing,
    ip_listen_surplus,
    reservation_of,
    reservation_sddl,
)
from certify_automation.evidence import (
    KERNEL,
    answers,
    endpoint_url,
    foreign_listener,
    foreign_urls,
    probe,
    reaches_api,
    url_path,
)
from certify_automation.model.change import IpListenAdd
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.plan import Refusal
from certify_automation.model.sddl import parse_sddl
from certify_automation.model.service import ServiceState, StartMode
from certify_automation.plan.situation import Situation

_PIPE = "namedpipe"


def _other_listener(at: Situation) -> Iterator[Refusal]:
    owner = foreign_listener(at.facts, at.endpoint)
    if not at.starts or owner is None:
        return
    name, stop = owner.process_name or "an unnamed process", "stop that program"
    if owner.process_id == KERNEL:
        name, stop = "http.sys", "`netsh http show servicestate` names the program it listens for; stop that"
    yield Refusal(
        "CA3005",
        f"{at.endpoint.url} is taken: {name} (process {owner.process_id}) listens on {owner.address}:{owner.port}",
        f"{stop}, or declare another service.config.port",
    )


def _other_urls(at: Situation) -> Iterator[Refusal]:
    urls = foreign_urls(at.facts, at.endpoint) if at.generation == "v6" and at.judged else ()
    if urls:
        yield Refusal(
            "CA3006",
            f"another program has registered {', '.join(urls)} with http.sys, which answers for {at.endpoint.url}",
            "`netsh http show servicestate` names its process; stop it, or declare another service.config.port",
        )


def _swallowing_reservations(at: Situation) -> Iterator[Refusal]:
    if at.generation != "v6" or not at.judged or answers(probe(at.facts, at.endpoint.url)):
        return
    removed = {wanted.url.lower() for wanted in at.desired.url_reservations or () if wanted.absent}
    strong = {f"{scheme}://+:{at.endpoint.port}" for scheme in ("http", "https")}
    for found in at.facts.url_reservations:
        if endpoint_url(found.url) in strong and reaches_api(url_path(found.url)) and found.url.lower() not in removed:
            yield Refusal(
                "CA3007",
                f"the URL reservation {found.url} takes all requests to port {at.endpoint.port} before any address",
                f"declare it absent under http_sys.url_reservations ({{url: '{found.url}', state: absent}}), "
                "or declare another service.config.port",
            )


def _kestrel(at: Situation) -> Iterator[Refusal]:
    declared = at.desired.service_config is not None
    if at.generation != "v7" or not (declared or at.starts):
        return
    try:
        endpoints = at.kestrel()
    except ValueError as error:
        yield Refusal(
            "CA3009",
            f"appsettings-core.json is malformed ({error}); version 7 ends at start because of it",
            "restore the file from the product's installer, then plan again",
        )
        return
    if (
        declared
        and endpoints
        and [endpoint_url(endpoint.url) for endpoint in endpoints] != [endpoint_url(at.endpoint.url)]
    ):
        found = "; ".join(f"{e.name} = {e.url or '(empty)'} in {e.source}" for e in endpoints)
        yield Refusal(
            "CA3008",
            f"version 7 ignores serviceconfig.json here: it listens where Kestrel:Endpoints says ({found}), "
            f"not at {at.endpoint.url}",
            "declare that address, or remove Kestrel:Endpoints from where it is set",
        )


def _named_pipe(at: Situation) -> Iterator[Refusal]:
    if at.generation != "v7":
        return
    variables = {v.name.casefold(): v.value for v in at.facts.product.environment}
    override = variables.get("certify_service_transport", "")
    pipes = override.casefold() == _PIPE if override else at.comparison.transport.casefold() == _PIPE
    if pipes and (at.starts or at.desired.service_config is not None):
        where = "the variable CERTIFY_SERVICE_TRANSPORT" if override else "serviceconfig.json (Transport)"
        yield Refusal(
            "CA3010",
            f"{where} makes version 7 listen on a named pipe: it then has no address to manage",
            "declare service.config.transport: http, remove the variable, or leave this host out",
        )


def _https(at: Situation) -> Iterator[Refusal]:
    if at.generation == "v7" and at.desired.endpoint is not None and at.desired.endpoint.https:
        yield Refusal(
            "CA3011",
            "https is declared, but version 7 always listens with http while its clients would use https",
            "declare service.config.https: false for hosts with version 7",
        )


def _listen_list(at: Situation) -> Iterator[Refusal]:
    declared, live = at.desired.ip_listen, ip_listen_entries(at.facts)
    if declared is None:
        return
    if live is None:
        yield Refusal(
            "CA3018",
            f"netsh could not show the IP listen list (exit code {at.facts.ip_listen.exit_code})",
            "see on the host what `netsh http show iplisten` says",
        )
        return
    missing, surplus = ip_listen_missing(declared, at.facts), ip_listen_surplus(declared, at.facts)
    first = bool(missing) and not IpListen(ListenRule.EXACTLY, live).effective()
    exactly = declared.rule is ListenRule.EXACTLY and bool(missing or surplus)
    if first or surplus or exactly:
        yield _lockout(missing, surplus, first=first)


def _lockout(missing: tuple[str, ...], surplus: tuple[str, ...], *, first: bool) -> Refusal:
    commands = [f"netsh http add iplisten ipaddress={address}" for address in missing]
    commands += [f"netsh http delete iplisten ipaddress={address}" for address in surplus]
    why = (
        "the list is empty, so http.sys listens everywhere; a first entry takes every other address, WinRM's too, away"
        if first
        else "this can take addresses away on which WinRM and other sites listen"
    )
    return Refusal(
        "CA3015",
        f"the IP listen list would have to be changed in a way that can lock this host out: {why}",
        "this version makes no such change remotely, because it has no timer that undoes it. "
        f"At the console of the host run: {'; '.join(commands)}",
        by_policy=True,
    )


def _reservations(at: Situation) -> Iterator[Refusal]:
    for wanted in at.desired.url_reservations or ():
        try:
            parse_sddl(wanted.sddl or "D:")
        except ValueError as error:
            yield Refusal(
                "CA3022", f"the declared sddl of {wanted.url} cannot be read: {error}", "write D:(A;;GX;;;SID)"
            )
        found = reservation_of(at.facts, wanted.url)
        if found is not None and reservation_sddl(found).startswith("unreadable"):
            yield Refusal(
                "CA3024",
                f"the reservation of {found.url} could not be put back: its descriptor is {reservation_sddl(found)}",
                "remove it by hand with `netsh http delete urlacl`, then plan again",
            )


def _futile_start(at: Situation) -> Iterator[Refusal]:
    """A start of v6 that cannot end with a listener would only interrupt what runs."""
    if at.generation != "v6" or not at.starts:
        return
    driver, wanted, kinds = at.facts.driver, at.desired.driver, {change.kind for change in at.changes}
    disabled = driver is not None and (wanted.start_mode or driver.start_mode) is StartMode.DISABLED
    if driver and disabled and driver.state is not ServiceState.RUNNING and "driver.start" not in kinds:
        yield Refusal(
            "CA3025",
            "the service could not listen after its start: the HTTP driver is disabled and not running",
            "declare http_sys.driver: {state: running, start_mode: manual}",
        )
    added = tuple(change.address for change in at.changes if isinstance(change, IpListenAdd))
    host = "127.0.0.1" if at.endpoint.host.lower() == "localhost" else at.endpoint.host
    if not IpListen(ListenRule.EXACTLY, (*(ip_listen_entries(at.facts) or ()), *added)).covers(host):
        yield Refusal(
            "CA3026",
            f"the service could not listen after its start: the IP listen list does not cover {at.endpoint.host}",
            "declare http_sys.ip_listen: reachable",
        )


LISTENER_RULES: tuple[Callable[[Situation], Iterator[Refusal]], ...] = (
    _named_pipe,
    _kestrel,
    _https,
    _listen_list,
    _reservations,
    _other_listener,
    _other_urls,
    _swallowing_reservations,
    _futile_start,
)
