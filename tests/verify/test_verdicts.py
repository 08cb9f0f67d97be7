"""Every verdict on an endpoint, with its cause and the next step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from certify_automation.model.certificate import (
    CertificateInventory,
    ManagedCertificate,
    StoreCertificate,
    TlsBinding,
    TlsFacts,
    Verdict,
)
from certify_automation.model.endpoint import NotReached, Obstacle, Presented
from certify_automation.model.renewal import Served
from certify_automation.verify import Roots, judge
from verify.pki import Identity, Wanted, authority, leaf

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASES = yaml.safe_load((Path(__file__).parents[1] / "cases" / "verify" / "verdicts.yaml").read_text("utf-8"))
NAME = "www.example.test"
GARBAGE = b"\x30\x03\x02\x01\x00"


def milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


class Situation:
    """One case: the certificates there are, what is served, and what the host says."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.issuer = issuers()[case.get("issuer", "intermediate")]
        names, addresses = case.get("names", [NAME]), case.get("addresses", [])
        old_names = case.get("old_names", names)
        self.certificates = {
            "new": self.leaf(names, addresses, case.get("days", [-1, 89])),
            "old": self.leaf(old_names, addresses, case.get("old_days", [-80, 10])),
            "stranger": self.leaf(names, addresses, [0, 90]),
        }

    def leaf(self, names: list[str], addresses: list[str], days: list[int]) -> Identity:
        start, end = (NOW + timedelta(days=one, minutes=-1) for one in days)
        return leaf(Wanted(names, addresses, start, end), self.issuer)

    @property
    def shown(self) -> Presented | NotReached:
        if "obstacle" in self.case:
            return NotReached(Obstacle(self.case["obstacle"]), "said the system")
        root, intermediate = (issuers()[one].der for one in ("root", "intermediate"))  # type: ignore[union-attr]
        direct = [] if self.issuer is None else [self.issuer.der]
        first = {"garbage": GARBAGE, "nothing": None}.get(self.case["serves"], b"")
        if first is None:
            return Presented((), "TLSv1.3")
        served = first or self.certificates[self.case["serves"]].der
        others = {"leaf": [], "garbage": [GARBAGE], "shuffled": [root, GARBAGE, intermediate]}
        return Presented((served, *others.get(self.case.get("sends", ""), direct)), "TLSv1.3")

    @property
    def served(self) -> Served:
        usual = {"host": "10.0.0.7", "port": 443, "sni": NAME, "certificate": "shop"}
        return Served(**{**usual, **self.case.get("served", {})})

    @property
    def inventory(self) -> CertificateInventory | None:
        if not self.case.get("inventory", True):
            return None
        new, old = self.certificates["new"], self.certificates["old"]
        usual = {
            "id": "id-1",
            "name": "shop",
            "thumbprint": new.sha1,
            "previous_thumbprint": old.sha1,
            "start_utc_ms": milliseconds(new.certificate.not_valid_before_utc),
            "expiry_utc_ms": milliseconds(new.certificate.not_valid_after_utc),
        }
        item = ManagedCertificate(**{**usual, **self.case.get("managed", {})})
        twins = [ManagedCertificate("id-2", "Shop")] if self.case.get("twins") else []
        return CertificateInventory("task", certificates=(item, *twins), tls=self.tls)

    @property
    def tls(self) -> TlsFacts | None:
        if not self.case.get("tables", True):
            return None
        key = self.case.get("private_key", True)
        store = [
            StoreCertificate("My", self.certificates[one].sha1, "CN=x", 0, 1, key)
            for one in self.case.get("store", ["new", "old"])
        ]
        bindings = [
            TlsBinding(one["kind"], one["name"], self.certificates[one["has"]].sha1.lower(), None)
            for one in self.case.get("bindings", [])
        ]
        return TlsFacts(tuple(store), tuple(bindings))

    @property
    def roots(self) -> Roots:
        return Roots([] if self.case.get("trust") == "nobody" else [ROOT.certificate])


ROOT = authority("Test Root", NOW)


@cache
def issuers() -> dict[str, Identity | None]:
    """Who may have issued a case's certificates; only the root is trusted."""
    intermediate = authority("Test Intermediate", NOW, ROOT)
    server = leaf(Wanted(["mail.example.test"], [], NOW - timedelta(days=1), NOW + timedelta(days=9)), ROOT)
    return {
        "root": ROOT,
        "intermediate": intermediate,
        "second": authority("Test Second", NOW, intermediate),
        "expired": authority("Test Expired", NOW - timedelta(days=3651), ROOT),
        "server": server,
        "itself": None,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_verdict(case: dict[str, Any]) -> None:
    at = Situation(case)
    judgement = judge(at.served, at.shown, at.inventory, at.roots, milliseconds(NOW))
    expected = case["expect"]
    assert judgement.verdict == expected["verdict"], judgement
    assert expected.get("cause", "") in judgement.cause
    assert expected.get("next", "") in judgement.next_step
    well = judgement.verdict in {Verdict.SERVED, Verdict.VALID}
    assert bool(judgement.cause) is not well
    assert bool(judgement.next_step) is not well


def test_every_verdict_has_a_case() -> None:
    assert {case["expect"]["verdict"] for case in CASES} == set(Verdict)


def test_what_was_presented_is_told() -> None:
    at = Situation({"serves": "new"})
    presented = judge(at.served, at.shown, at.inventory, at.roots, milliseconds(NOW)).presented
    assert presented is not None
    assert (presented.subject, presented.issuer, presented.key_type) == (NAME, "Test Intermediate", "EC secp256r1")
    assert presented.sha1 == at.certificates["new"].sha1
    assert len(presented.sha256) == 64
