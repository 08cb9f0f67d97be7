"""The firewall's rules as a visit reads them: texts of the registry."""

from __future__ import annotations

from collections.abc import Iterable

from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import Computer

BLOCK_RULE = "certify-automation-api"


def firewall_rules(computer: Computer, ports: Iterable[int], name: str = BLOCK_RULE) -> list[Json] | None:
    """The `firewall_rules` of Facts: inbound ones for these ports, and those of this name."""
    rules = computer.firewall.rules
    if rules is None:
        return None
    marks = (f"|Name={name}|", *(f"|LPort={port}|" for port in ports))
    found = (key for key, text in rules.items() if "|Dir=In|" in text and any(mark in text for mark in marks))
    return [{"name": key, "value": rules[key]} for key in sorted(found)]


def block_rules(rules: list[Json] | None) -> str:
    """The managed value `firewall_rule`."""
    if rules is None:
        return "unreadable"
    return "\n".join(sorted(one["value"] for one in rules if f"|Name={BLOCK_RULE}|" in one["value"]))
