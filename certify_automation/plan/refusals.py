"""Why a host must not be changed as declared. Each rule is one function; all of them are shown together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from certify_automation.model.plan import Refusal
from certify_automation.plan.open_runs import open_run_refusals
from certify_automation.plan.refusals_data import DATA_RULES
from certify_automation.plan.refusals_listener import LISTENER_RULES
from certify_automation.plan.refusals_security import SECURITY_RULES
from certify_automation.plan.refusals_state import STATE_RULES
from certify_automation.plan.situation import Situation

_OLDEST_BUILD = 14393
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def refusals(at: Situation) -> tuple[Refusal, ...]:
    """Everything that stands in the way of the changes, or of the declaration itself; empty = go ahead."""
    product = tuple(_product(at))
    rules = (open_run_refusals, *STATE_RULES, *LISTENER_RULES, *SECURITY_RULES, *DATA_RULES)
    return product or tuple(refusal for rule in rules for refusal in rule(at))


def _product(at: Situation) -> Iterator[Refusal]:
    """What makes every other question moot."""
    version = _VERSION.match(at.facts.host.os_version)
    if version and (int(version[1]), int(version[3])) < (10, _OLDEST_BUILD):
        yield Refusal(
            "CA3003",
            f"this Windows (version {at.facts.host.os_version}) is older than Windows Server 2016",
            "Windows Server 2016 (10.0.14393) and later are supported",
        )
    services = at.facts.product.services
    if not services:
        yield Refusal(
            "CA3001",
            "Certify Certificate Manager is not installed: there is no service of it",
            "install the product, or leave this host out of what is declared",
        )
    elif len(services) > 1:
        names = ", ".join(service.name for service in services)
        yield Refusal(
            "CA3002",
            f"more than one service of the product is installed: {names}",
            "they share one data folder and would damage it; remove all but one, then plan again",
        )
    elif at.generation is None:
        yield Refusal(
            "CA3004",
            f"the service {services[0].name} starts a program that is not the product's: {services[0].path_name}",
            "expected Certify.Service.exe (v6) or Certify.Server.Core.exe (v7)",
        )
