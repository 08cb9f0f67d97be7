"""The raw values a plan may depend on."""

from __future__ import annotations

from certify_automation.lab.onhost.file import config_files, data_access
from certify_automation.lab.onhost.firewall import block_rules, firewall_rules
from certify_automation.lab.onhost.http_sys import listen_list, reservations
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.service import driver_facts
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import Computer


def managed_values(facts: Json) -> list[Json]:
    """The `managed` of Facts, from its other parts."""
    product, driver, listen = facts["product"], facts["driver"], facts["ip_listen"]
    values = {
        "service.name": "",
        "service.state": "",
        "service.start_mode": "",
        "service.delayed": "false",
        "service.failure_actions": "",
        "service.failure_flag": "false",
        "product.data_dir": product["data_dir"] or "",
        "product.generation": product["generation"] or "",
        "driver.state": driver["state"] if driver else "",
        "driver.start_mode": driver["start_mode"] if driver else "",
        "data_directory_acl": facts["data_acl"]["sddl"] if facts["data_acl"] else "",
        "firewall_rule": block_rules(facts["firewall_rules"]),
        "ip_listen": "unreadable" if listen["live"] is None else ",".join(listen["live"]),
    }
    if len(product["services"]) == 1:
        service = product["services"][0]
        values["service.name"] = service["name"]
        values["service.state"] = service["state"]
        values["service.start_mode"] = service["start_mode"]
        values["service.delayed"] = "true" if service["delayed"] else "false"
        values["service.failure_actions"] = service["failure_actions"] or ""
        values["service.failure_flag"] = "true" if service["failure_flag"] else "false"
    for name, file in facts["files"].items():
        values[f"file.{name}"] = _file_value(file)
    for reservation in facts["url_reservations"]:
        values[f"url_reservation {reservation['url']}"] = reservation["descriptor"]
    return [{"name": name, "value": values[name]} for name in sorted(values)]


def managed_now(computer: Computer) -> dict[str, str]:
    """Name -> value, read afresh."""
    product = product_facts(computer)
    parts = {
        "product": product,
        "driver": driver_facts(computer),
        "files": config_files(computer, product),
        "ip_listen": listen_list(computer),
        "url_reservations": reservations(computer),
        "data_acl": data_access(computer, product),
        "firewall_rules": firewall_rules(computer, ()),
    }
    return {item["name"]: item["value"] for item in managed_values(parts)}


def _file_value(file: Json | None) -> str:
    if file is None or not file["exists"]:
        return "absent"
    return file["sha256"] or "unreadable"
