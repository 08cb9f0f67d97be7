"""One visit's evidence, complete."""

from __future__ import annotations

from certify_automation.lab.onhost.api import api_facts, endpoint_url
from certify_automation.lab.onhost.file import config_files, data, data_access, logs
from certify_automation.lab.onhost.firewall import firewall_rules
from certify_automation.lab.onhost.host import host_facts
from certify_automation.lab.onhost.http_sys import listen_list, reservations, sockets, ssl_bindings, url_owners
from certify_automation.lab.onhost.managed import managed_values
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.records import open_run_facts, records
from certify_automation.lab.onhost.service import driver_facts
from certify_automation.lab.onhost.visit import Json, Visit


def read_facts(visit: Visit, parameters: Json, lock: Json, *, with_records: bool = False) -> Json:
    """Facts for Observe's parameters; `lock` is what is known of the lock. Records are brought by Observe alone."""
    computer = visit.computer
    product = product_facts(computer)
    facts: Json = {
        "contract": 1,
        "host": host_facts(visit),
        "product": product,
        "driver": driver_facts(computer),
        "files": config_files(computer, product),
        "ip_listen": listen_list(computer),
        "url_reservations": reservations(computer),
        "url_owners": url_owners(computer),
        "sockets": sockets(computer, parameters["ports"]),
        "logs": logs(computer, product),
        "api": [api_facts(visit, endpoint_url(parameters["endpoint"]))],
        "data": data(computer, product),
        "data_acl": data_access(computer, product),
        "lock": lock,
        "open_run": open_run_facts(computer),
        "records": records(computer, parameters["run"]) if with_records else None,
        "firewall_rules": firewall_rules(computer, parameters["ports"]),
        "ssl_bindings": ssl_bindings(computer, parameters["ports"]),
    }
    facts["managed"] = managed_values(facts)
    return facts
