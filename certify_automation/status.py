"""One host as it stands: what is installed, what runs, where it answers, and whether it is as declared."""

from __future__ import annotations

from dataclasses import dataclass, replace

from certify_automation.desired import DesiredHost
from certify_automation.diff import failure_text
from certify_automation.due import due
from certify_automation.evidence import answers, effective_endpoints, probe
from certify_automation.model.certificate import ACME_ITEM
from certify_automation.model.facts import Facts
from certify_automation.model.host_report import HostReport
from certify_automation.observing import look
from certify_automation.plan import PlanOptions, make_plan, observe_request
from certify_automation.remote import Session
from certify_automation.renewal import failing


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person wants to know of a host at a glance; every text is ready to show.

    Attributes:
        product: generation and version, or that there is none.
        service: state and start mode.
        endpoints: URLs at which the API listens; empty = nowhere.
        answering: whether the API answers at one of them; None = it was asked at none of them.
        lock: who is applying there at this moment; empty = nobody.
        open_run: a run there whose journal has no end; empty = there is none.
        certificates: how many are managed, failing and due; empty where none of them are declared to be looked after.
        report: held against what is declared.
    """

    product: str
    service: str
    endpoints: tuple[str, ...]
    answering: bool | None
    lock: str
    open_run: str
    certificates: str
    report: HostReport


def status_host(desired: DesiredHost, session: Session, options: PlanOptions) -> Standing:
    """One visit that reads, and what it shows.

    Raises:
        HostError: the visit failed.
    """
    facts = look(desired, session, observe_request(desired.state))
    report = HostReport.of_plan(make_plan(desired.name, desired.state, facts, options))
    endpoints = effective_endpoints(facts)
    asked = [api for url in endpoints if (api := probe(facts, url)) is not None]
    return Standing(
        product=_product(facts),
        service=_service(facts),
        endpoints=endpoints,
        answering=any(map(answers, asked)) if asked else None,
        lock=(facts.lock.holder or "somebody") if facts.lock.held else "",
        open_run=_open_run(facts),
        certificates=_certificates(facts),
        report=replace(report, open_run=facts.open_run.run_id if facts.open_run else None),
    )


def _product(facts: Facts) -> str:
    product = facts.product
    if product.generation is None:
        return f"{len(product.services)} services" if product.services else "not installed"
    return f"{product.generation} {product.version or ''}".rstrip()


def _open_run(facts: Facts) -> str:
    run = facts.open_run
    if run is None:
        return ""
    if run.error:
        return f"{run.run_id}: {run.error}"
    state = "waits for its confirmation" if run.awaiting else "under way" if facts.lock.held else "cut off"
    return f"{run.run_id} by {run.by}, {state}"


def _certificates(facts: Facts) -> str:
    found = facts.certificates
    if found is None:
        return ""
    if found.certificates is None or found.preferences is None:
        return f"not known: {failure_text(found.failure)}"
    now, preferences = facts.host.clock_utc_ms, found.preferences
    renewed = [one for one in found.certificates if one.item_type == ACME_ITEM]
    number = sum(due(one, preferences, now).due for one in renewed)
    return f"{len(found.certificates)} managed, {sum(map(failing, renewed))} failing, {number} due"


def _service(facts: Facts) -> str:
    service = facts.service
    if service is None:
        return "-"
    return f"{service.state}, {service.start_mode or 'unknown start mode'}"
