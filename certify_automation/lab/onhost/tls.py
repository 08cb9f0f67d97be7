"""Certificates as Windows itself knows them: the stores of LocalMachine, and the bindings of http.sys."""

from __future__ import annotations

from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.http_sys import certificate_of
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import Computer

_STORES = ("My", "WebHosting")
_MOST = 5000


def tls_facts(computer: Computer) -> Json:
    """The `tls` of `certificates`."""
    kinds = {"ip": computer.ssl_bindings, "sni": computer.sni_bindings, "ccs": computer.ccs_bindings}
    return {
        "store": [one for store in _STORES for one in _stored(computer, store)][:_MOST],
        "bindings": [
            {"kind": kind, **certificate_of(name, bindings[name])}
            for kind, bindings in kinds.items()
            for name in sorted(bindings)
        ],
    }


def _stored(computer: Computer, store: str) -> list[Json]:
    return [
        {
            "store": store,
            "thumbprint": one.thumbprint,
            "subject": one.subject,
            "start_utc_ms": unix_ms(one.start),
            "expiry_utc_ms": unix_ms(one.expiry),
            "has_private_key": one.key_pem is not None,
        }
        for one in computer.certificates.of(store)
    ]
