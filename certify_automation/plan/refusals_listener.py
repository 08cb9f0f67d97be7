"""Refusals about where the API listens: addresses, ports, URLs, the listen list."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from certify_automation.config_merge import KESTREL_FILE, KestrelEndpoint
from certify_automation.diff import block_port, ip_listen_entries, reservation_of, reservation_sddl
from certify_automation.evidence import (
    KERNEL,
    PORTS,
    answers,
    effective_variable,
    endpoint_url,
    foreign_listener,
    foreign_urls,
    one_address,
    probe,
    reaches_api,
    url_path,
)
from certify_automation.model.host import KestrelRule
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.plan import Refusal
from certify_automation.model.sddl import parse_sddl
from certify_automation.model.service import ServiceState, StartMode
from certify_automation.plan.lockout import lockout_refusals
from certify_automation.plan.situation import Situation


def _other_listener(at: Situation) -> Iterator[Refusal]:
    end = at.endpoint
    owner = foreign_listener(at.facts, end)
    if not at.starts or owner is None:
        return
    name, stop = owner.process_name or "an unnamed process", "stop that program"
    if owner.process_id == KERNEL:
        name, stop = "http.sys", "`netsh http show servicestate` names the program it listens for; stop that"
    yield Refusal(
        "CA3005",
        f"{end.url} is taken: {name} (process {owner.process_id}) listens on {owner.address}:{owner.port}",
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
    """Where other settings than serviceconfig.json decide where version 7 listens."""
    files, rule = at.comparison.files, at.desired.kestrel_endpoint
    if files.listens == (endpoint_url(files.configured.url),):
        return
    found = "; ".join(f"{e.name} = {e.url or '(empty)'} in {e.source}" for e in files.pinned)
    ignored = (
        f"version 7 would end at its start: Kestrel:Endpoints says ({found}), which is no address"
        if any(map(_ends_version_7, files.pinned))
        else f"version 7 ignores serviceconfig.json here: it listens where Kestrel:Endpoints says ({found}), "
        f"not at {files.configured.url}"
    )
    declared = at.desired.service_config is not None
    if declared and rule is KestrelRule.ERROR:
        hint = "correct appsettings-core.json by hand, or declare service.kestrel_endpoint: align to have it corrected"
        yield Refusal("CA3028", ignored, hint, by_policy=True)
    elif (declared and rule is KestrelRule.ALIGN) or (at.starts and not files.one_address):
        yield Refusal("CA3008", ignored, _by_hand(files.pinned))


def _ends_version_7(endpoint: KestrelEndpoint) -> bool:
    """Kestrel takes no endpoint without an address, nor one with a path or blanks around it."""
    return not endpoint.url or endpoint.url != endpoint.url.strip() or url_path(endpoint.url) != "/"


def _by_hand(pinned: tuple[KestrelEndpoint, ...]) -> str:
    variables = [one.source for one in pinned if one.source != KESTREL_FILE]
    if variables:
        return f"remove {' and '.join(variables)}; services see that after a restart of Windows. Then plan again"
    if len(pinned) == 1 and not pinned[0].url:
        return f"in appsettings-core.json give {pinned[0].name} an Url, or remove it"
    return (
        "leave one endpoint in appsettings-core.json, at an address of the machine itself; which of several is to go, "
        "only a person can say"
    )


def _named_pipe(at: Situation) -> Iterator[Refusal]:
    """On a pipe version 7 has no address: what concerns one is refused as a whole, the rest is managed as ever."""
    desired, pipe = at.desired, at.comparison.files.pipe
    declared = {
        "service.config": desired.service_config is not None,
        "connections": desired.connections is not None,
        "security.api_exposure": desired.api_exposure is not None,
        "a start of the service": at.starts,
    }
    concerned = [name for name, is_ in declared.items() if is_]
    if pipe and concerned:
        yield Refusal(
            "CA3010",
            f"{pipe} makes version 7 listen on a named pipe: it then has no address to manage, so that "
            f"{', '.join(concerned)} cannot be held to what is declared; nothing of this host is changed",
            f"{_without_pipe(at)}; or declare none of these for this host: start mode, recovery, account, data folder, "
            "environment and http.sys are managed all the same",
        )


def _without_pipe(at: Situation) -> str:
    """What ends the pipe, by where it comes from; the variable beats the file, the declaration becomes the file."""
    variable = effective_variable(at.facts, "CERTIFY_SERVICE_TRANSPORT")
    config = at.desired.service_config
    if variable is not None and variable.value:
        place = f"the {variable.scope} environment"
        return f"remove {variable.name} from {place}; services see that after a restart of Windows"
    if config is not None and any(name.casefold() == "transport" for name in config.properties):
        return "declare service.config.transport: http"
    return "serviceconfig.json on the host says so: declare service.config.transport: http"


def _address(at: Situation) -> Iterator[Refusal]:
    """An address at which the product cannot listen, or nobody can ask it."""
    files, exposure, end = at.comparison.files, at.desired.api_exposure, at.endpoint
    declared = at.judged or at.desired.endpoint is not None
    blocks = exposure is not None and bool(exposure.block)
    port = block_port(at.desired, end) if blocks else end.port
    own = not files.pipe and files.listens == (endpoint_url(files.configured.url),)
    if ((declared and own) or (blocks and not files.pipe)) and port not in PORTS:
        yield Refusal(
            "CA3039",
            f"the API would be at port {port}, which is none",
            "declare service.config.port: 9696",
        )
    elif own and declared and at.generation == "v6" and ":" in end.host:
        yield Refusal(
            "CA3037",
            f"version 6 cannot listen at {end.host}: it writes the address into a URL without the brackets that IPv6 "
            "needs there",
            "declare service.config.host: 127.0.0.2",
        )
    elif own and at.judged and not one_address(end.host):
        yield Refusal(
            "CA3038",
            f"serviceconfig.json says host '{end.host}', which is not one address: whether the API answers there "
            "after a start cannot be asked",
            "declare service.config.host: 127.0.0.2",
        )


def _https(at: Situation) -> Iterator[Refusal]:
    if at.generation == "v7" and at.desired.endpoint is not None and at.desired.endpoint.https:
        yield Refusal(
            "CA3011",
            "https is declared, but version 7 always listens with http while its clients would use https",
            "declare service.config.https: false for hosts with version 7",
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
    """A v6 that cannot end with a listener would only be interrupted, or put back."""
    if at.generation != "v6" or not at.judged:
        return
    driver, wanted, kinds = at.facts.driver, at.desired.driver, {change.kind for change in at.changes}
    disabled = driver is not None and (wanted.start_mode or driver.start_mode) is StartMode.DISABLED
    if at.starts and driver and disabled and driver.state is not ServiceState.RUNNING and "driver.start" not in kinds:
        yield Refusal(
            "CA3025",
            "the service could not listen after its start: the HTTP driver is disabled and not running",
            "declare http_sys.driver: {state: running, start_mode: manual}",
        )
    host = "127.0.0.1" if at.endpoint.host.lower() == "localhost" else at.endpoint.host
    listed = at.listen_list() or IpListen(ListenRule.EXACTLY, ip_listen_entries(at.facts) or ())
    if one_address(host) and not listed.covers(host):
        yield Refusal(
            "CA3026",
            f"the service could not listen afterwards: the IP listen list, as it is then, does not cover {host}",
            "declare http_sys.ip_listen: reachable",
        )


LISTENER_RULES: tuple[Callable[[Situation], Iterator[Refusal]], ...] = (
    _named_pipe,
    _kestrel,
    _address,
    _https,
    lockout_refusals,
    _reservations,
    _other_listener,
    _other_urls,
    _swallowing_reservations,
    _futile_start,
)
