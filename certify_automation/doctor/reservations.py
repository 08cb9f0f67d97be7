"""Other programs at the API's URLs with http.sys: registered there, or let by a reservation. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.diff import reservation_sddl
from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.doctor.places import listens, wanted_ends
from certify_automation.doctor.starts import start_evidence, start_said
from certify_automation.evidence import answers, endpoint_url, foreign_urls, probe, reaches_api, url_path
from certify_automation.model.accounts import account_sid
from certify_automation.model.facts import ReservationFacts
from certify_automation.model.finding import Evidence, Finding
from certify_automation.model.host import Endpoint
from certify_automation.model.sddl import mask_of, parse_descriptor

_REGISTER = mask_of("GX") | mask_of("GA")
_OWNERS_OF_ALL = frozenset({"S-1-5-18", "S-1-5-32-544"})
_EVERYBODY = frozenset({"S-1-1-0", "S-1-5-11", "S-1-5-6", "S-1-5-32-545"})  # services are Authenticated Users and Users
_WEAK_ACCOUNTS = frozenset({"S-1-5-19", "S-1-5-20"})
_DENIED = ("access is denied", "HttpListenerException (5)")
_KEY = r"HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\UrlAclInfo"


def _account(case: Case) -> str | None:
    """The SID that the service runs as; None = not known."""
    if case.examination.account_sid is not None:
        return case.examination.account_sid
    return account_sid(case.service.account or "") if case.service else None


def _lets(reservation: ReservationFacts, sid: str) -> bool | None:
    """Whether it lets this account register below it; None = its descriptor cannot be read."""
    try:
        entries = parse_descriptor(reservation.descriptor)
    except ValueError:
        return None
    return any(one.allow and one.mask & _REGISTER and one.sid in {sid, *_EVERYBODY} for one in entries)


def _evidence(found: ReservationFacts) -> Evidence:
    return Evidence(_KEY, f"{found.url} {reservation_sddl(found)}")


def _of_end(case: Case, end: Endpoint) -> tuple[ReservationFacts, ...]:
    """Reservations on the endpoint's port through which requests for the API, or its registration, would go."""
    return tuple(
        r
        for r in case.facts.url_reservations
        if endpoint_url(r.url).rpartition(":")[2] == str(end.port) and reaches_api(url_path(r.url))
    )


def _strong(found: ReservationFacts) -> bool:
    return "://+:" in endpoint_url(found.url)


def _prefix_owned(case: Case) -> Iterator[Finding]:
    for end in wanted_ends(case) if case.generation == "v6" else ():
        others = foreign_urls(case.facts, end)
        if not others or answers(probe(case.facts, end.url)):
            continue
        pids = {o.url: ", ".join(map(str, o.process_ids)) for o in case.facts.url_owners}
        text = "; ".join(f"{url} of process {pids.get(url) or 'unknown'}" for url in others)
        yield finding(
            "CA6103",
            f"another program has registered {', '.join(others)} with http.sys, and the API is to listen at {end.url}",
            (Evidence("netsh http show servicestate", text), *start_evidence(case)),
            Remedy(
                f"stop the program that holds {', '.join(others)} (process {pids.get(others[0]) or 'unknown'}), then "
                "restart the product's service; or give the API another free port in serviceconfig.json and "
                "servers.json",
                person="stop one of the two, or `run change-port -e port=N` gives the API another port",
            ),
            subject=end.url,
        )


def _reservation_foreign(case: Case) -> Iterator[Finding]:
    """A strong wildcard is looked at before any address: requests end at a URL that nobody has registered."""
    for end in wanted_ends(case) if case.generation == "v6" else ():
        if foreign_urls(case.facts, end) or answers(probe(case.facts, end.url)):
            continue
        for found in _of_end(case, end):
            if _strong(found):
                yield finding(
                    "CA6209",
                    f"the URL reservation {found.url} takes all requests to port {end.port} before they come to "
                    f"{end.url}",
                    (_evidence(found), *_probed(case, end)),
                    Remedy(f"remove the reservation; by hand: netsh http delete urlacl url={found.url}"),
                    subject=found.url,
                )


def _probed(case: Case, end: Endpoint) -> Iterator[Evidence]:
    api = probe(case.facts, end.url)
    if api is not None:
        said = f"status {api.status}" if api.status is not None else api.error or "no answer"
        yield Evidence(f"GET {api.url}/api/system/appversion", said)


def _reservation_missing(case: Case) -> Iterator[Finding]:
    sid, service = _account(case), case.service
    if case.generation != "v6" or service is None or sid in _OWNERS_OF_ALL:
        return
    # Whether the account is an administrator is not known: only a refusal, or an account that never is one, proves it.
    if not start_said(case, *_DENIED) and sid not in _WEAK_ACCOUNTS:
        return
    for end in wanted_ends(case):
        own = [r for r in _of_end(case, end) if endpoint_url(r.url) == endpoint_url(end.url)]
        if listens(case, end) or (sid and any(_lets(one, sid) for one in own)):
            continue
        url = f"{end.url}/"
        whose = f"{own[0].url} is reserved for somebody else" if own else f"nothing reserves {url} for it"
        command = f'netsh http add urlacl url={url} user="{service.account}"'
        yield finding(
            "CA6208",
            f"the service runs as {service.account}, which may not register {url} with http.sys by itself, and {whose}",
            (
                *start_evidence(case),
                Evidence(f"service {service.name}", f"account {service.account}"),
                *(map(_evidence, own) if own else [Evidence(_KEY, f"no value {url}")]),
            ),
            Remedy(
                f"reserve {url} for {service.account}, then restart the service; by hand: {command}",
                person="" if sid else f"Windows does not say who {service.account} is, so that nothing can be reserved",
            ),
            subject=url,
        )


def _reservation_stale(case: Case) -> Iterator[Finding]:
    """For somebody else than the service, who could take the URL while the service does not run."""
    sid = _account(case)
    if case.generation != "v6" or sid is None:
        return
    own = {endpoint_url(end.url) for end in wanted_ends(case)} if start_said(case, *_DENIED) else set()
    for found in dict.fromkeys(r for end in wanted_ends(case) for r in _of_end(case, end)):
        if _strong(found) or endpoint_url(found.url) in own or not _foreign(found, sid):
            continue
        yield finding(
            "CA6210",
            f"{found.url} is reserved for others than the product's service",
            (_evidence(found),),
            Remedy(f"remove the reservation; by hand: netsh http delete urlacl url={found.url}"),
            subject=found.url,
        )


def _foreign(found: ReservationFacts, sid: str) -> bool:
    """Whether it is for others alone; one that lets the service, SYSTEM or administrators in is nobody else's."""
    return all(_lets(found, one) is False for one in (sid, *_OWNERS_OF_ALL))


RESERVATIONS: tuple[Rule, ...] = (_prefix_owned, _reservation_foreign, _reservation_missing, _reservation_stale)
