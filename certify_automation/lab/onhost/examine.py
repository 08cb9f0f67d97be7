"""Facts as Inventory has them, of every place the product is seen to listen at, and what lies around the product."""

from __future__ import annotations

from ipaddress import ip_address

from certify_automation.lab.onhost.api import api_facts, endpoint_url
from certify_automation.lab.onhost.api_calls import inventory_call
from certify_automation.lab.onhost.examination import examination_facts, unexamined
from certify_automation.lab.onhost.facts import read_facts
from certify_automation.lab.onhost.http_sys import sockets
from certify_automation.lab.onhost.inventory import with_certificates
from certify_automation.lab.onhost.lock import lock_facts
from certify_automation.lab.onhost.product_api import ApiFailed
from certify_automation.lab.onhost.progress import unasked
from certify_automation.lab.onhost.system_task import call_api
from certify_automation.lab.onhost.visit import Json, Visit, Waiting
from certify_automation.lab.windows import Computer

_FOR_THE_API_MS, _ENDS_EARLIER_MS = 30_000, 20_000
_MOST_SOCKETS = 500
_MOST_URLS = 4
_EVERYWHERE = {"+": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to be asked
_CORE = "certify.server.core.exe"
_OK, _UNAUTHORIZED = 200, 401


def examine(visit: Visit, parameters: Json, deadline_seconds: int) -> Waiting[Json]:
    """The value of the script Examine."""
    until = visit.monotonic_ms() + 1000 * deadline_seconds
    observe, computer = parameters["observe"], visit.computer
    facts = read_facts(visit, observe, lock_facts(computer), with_records=True)
    facts["sockets"] = sockets(computer, None)[:_MOST_SOCKETS]
    declared = endpoint_url(observe["endpoint"])
    further = sorted(_listened_at(computer, facts["product"]) - {declared})[:_MOST_URLS]
    facts["api"] += [api_facts(visit, url) for url in further]
    in_time = visit.monotonic_ms() < until - _FOR_THE_API_MS
    facts["examination"] = examination_facts(computer, facts["product"]) if in_time else unexamined()
    api = yield from _asked(visit, facts, parameters, until)
    return (yield from with_certificates(visit, facts, parameters, until, api))


def _asked(visit: Visit, facts: Json, parameters: Json, until: int) -> Waiting[Json]:
    """What the first API that is there says of certificates."""
    if not any(service["state"] == "Running" for service in facts["product"]["services"]):
        failed = ApiFailed("unreachable", "no service of the product runs", "")
        return {**unasked(""), "failure": failed.failure}
    ends = until - _ENDS_EARLIER_MS
    if parameters["certificates"]["access"] == "task" and visit.monotonic_ms() >= ends:
        return unasked("No time is left for a task.")
    answering = (one["url"] for one in facts["api"] if _is_there(one))
    url = next(answering, endpoint_url(parameters["observe"]["endpoint"]))
    try:
        return (yield from call_api(visit, parameters["certificates"], inventory_call(url), until))
    except ApiFailed as failed:
        return unasked(str(failed))


def _is_there(api: Json) -> bool:
    return api["status"] == _OK or (api["status"] == _UNAUTHORIZED and "Negotiate" in api["authenticate"])


def _listened_at(computer: Computer, product: Json) -> set[str]:
    """The URLs at which the product's one running service is seen to listen."""
    services = [service for service in product["services"] if service["state"] == "Running"]
    if len(services) != 1:
        return set()
    process = services[0]["process_id"]
    if _CORE in services[0]["path_name"].lower():
        found = [("http", one.address, one.port) for one in computer.sockets.listeners() if one.process_id == process]
    else:
        found = [
            (one.prefix.scheme, one.prefix.host.lower(), one.prefix.port)
            for one in computer.http.registrations
            if one.process_id == process and one.prefix.path == "/"
        ]
    return {_url(scheme, _EVERYWHERE.get(host, host), port) for scheme, host, port in found}


def _url(scheme: str, host: str, port: int) -> str:
    try:
        shown = str(ip_address(host))
    except ValueError:
        shown = host
    return f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}"
