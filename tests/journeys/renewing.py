"""What journeys that renew look at: what the products were asked for, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from certify_automation.lab.certify import Product, product_of

from .conftest import Journey, Ran


def product(journey: Journey, host: str) -> Product:
    """The simulated product of a host."""
    computer = journey.lab.hosts[host].computer
    (found,) = filter(None, (product_of(computer, service.name) for service in computer.services.services()))
    return found


def items(journey: Journey, host: str) -> dict[str, dict[str, Any]]:
    """The items of a host by name, as its product stores them."""
    store = product(journey, host).store
    assert store is not None
    return {str(item["Name"]): dict(item) for item in store.items()}


def requested(journey: Journey, host: str) -> list[list[str]]:
    """The names that each request for renewals asked a host for, in the order of the requests."""
    names = {item["Id"]: name for name, item in items(journey, host).items()}
    asked = product(journey, host).requests
    assert not [one for one in asked if "renewcert" in one.path or "accounts" in one.path]
    bodies = [json.loads(one.body) for one in asked if one.path.endswith("/autorenew")]
    assert all((body["mode"], body["isPreviewMode"]) == (0, False) for body in bodies)
    return [[names[one] for one in body["targetManagedCertificates"]] for body in bodies]


def requested_in_all(journey: Journey, host: str) -> list[str]:
    """Every name that was asked for, as often as it was."""
    return list(chain.from_iterable(requested(journey, host)))


def renewals(done: Ran) -> dict[str, dict[str, str]]:
    """Host -> name -> what became of it."""
    return {host: dict(found) for host, found in _renewals(done)}


def _renewals(done: Ran) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for host in done.document()["hosts"]:
        if host["renewed"] is not None:
            names = {change["id"]: change["name"] for change in host["changes"] if "id" in change}
            yield host["host"], [(names[one["id"]], one["status"]) for one in host["renewed"]["renewals"]]


def chosen(done: Ran, host: str) -> list[str]:
    """The names that a host would request, the most urgent first."""
    return [change["name"] for change in _host(done, host)["changes"] if change["kind"] == "certificate.renew"]


def held(done: Ran, host: str) -> dict[str, str]:
    """Name -> why it waits."""
    return {one["name"]: one["hold"] for one in _host(done, host)["held"]}


def _host(done: Ran, host: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in done.document()["hosts"] if one["host"] == host)
    return found
