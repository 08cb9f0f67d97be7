"""The contract's JSON -> certificates, and what became of renewals; the documents have passed their schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify_automation.model.certificate import (
    ApiFailure,
    CertificateInventory,
    ManagedCertificate,
    StoreCertificate,
    TlsBinding,
    TlsFacts,
)

Json = Mapping[str, Any]


def inventory_from_json(j: Json) -> CertificateInventory:
    """The `certificates` of Facts."""
    items = j["items"]
    return CertificateInventory(
        access=j["access"],
        failure=None if j["failure"] is None else ApiFailure(**j["failure"]),
        preferences=j["preferences"],
        issuer_cache=j["issuer_cache"],
        total=j["total"],
        certificates=None if items is None else tuple(_certificate(item) for item in items),
        passes=tuple(j["passes"]),
        service_started_utc_ms=j["service_started_utc_ms"],
        tls=None if j["tls"] is None else _tls(j["tls"]),
    )


def _certificate(j: Json) -> ManagedCertificate:
    target, days = j["interval_target"], j["preferred_expiry_days"]
    told = {name: value for name, value in j.items() if name != "has_certificate"}  # a thumbprint says the same
    changed = {
        "name": j["name"] or "",
        "identifiers": tuple(j["identifiers"]),
        "interval_target": None if target is None else float(target),
        "preferred_expiry_days": None if days is None else float(days),
    }
    return ManagedCertificate(**{**told, **changed})


def _tls(j: Json) -> TlsFacts:
    return TlsFacts(
        tuple(StoreCertificate(**one) for one in j["store"]), tuple(TlsBinding(**one) for one in j["bindings"])
    )
