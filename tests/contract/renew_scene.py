"""A computer on which preferences are set and certificates renewed, by the scripts or by the lab's answer."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from certify_automation.lab.certify import Product, product_of
from certify_automation.lab.certify.conditions import FAILURES
from contract.comparing import check_schema
from contract.engine import Engine, Visit
from contract.hosts import AUTOMATION, Host, arrange, make_host
from contract.simulated import simulated_reply

RUN = "7e" * 16
AUTO_RENEW = "/api/managedcertificates/autorenew"
PREFERENCES = "/api/preferences"

_SERVICES = {"v6": "Certify.Service", "v7": "Certify.Server.Core"}
_ENDPOINT = {"host": "127.0.0.2", "port": 9696, "https": False}
_OBSERVE = {"ports": [9696], "run": None}
_RENEWED = "2025-10-10T00:00:00+00:00"
_READS = ("results", "summary")

Before = Callable[[str, Any], None]


def unheeded(_command: str, _arguments: Any) -> None:
    """Nothing happens before a command."""


def item(row: str | Mapping[str, Any]) -> dict[str, Any]:
    """A managed certificate that is due, as the product's database has it; only its id, or what differs."""
    changed = {"Id": row} if isinstance(row, str) else dict(row)
    # An authority issues so many certificates for the same names a week, and no more.
    names = [f"{hashlib.sha256(changed['Id'].encode()).hexdigest()[:8]}.example.test", "example.test"]
    found = {
        "Name": names[0],
        "ItemType": 1,
        "RequestConfig": {"PrimaryDomain": names[0], "SubjectAlternativeNames": names, "Challenges": []},
        "DomainOptions": [{"Domain": names[0], "IsPrimaryDomain": True, "IsSelected": True}],
        "DateStart": _RENEWED,
        "DateRenewed": _RENEWED,
        "DateExpiry": "2026-01-08T00:00:00+00:00",
        "DateLastRenewalAttempt": _RENEWED,
        "LastRenewalStatus": 3,
        "CertificateThumbprintHash": "AB" * 20,
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RenewScene:
    """One computer and what is asked of Renew there."""

    case: Mapping[str, Any]
    host: Host
    product: Product
    access: str = "caller"

    def parameters(self) -> dict[str, Any]:
        """Of Renew, with the items as they are now unless the case says otherwise."""
        case = self.case
        names = ("name", "before", "after")
        return {
            "run_id": RUN,
            "origin": {"by": "ops@admin01", "commit": "c0ffee", "rolls_back": None},
            "observe": {**_OBSERVE, "endpoint": {**_ENDPOINT, **case.get("endpoint", {})}},
            "certificates": {"access": self.access, "tls": False},
            "preferences": [dict(zip(names, one, strict=True)) for one in case.get("preferences", [])],
            "renewals": [self._planned(one) for one in case.get("renew", [])],
            "start_seconds": 60,
            "wait_seconds": case.get("wait_seconds", 300),
        }

    @property
    def deadline(self) -> int:
        return int(self.case.get("deadline", 600))

    def _planned(self, item_id: str) -> dict[str, Any]:
        changed = self.case.get("planned", {}).get(item_id, {})
        row = {} if self.case.get("damaged") else self.row(item_id)
        attempted = row.get("DateLastRenewalAttempt")
        return {
            "id": item_id,
            "attempted_utc_ms": attempted and round(datetime.fromisoformat(attempted).timestamp() * 1000),
            "thumbprint": row.get("CertificateThumbprintHash"),
            **changed,
        }

    def row(self, item_id: str) -> dict[str, Any]:
        """The item in the product's database; empty without one."""
        if self.product.store is None:
            return item(item_id)
        return dict(self.product.store.item(item_id) or {})

    def visit(self, before: Before = unheeded) -> Visit:
        """The visit, to be made by an engine; `before` is told of every command."""
        commands = self.host.commands()
        commands.before = before
        return Visit("Renew", self.parameters(), commands, self.deadline)

    def renewed(self, engine: Engine, before: Before = unheeded) -> dict[str, Any]:
        """What the scripts make of it."""
        return checked(engine.visit(self.visit(before)))

    def simulated(self) -> dict[str, Any]:
        """What the lab's answer makes of it."""
        return checked(simulated_reply(self.host, "Renew", copy.deepcopy(self.parameters()), deadline=self.deadline))

    def sent(self, path: str = AUTO_RENEW) -> list[dict[str, Any]]:
        """The bodies of the requests on this route that act."""
        return [json.loads(one.body) for one in self.product.requests if (one.method, one.path) == ("POST", path)]

    def settings(self) -> dict[str, Any]:
        """What the product's file says."""
        text = self.host.computer.files.read("C:\\ProgramData\\certify\\appsettings.json").decode()
        return dict(json.loads(text))

    def check_requests(self) -> None:
        """Fails when the product was asked anything that it never may be, or twice what it may be asked once."""
        for one in self.product.requests:
            if one.method == "GET":
                assert one.path in (PREFERENCES, "/api/system/appversion")
            elif one.path not in (PREFERENCES, AUTO_RENEW):
                assert one.path.removeprefix("/api/managedcertificates/") in _READS
        assert len(self.sent(PREFERENCES)) <= 1
        assert len(self.sent()) <= 1
        for body in self.sent():
            assert body == {
                "mode": 0,
                "isPreviewMode": False,
                "awaitResults": False,
                "targetManagedCertificates": body["targetManagedCertificates"],
            }
            assert body["targetManagedCertificates"]

    def check_tidy(self) -> None:
        """Nothing of a task is left, and this visit holds no lock."""
        computer = self.host.computer
        assert computer.tasks.names() == ()
        assert not computer.tasks.instances
        assert computer.files.entries(f"{AUTOMATION}\\api") == ()
        assert computer.files.holder(f"{AUTOMATION}\\lock") in (None, "other")


def make_scene(case: Mapping[str, Any], root: Path, access: str = "caller") -> RenewScene:
    """The computer of a case; no pass of the product begins by itself."""
    caller = "administrator" if access == "caller" else "anonymous"
    rows: dict[str, Any] = {"rows": [item(one) for one in case.get("items", [])]}
    if "damaged" in case:
        rows["damaged"] = case["damaged"]
    host = make_host(
        {
            "computer": {"caller": caller, **case.get("computer", {})},
            "product": {"generation": case["generation"]},
            "arrange": [{"items": rows}],
        },
        root,
    )
    product = product_of(host.computer, _SERVICES[case["generation"]])
    conditions = product.conditions
    conditions.timer = False
    conditions.slow.update(case.get("conditions", {}).get("slow", {}))
    conditions.failing.update(
        {name: FAILURES[kind] for name, kind in case.get("conditions", {}).get("failing", {}).items()}
    )
    assert product.store is not None
    assert product.scheduler is not None
    if "settings" in case:
        product.store.settings.update(case["settings"])
        product.store.save()
    if "begun" in case:
        product.scheduler.autorenew(
            {"mode": 0, "isPreviewMode": False, "awaitResults": False, "targetManagedCertificates": case["begun"]}
        )
    product.scheduler.running = product.scheduler.running or case.get("stuck", False)
    for act in case.get("arrange", []):
        arrange(host, act)
    return RenewScene(case, host, product, access)


def checked(reply: dict[str, Any]) -> dict[str, Any]:
    """The value of a reply that is as its schema says."""
    assert reply["ok"], reply
    check_schema("renewed", reply["value"])
    return dict(reply["value"])


def statuses(renewed: Mapping[str, Any]) -> dict[str, str]:
    """Which item ended how."""
    return {one["id"]: one["status"] for one in renewed["renewals"]}


def told(renewed: Mapping[str, Any]) -> str | None:
    """What became of preferences: the code of their failure, else their status; None when none were asked for."""
    found = renewed["preferences"]
    if found is None:
        return None
    return str(found["failure"]["code"] if found["failure"] else found["status"])
