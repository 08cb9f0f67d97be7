"""Hosts with managed certificates, and visits that look at them or have them renewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.certify import Caller, Product
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import BuiltHost, HostSpec, build
from certify_automation.lab.onhost import Visit, VisitFaults, answer
from certify_automation.lab.windows import Computer, StillClock

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
AUTOMATION = "C:\\ProgramData\\certify-automation"
API = f"{AUTOMATION}\\api"
RUN = "7e" * 16
OBSERVE = {"endpoint": {"host": "127.0.0.2", "port": 9696, "https": False}, "ports": [9696], "run": None}
AUTO_RENEW = "/api/managedcertificates/autorenew"
PREFERENCES = "/api/preferences"
OVERDUE = CertificateSpec("www.example.com", state="overdue", endpoint="www.example.com:443")
SOUND = CertificateSpec("shop.example.com", endpoint="shop.example.com:443")

Json = dict[str, Any]


def make(generation: str = "v7", *faults: str, certificates: tuple[CertificateSpec, ...] = (OVERDUE, SOUND)) -> Scene:
    """A host with an overdue certificate and one in order, both served by name."""
    spec = HostSpec("web01.example.com", generation, certificates=certificates)
    clock = WatchedClock(NOW)
    host = build(spec, 0, clock)
    return Scene(FaultRules(FaultRule(fault) for fault in faults).apply_state(host, 0), clock)


class WatchedClock(StillClock):
    """A clock that does something once, the first time that something is so when it has been advanced."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self._waiting: list[tuple[Callable[[], bool], Callable[[], None]]] = []

    def when(self, condition: Callable[[], bool], act: Callable[[], None]) -> None:
        """Wait for it."""
        self._waiting.append((condition, act))

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        super().advance(seconds)
        for waiting in [one for one in self._waiting if one[0]()]:
            self._waiting.remove(waiting)
            waiting[1]()


@dataclass(slots=True)
class Scene:
    """One host, asked by a task of SYSTEM unless something else is said."""

    host: BuiltHost
    clock: WatchedClock
    process: str = "visit"
    made: list[Visit] = field(default_factory=list)

    @property
    def computer(self) -> Computer:
        return self.host.computer

    @property
    def product(self) -> Product:
        assert self.host.product is not None
        return self.host.product

    def inventory(self, access: str = "task", *, faults: VisitFaults | None = None) -> Json:
        """Facts with certificates."""
        asked = {"access": access, "tls": True}
        return self._value("Inventory", {"observe": OBSERVE, "certificates": asked}, faults)

    def certificates(self, access: str = "task", **more: Any) -> Json:
        """Their member `certificates`."""
        found: Json = self.inventory(access, **more)["certificates"]
        return found

    def renew(self, *ids: str, deadline: int = 900, faults: VisitFaults | None = None, **changed: Any) -> Json:
        """Renewed, for these items as they are now."""
        return self._value("Renew", self.asked(*ids, **changed), faults, deadline)

    def asked(self, *ids: str, **changed: Any) -> Json:
        """Parameters of Renew, for these items as they are now."""
        return {
            "run_id": RUN,
            "origin": {"by": "ops@admin01", "commit": None, "rolls_back": None},
            "observe": OBSERVE,
            "certificates": {"access": "task", "tls": False},
            "preferences": [],
            "renewals": [self._planned(one) for one in ids],
            "start_seconds": 120,
            "wait_seconds": 600,
            **changed,
        }

    def item(self, item_id: str) -> Json:
        """An item as an administrator is shown it; nobody is asked twice for the sake of a test."""
        asked = len(self.product.requests)
        visit = Visit(self.computer, Caller.ADMINISTRATOR, process="test")
        parameters = {"observe": OBSERVE, "certificates": {"access": "caller", "tls": False}}
        found = answer(visit, "Inventory", parameters)["value"]["certificates"]["items"]
        del self.product.requests[asked:]
        return next(one for one in found if one["id"] == item_id)

    def sent(self, path: str = AUTO_RENEW) -> int:
        """How often this route was asked to act."""
        return sum((one.method, one.path) == ("POST", path) for one in self.product.requests)

    def is_tidy(self) -> bool:
        """Whether nothing of a task is left."""
        computer = self.computer
        return computer.tasks.names() == () and computer.tasks.instances == [] and computer.files.entries(API) == ()

    def _planned(self, item_id: str) -> Json:
        item = self.item(item_id)
        return {name: item[name] for name in ("id", "attempted_utc_ms", "thumbprint")}

    def _value(self, name: str, parameters: Json, faults: VisitFaults | None, deadline: int = 60) -> Json:
        visit = Visit(self.computer, process=self.process, faults=faults or VisitFaults())
        self.made.append(visit)
        reply = answer(visit, name, parameters, deadline_seconds=deadline)
        assert reply["ok"], reply
        value: Json = reply["value"]
        return value
