"""The product's API, asked by the visit itself."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.lab.certify import NOT_TRUSTED, ApiRequest, send
from certify_automation.lab.onhost.visit import Json, Visit

_SHOWN = 100
_JSON = "application/json"
_REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """What a request on the computer gave; status None with `error` when no answer came.

    Untrusted: a listener was met whose certificate does not validate.
    """

    status: int | None
    authenticate: tuple[str, ...] = ()
    body: str | None = None
    error: str | None = None
    untrusted: bool = False
    content_type: str = ""


def ask(visit: Visit, method: str, url: str, path: str, body: str = "") -> LocalAnswer:
    """One request with the credentials of the visit's process; a browser's is answered with XML by some versions."""
    headers = {"Accept": _JSON, **({"Content-Type": _JSON} if body else {})}
    request = ApiRequest(method, path, headers, body.encode(), visit.caller)
    answer = send(visit.computer, url, request)
    if isinstance(answer, str):
        return LocalAnswer(None, error=answer, untrusted=answer == NOT_TRUSTED)
    schemes = tuple(
        part.strip().split(" ")[0] for part in answer.headers.get("WWW-Authenticate", "").split(",") if part.strip()
    )
    content_type = answer.headers.get("Content-Type", "")
    return LocalAnswer(answer.status, schemes, answer.body.decode("utf-8", "replace"), content_type=content_type)


def endpoint_url(endpoint: Json) -> str:
    """`http://127.0.0.2:9696`."""
    host = f"[{endpoint['host']}]" if ":" in endpoint["host"] else endpoint["host"]
    return f"{'https' if endpoint['https'] else 'http'}://{host}:{endpoint['port']}"


def api_facts(visit: Visit, url: str) -> Json:
    """One entry of the `api` of Facts."""
    answer = ask(visit, "GET", url, "/api/system/appversion")
    facts: Json = {
        "url": url,
        "status": answer.status,
        "authenticate": list(answer.authenticate),
        "body": None,
        "error": answer.error,
        "untrusted": answer.untrusted,
        "summary_status": None,
    }
    if answer.status == 200:  # noqa: PLR2004 - OK
        facts["body"] = (answer.body or "")[:_SHOWN]
        summary = ask(visit, "POST", url, "/api/managedcertificates/summary", "{}")
        if summary.status not in _REFUSED:
            facts["summary_status"] = summary.status
    return facts
