"""What expressions of playbooks see of a host: plain values under names that stay, and no secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from certify_automation.desired.fleet import DesiredHost
from certify_automation.diff import content_of
from certify_automation.diff.http_sys import ip_listen_entries
from certify_automation.diff.product_files import configured_endpoint
from certify_automation.doctor.catalogue import catalogue
from certify_automation.evidence import answers, effective_endpoints, exposed_at
from certify_automation.model.config_files import FileName, JsonValue
from certify_automation.model.facts import Facts
from certify_automation.model.finding import Finding
from certify_automation.model.host import Endpoint
from certify_automation.renewal import Filters, listing

FACTS: Mapping[str, str] = {
    "facts.host.name": "the computer's own name",
    "facts.host.os_version": "the version of Windows, such as `10.0.20348`",
    "facts.host.powershell": "the version of PowerShell that visits run in, such as `5.1.20348.1`",
    "facts.host.reboot_pending": "whether Windows waits for a restart",
    "facts.product.installed": "whether there is a service of the product",
    "facts.product.services": "how many services of the product there are; more than one is a half-done upgrade",
    "facts.product.generation": "`v6` or `v7`; none where the product is not installed, or is not one of these",
    "facts.product.version": "such as `6.1.11.0`; none where it is not known",
    "facts.product.major": "the first number of the version; none where it is not known",
    "facts.product.data_directory": "the product's data folder; none where it is not known",
    "facts.service.state": "`running`, `stopped`, `start-pending` …; none unless there is exactly one service",
    "facts.service.start_mode": "`automatic`, `automatic-delayed`, `manual` or `disabled`; none as above",
    "facts.service.account": "the account it runs as; none as above",
    "facts.driver.state": "of the HTTP driver; none where it is not readable",
    "facts.driver.start_mode": "of the HTTP driver; none where it is not readable",
    "facts.configured.host": "where serviceconfig.json has the API listen, the product's defaults filled in",
    "facts.configured.port": "the port of that",
    "facts.configured.https": "whether it is https",
    "facts.target.host": "where the API is to listen: as declared, otherwise as `facts.configured.host`",
    "facts.target.port": "the port of that",
    "facts.target.https": "whether it is https",
    "facts.api.answers": "whether the product's API answers",
    "facts.api.urls": "the URLs at which it listens, such as `http://127.0.0.2:9696`; empty where it listens nowhere",
    "facts.api.exposed": "whether it takes requests from other machines",
    "facts.http_sys.listen_list": "the addresses of the IP listen list; empty = every address; none where not readable",
    "facts.http_sys.reservations": "the URLs that are reserved",
    "facts.certificates.total": "how many certificates the product manages; none unless its API told all of them",
    "facts.certificates.due": "how many are due, by the product's rule or the declared policy; none as above",
    "facts.certificates.failing": "how many failed when they were last tried; none as above",
    "facts.certificates.expired": "how many have expired; none as above",
}
"""Every name below `facts` -> what it is."""

VIEW: Mapping[str, str] = {
    **FACTS,
    "findings": "ids and names of what doctor finds on the host: `'files_disagree' in findings`",
    "host.name": "the host's name in the inventory",
    "host.groups": "the names of its groups",
    "host.labels": "its labels, by name",
    "host.vars": "its variables, by name",
    "parameters": "the playbook's parameters, by name",
}
"""Every name that an expression may use -> what it is."""


def facts_view(
    facts: Facts | None, findings: Sequence[Finding], host: DesiredHost, parameters: Mapping[str, JsonValue]
) -> Mapping[str, object]:
    """The values of one host, by the names of VIEW.

    Args:
        facts: what an examination found; without them nothing stands under `facts` and `findings`.
        findings: what they come to.
        host: as declared.
        parameters: of the playbook, by name.
    """
    own = {"name": host.name, "groups": list(host.groups), "labels": dict(host.labels), "vars": dict(host.vars)}
    view: dict[str, object] = {"host": own, "parameters": dict(parameters)}
    if facts is None:
        return view
    entries = catalogue()
    names = [entries[one.id].name for one in findings if one.id in entries]
    found = {part: make(facts, host) for part, make in _PARTS.items()}
    return {"facts": found, "findings": [*dict.fromkeys((*(one.id for one in findings), *names))], **view}


def known_names(parameters: Mapping[str, object]) -> Mapping[str, object]:
    """The names of VIEW as they stand within each other, with those of parameters.

    Args:
        parameters: by name.
    """
    known: dict[str, Any] = {}
    for dotted in VIEW:
        below = known
        *above, name = dotted.split(".")
        for part in above:
            below = below.setdefault(part, {})
        below[name] = None
    return {**known, "parameters": dict.fromkeys(parameters)}


def _computer(facts: Facts, _host: DesiredHost) -> Mapping[str, object]:
    found = facts.host
    return {
        "name": found.name,
        "os_version": found.os_version,
        "powershell": found.powershell,
        "reboot_pending": bool(found.pending_reboot),
    }


def _product(facts: Facts, _host: DesiredHost) -> Mapping[str, object]:
    found = facts.product
    major = (found.version or "").partition(".")[0]
    return {
        "installed": bool(found.services),
        "services": len(found.services),
        "generation": found.generation,
        "version": found.version,
        "major": int(major) if major.isascii() and major.isdecimal() else None,
        "data_directory": found.data_dir,
    }


def _service(facts: Facts, _host: DesiredHost) -> Mapping[str, object]:
    found = facts.service
    return {
        "state": found.state.value if found else None,
        "start_mode": found.start_mode.value if found and found.start_mode else None,
        "account": found.account if found else None,
    }


def _driver(facts: Facts, _host: DesiredHost) -> Mapping[str, object]:
    found = facts.driver
    return {
        "state": found.state.value if found else None,
        "start_mode": found.start_mode.value if found and found.start_mode else None,
    }


def _configured(facts: Facts, _host: DesiredHost) -> Mapping[str, object]:
    return _endpoint(configured_endpoint(content_of(facts, FileName.SERVICE_CONFIG), facts.product.generation))


def _target(facts: Facts, host: DesiredHost) -> Mapping[str, object]:
    declared = host.state.service_config.properties if host.state.service_config else {}
    named = {"host": "Host", "port": "Port", "https": "UseHTTPS"}
    said = {name: declared[prop] for name, prop in named.items() if declared.get(prop) is not None}
    return {**_configured(facts, host), **said}


def _endpoint(endpoint: Endpoint) -> dict[str, object]:
    return {"host": endpoint.host, "port": endpoint.port, "https": endpoint.https}


def _api(facts: Facts, _host: DesiredHost) -> Mapping[str, object]:
    urls = effective_endpoints(facts)
    return {
        "answers": bool(urls) and any(answers(one) for one in facts.api),
        "urls": list(urls),
        "exposed": bool(exposed_at(facts)),
    }


def _http_sys(facts: Facts, _host: DesiredHost) -> Mapping[str, object]:
    entries = ip_listen_entries(facts)
    return {
        "listen_list": None if entries is None else list(entries),
        "reservations": [one.url for one in facts.url_reservations],
    }


def _certificates(facts: Facts, host: DesiredHost) -> Mapping[str, object]:
    found = facts.certificates
    if found is None or found.certificates is None or found.preferences is None:
        return dict.fromkeys(("total", "due", "failing", "expired"))
    totals = listing(host.name, host.state.renewals, found, Filters(), facts.host.clock_utc_ms).totals
    return {
        "total": totals.certificates,
        "due": totals.due,
        "failing": totals.failing,
        "expired": totals.expired,
    }


_PARTS: Mapping[str, Callable[[Facts, DesiredHost], Mapping[str, object]]] = {
    "host": _computer,
    "product": _product,
    "service": _service,
    "driver": _driver,
    "configured": _configured,
    "target": _target,
    "api": _api,
    "http_sys": _http_sys,
    "certificates": _certificates,
}
