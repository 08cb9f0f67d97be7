"""Who can reach the API from elsewhere, and the rule that keeps them out, as declared and as found."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.evidence import exposed_at
from certify_automation.model.facts import Facts
from certify_automation.model.firewall import RuleText, names_of, rule_text
from certify_automation.model.host import Endpoint, HostState
from certify_automation.model.plan import Difference
from certify_automation.model.security import BLOCK_RULE
from certify_automation.model.service import ServiceState

EXPOSURE = "security.api_exposure"
BLOCK = f"{EXPOSURE}.block"


def block_rules(facts: Facts) -> tuple[RuleText, ...]:
    """The inbound rules with this program's name, whatever they say."""
    return tuple(rule for value in facts.firewall_rules or () if (rule := rule_text(value.value)).name == BLOCK_RULE)


def block_port(desired: HostState, endpoint: Endpoint) -> int:
    """The port that the block rule is for."""
    exposure = desired.api_exposure
    return exposure.port if exposure is not None and exposure.port is not None else endpoint.port


def blocked(facts: Facts, port: int) -> bool:
    """Whether the one rule of this program is there, in force and unaltered, for this port."""
    rules = block_rules(facts)
    return len(rules) == 1 and rules[0].blocks(port)


def exposure_differences(desired: HostState, endpoint: Endpoint, facts: Facts) -> Iterator[Difference]:
    """The service takes requests from other machines, or its block rule is not as declared."""
    declared = desired.api_exposure
    if declared is None:
        return
    urls = exposed_at(facts) if declared.loopback and desired.service.state is not ServiceState.STOPPED else ()
    if urls:
        yield Difference(EXPOSURE, "loopback", ", ".join(urls), letting_in(facts, endpoint.port))
    if declared.block is not None:
        yield from _block(block_port(desired, endpoint), facts, wanted=declared.block)


def letting_in(facts: Facts, port: int) -> str:
    """The inbound rules in force that let others in to a port, in words; empty = there are none, or not readable."""
    rules = [rule for value in facts.firewall_rules or () if (rule := rule_text(value.value)).allows(port)]
    return f"inbound rules for port {port}: {names_of(rules)}" if rules else ""


def _block(port: int, facts: Facts, *, wanted: bool) -> Iterator[Difference]:
    found, rule = block_rules(facts), f"port {port} blocked"
    if facts.firewall_rules is None:
        yield Difference(BLOCK, rule if wanted else None, None, "the firewall's rules cannot be read")
    elif wanted and not found:
        yield Difference(BLOCK, rule, None)
    elif wanted and not blocked(facts, port):
        yield Difference(BLOCK, rule, "a rule of this name that is disabled, altered, doubled or for another port")
    elif not wanted and found:
        yield Difference(BLOCK, None, "a rule of this name")
