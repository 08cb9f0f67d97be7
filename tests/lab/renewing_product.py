"""A computer with a running product that manages certificates, and how tests talk to its API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.certify import ApiRequest, ApiResponse, Authorities, Caller, Product, send
from certify_automation.lab.hosts import HostSpec, build
from certify_automation.lab.windows import Computer, StillClock

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
GENERATIONS = ("v6", "v7")


@dataclass(slots=True)
class Host:
    """The computer, its product, and requests to it."""

    computer: Computer
    product: Product

    def ask(self, method: str, path: str, body: Any = None) -> ApiResponse:
        """One request of an administrator."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        answer = send(
            self.computer,
            "http://127.0.0.2:9696",
            ApiRequest(method, f"/api/{path}", headers, data, Caller.ADMINISTRATOR),
        )
        assert isinstance(answer, ApiResponse), answer
        return answer

    def get(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be 200."""
        answer = self.ask(method, path, body)
        assert answer.status == 200, (answer.status, answer.body)
        return json.loads(answer.body)

    def item(self, item_id: str) -> dict[str, Any]:
        """An item by id."""
        found: dict[str, Any] = self.get("GET", f"managedcertificates/{item_id}")
        return found

    def autorenew(self, *ids: str, wait: bool = False, **more: Any) -> Any:
        """POST autorenew."""
        settings = {"mode": 0, "awaitResults": wait, "targetManagedCertificates": list(ids), **more}
        return self.get("POST", "managedcertificates/autorenew", settings)

    def pass_time(self, seconds: float) -> None:
        """Turn the clock."""
        self.computer.clock.advance(seconds)

    def passes(self) -> list[str]:
        """The lines of session.log that tell of passes."""
        log = self.computer.files.read(f"{self.product.data_folder()}\\logs\\session.log").decode()
        return [line for line in log.splitlines() if "renewal tasks" in line]


def spec(name: str, state: str = "ok", **more: Any) -> CertificateSpec:
    """A certificate whose id is its name."""
    return CertificateSpec(name, state=state, id=name, **more)


def make_host(
    *certificates: CertificateSpec,
    generation: str = "v7",
    timer: bool | None = None,
    authorities: Authorities | None = None,
) -> Host:
    """A host with these certificates; the product's timer as its certificates have it, unless told."""
    host = build(HostSpec("web01", generation, certificates=certificates), 0, StillClock(NOW), authorities=authorities)
    assert host.product is not None
    if timer is not None:
        host.product.conditions.timer = timer
    return Host(host.computer, host.product)
