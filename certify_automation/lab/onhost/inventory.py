"""Facts with what the product's API says of preferences and managed certificates."""

from __future__ import annotations

from certify_automation.lab.certify import settle
from certify_automation.lab.onhost.api import endpoint_url
from certify_automation.lab.onhost.api_calls import inventory_call
from certify_automation.lab.onhost.certificates import activity_facts, settings_facts
from certify_automation.lab.onhost.facts import read_facts
from certify_automation.lab.onhost.lock import lock_facts
from certify_automation.lab.onhost.product_api import ApiFailed
from certify_automation.lab.onhost.progress import unasked
from certify_automation.lab.onhost.system_task import call_api
from certify_automation.lab.onhost.tls import tls_facts
from certify_automation.lab.onhost.visit import Json, Visit, Waiting


def take_inventory(visit: Visit, parameters: Json, deadline_seconds: int) -> Waiting[Json]:
    """The value of the script Inventory."""
    until = visit.monotonic_ms() + 1000 * deadline_seconds
    facts = read_facts(visit, parameters["observe"], lock_facts(visit.computer), with_records=True)
    return (yield from with_certificates(visit, facts, parameters, until))


def with_certificates(
    visit: Visit, facts: Json, parameters: Json, until: int, api: Json | None = None
) -> Waiting[Json]:
    """Facts, and their member `certificates`.

    Args:
        visit: the visit.
        facts: those of Observe.
        parameters: `observe` and `certificates`, as Inventory and Renew have them.
        until: on the computer's stopwatch, in milliseconds.
        api: what the API has said, when it was asked already.
    """
    access, computer = parameters["certificates"], visit.computer
    if api is None:
        call = inventory_call(endpoint_url(parameters["observe"]["endpoint"]))
        try:
            api = yield from call_api(visit, access, call, until)
        except ApiFailed as failed:
            api = unasked(str(failed))
    settle(computer)
    found: Json = {"access": access["access"], **api}
    found |= settings_facts(computer, facts["product"]["data_dir"]) | activity_facts(computer, facts["product"])
    found["tls"] = tls_facts(computer) if access["tls"] else None
    return {**facts, "certificates": found}
