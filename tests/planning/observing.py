"""Facts out of the document of a visit."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from certify_automation import bundled
from certify_automation.model.codec import facts_from_json
from certify_automation.model.facts import Facts
from certify_automation.model.security import BLOCK_RULE


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(bundled.text("schemas", "facts.schema.json")))


def facts(document: dict[str, Any]) -> Facts:
    """Facts of a document, with the managed values that follow from the rest of it."""
    services = document["product"]["services"]
    service = services[0] if len(services) == 1 else {}
    files, live = document["files"], document["ip_listen"]["live"]
    driver = document["driver"] or {"state": "", "start_mode": ""}
    values = {
        "product.data_dir": document["product"]["data_dir"] or "",
        "product.generation": document["product"]["generation"] or "",
        "service.name": service.get("name", ""),
        "service.state": service.get("state", ""),
        "service.start_mode": service.get("start_mode", ""),
        "service.delayed": "true" if service.get("delayed") else "false",
        "driver.state": driver["state"],
        "driver.start_mode": driver["start_mode"],
        "ip_listen": "unreadable" if live is None else ",".join(live),
        "service.failure_actions": service.get("failure_actions") or "",
        "service.failure_flag": "true" if service.get("failure_flag") else "false",
        "data_directory_acl": (document["data_acl"] or {}).get("sddl", ""),
        "firewall_rule": _own_rules(document["firewall_rules"]),
        **{f"file.{name}": (file or {}).get("sha256") or "absent" for name, file in files.items()},
        **{f"url_reservation {r['url']}": r["descriptor"] for r in document["url_reservations"]},
    }
    return facts_from_json({**document, "managed": [{"name": name, "value": values[name]} for name in sorted(values)]})


def _own_rules(rules: list[dict[str, str]] | None) -> str:
    if rules is None:
        return "unreadable"
    return "\n".join(sorted(rule["value"] for rule in rules if f"|Name={BLOCK_RULE}|" in rule["value"]))


def checked(document: dict[str, Any]) -> Facts:
    """The same of a document that must keep the contract."""
    _validator().validate(document)
    return facts(document)
