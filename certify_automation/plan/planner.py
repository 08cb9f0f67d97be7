"""One host's plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from certify_automation.diff import Comparison, compare, observe_request
from certify_automation.evidence import PORTS
from certify_automation.model.config_files import FileName
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.plan import Health, ObserveRequest, Plan, PortCheck
from certify_automation.plan.changes import changes
from certify_automation.plan.following import Following, following
from certify_automation.plan.refusals import refusals
from certify_automation.plan.situation import PlanOptions, Situation
from certify_automation.plan.warnings import warnings

_LISTENING_FILES = [f"file.{FileName.SERVICE_CONFIG}", f"file.{FileName.APPSETTINGS_CORE}"]


def make_plan(host: str, desired: HostState, facts: Facts, options: PlanOptions) -> Plan:
    """What this host is to do to become as declared.

    Refusals are values inside the plan, and a plan with any has no changes. Nothing to do = no differences and no
    changes. Planning twice from the same facts gives the same plan.
    """
    at = Situation(host, compare(host, desired, facts), facts, options)
    if desired == HostState() and not options.restart:
        return Plan(host, options.run_id, observe_request(desired))
    return plan_of(replace(at, changes=changes(at)))


def plan_of(at: Situation, follow: Callable[[Situation], Following] = following) -> Plan:
    """The plan that makes the changes of a situation, unless something refuses them, and what follows them."""
    refused = refusals(at)
    if refused:
        at = replace(at, changes=())
    after = follow(at)
    return Plan(
        host=at.host,
        run_id=at.options.run_id,
        observe=_observe(at.desired, at.comparison),
        differences=at.comparison.differences,
        changes=at.changes,
        expects=dict(_expects(at)) if at.changes else {},
        health=_health(at),
        port_check=_port_check(at),
        refusals=refused,
        warnings=(*warnings(at), *after.warnings),
        after_commit=() if refused else after.changes,
        held=after.held,
        confirm_seconds=at.options.confirm_seconds if at.lockouts else None,
    )


def _observe(desired: HostState, comparison: Comparison) -> ObserveRequest:
    """What to look at afterwards: as before, at the address the file then has, if it is one."""
    request, endpoint = observe_request(desired), comparison.endpoint
    if endpoint.port not in PORTS:
        return request
    return replace(request, endpoint=endpoint, ports=tuple(dict.fromkeys((*request.ports, endpoint.port))))


def _health(at: Situation) -> Health | None:
    service, generation = at.facts.service, at.generation
    if service is None or generation is None or not at.judged:
        return None
    return Health(at.endpoint.url, generation, service.name, at.options.wait_seconds)


def _port_check(at: Situation) -> PortCheck | None:
    if at.facts.service is None or not at.starts:
        return None
    return PortCheck(at.endpoint.host, at.endpoint.port, at.facts.service.name)


def _expects(at: Situation) -> Iterator[tuple[str, str]]:
    """The managed values this plan was made from: the product, its service, and every noun that is declared."""
    desired, managed = at.desired, at.facts.managed
    names = ["product.data_dir", "product.generation", "service.name", "service.state"]
    for declared, noun in (
        (desired.service.start_mode is not None, ["service.start_mode", "service.delayed"]),
        (desired.recovery is not None, ["service.failure_actions", "service.failure_flag"]),
        (desired.driver.state is not None, ["driver.state"]),
        (desired.driver.start_mode is not None, ["driver.start_mode"]),
        (desired.service_config is not None or at.generation == "v7", _LISTENING_FILES),
        (desired.connections is not None, [f"file.{FileName.SERVERS}"]),
        (True, [f"file.{name}" for name in desired.whole_files]),
        (desired.ip_listen is not None, ["ip_listen"]),
        (desired.data_directory_restricted or desired.data_directory_acl is not None, ["data_directory_acl"]),
        (desired.api_exposure is not None and desired.api_exposure.block is not None, ["firewall_rule"]),
    ):
        names += noun if declared else []
    for name in dict.fromkeys(names):
        yield name, managed.get(name, "absent")
    for wanted in desired.url_reservations or ():
        key = f"url_reservation {wanted.url}"
        spelled = next((name for name in managed if name.lower() == key.lower()), key)
        yield spelled, managed.get(spelled, "absent")
