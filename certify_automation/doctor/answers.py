"""Whether the API answers where the service listens, and whether it is the product that does. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.doctor.places import configured_evidence, listens, wanted_ends
from certify_automation.evidence import answers, foreign_listener, foreign_urls, loopback, probe
from certify_automation.model.facts import ApiFacts
from certify_automation.model.finding import Evidence, Finding, Severity
from certify_automation.model.host import Endpoint

_OK, _MOVED, _UNAUTHORIZED, _FORBIDDEN = 200, 400, 401, 403
_LOCALHOST, _IPV4 = "localhost", "127.0.0.1"


def _asked(case: Case) -> Iterator[tuple[Endpoint, ApiFacts]]:
    """Where the API is to listen and did not answer as it should, with what came instead."""
    for end in wanted_ends(case):
        api = probe(case.facts, end.url)
        if api is not None and not answers(api):
            yield end, api


def _said(api: ApiFacts) -> Evidence:
    schemes = f", offers {', '.join(api.authenticate)}" if api.authenticate else ""
    said = f"status {api.status}{schemes}" if api.status is not None else api.error or "no answer"
    body = f": {' '.join(api.body.split())}" if api.body and api.status is not None else ""
    return Evidence(f"GET {api.url}/api/system/appversion", f"{said}{body}")


def _foreign(case: Case, end: Endpoint, api: ApiFacts) -> bool:
    """Whether the answer is of another program: a page, or a refusal where the service does not even listen.

    http.sys itself answers 400 and above for URLs that nobody has registered.
    """
    if api.status is None or api.untrusted:
        return False
    if listens(case, end):
        others = foreign_listener(case.facts, end) is not None or bool(foreign_urls(case.facts, end))
        return api.status < _MOVED or others
    return api.status < _MOVED or api.status in {_UNAUTHORIZED, _FORBIDDEN}


def _foreign_answer(case: Case) -> Iterator[Finding]:
    for end, api in _asked(case):
        if _foreign(case, end, api):
            yield finding(
                "CA6121",
                f"at {end.url} something answers that is not the product's API: programs that ask it there get "
                f"status {api.status} of somebody else",
                (_said(api),),
                Remedy(person="what answers there has to be found and moved, or the API be given another port"),
                subject=end.url,
            )


def _api_silent(case: Case) -> Iterator[Finding]:
    for end, api in _asked(case):
        refuses = api.status in {_UNAUTHORIZED, _FORBIDDEN}
        if not listens(case, end) or refuses or _foreign(case, end, api):
            continue
        said = f"answers with status {api.status}" if api.status is not None else "does not answer"
        yield finding("CA6119", f"the service listens at {end.url}, and its API {said}", (_said(api),), subject=end.url)
        return
    yield from _hanging(case)


def _hanging(case: Case) -> Iterator[Finding]:
    """An API that says its version and nothing more."""
    inventory = case.facts.certificates
    failure = inventory.failure if inventory else None
    alive = any(answers(api) for api in case.facts.api)
    if failure is None or failure.code != "unreachable" or not alive or not case.effective:
        return
    yield finding(
        "CA6119",
        f"the service listens at {', '.join(case.effective)}, and its API does not answer {failure.request}",
        (Evidence(failure.request or "the API", failure.message),),
    )


def _api_refuses(case: Case) -> Iterator[Finding]:
    inventory = case.facts.certificates
    failure = inventory.failure if inventory else None
    if failure is not None and failure.code == "refused" and inventory is not None:
        who = "SYSTEM" if inventory.access == "task" else "the account of this visit, an administrator"
        said = f"status {failure.status}" if failure.status is not None else "refused"
        evidence = [Evidence(failure.request or "the API", f"{said} {failure.message}".strip())]
        yield _refusal(f"the API refuses {who}", evidence)
        return
    for end, api in _asked(case):
        if api.status in {_UNAUTHORIZED, _FORBIDDEN} and listens(case, end) and not _foreign(case, end, api):
            cause = f"the API at {end.url} answers {api.status} and does not let anybody sign in as Windows does"
            yield _refusal(cause, [_said(api)])
            return


def _refusal(cause: str, evidence: list[Evidence]) -> Finding:
    return finding(
        "CA6120",
        cause,
        evidence,
        Remedy(person="who may use the API, the product and Windows decide: see what differs from a server that works"),
    )


def _localhost_resolution(case: Case) -> Iterator[Finding]:
    """A name that may lead elsewhere than the listener, which is as bad as what comes of it."""
    ends = [case.configured] + ([case.connection.endpoint] if case.connection else [])
    named = [end for end in ends if end is not None and end.host.casefold() == _LOCALHOST]
    examined = case.facts.examination
    if not named or case.pipe or examined is None:
        return
    asked = [(end, api) for end in named if (api := probe(case.facts, end.url)) is not None]
    dead = any(not answers(api) and _listens_on(case, end.port) for end, api in asked)
    if examined.localhost == (_IPV4,) and not dead:
        return
    names = ", ".join(examined.localhost or ()) or "nothing"
    found = finding(
        "CA6109",
        f"clients are told to ask {named[0].url}, and localhost is {names} on this server",
        (
            Evidence("name resolution of localhost", names),
            *(Evidence(r"%SystemRoot%\System32\drivers\etc\hosts", line) for line in examined.hosts_file),
            *configured_evidence(case, "Host"),
        ),
    )
    works = any(answers(api) for _, api in asked)
    yield replace(found, severity=Severity.WARNING) if works and not dead else found


def _listens_on(case: Case, port: int) -> bool:
    own = [url for url in case.effective if loopback(url, case.generation) or _LOCALHOST in url]
    return any(url.rpartition(":")[2] == str(port) for url in own)


ANSWERS: tuple[Rule, ...] = (_foreign_answer, _api_silent, _api_refuses, _localhost_resolution)
