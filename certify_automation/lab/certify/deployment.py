"""Where a new certificate goes: the computer's certificate store, and the https bindings of its sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certify_automation.lab.certify.acme import Issued
from certify_automation.lab.certify.conditions import Conditions
from certify_automation.lab.certify.item_rows import Row
from certify_automation.lab.windows.certificates import INTERMEDIATE, PERSONAL, WEB_HOSTING, stored
from certify_automation.lab.windows.computer import Computer

AUTO, SINGLE_SITE, ALL_SITES, STORE_ONLY, NO_DEPLOYMENT = 5, 10, 20, 30, 40
"""DeploymentOption."""

IIS = UUID("4dc3e181-e14b-4a21-b022-59fc669b0914")
"""The appid of IIS' certificate bindings in http.sys."""

Binding = dict[str, bytes | str]


def deploy(computer: Computer, item: Row, issued: Issued, store: object, conditions: Conditions) -> None:
    """Put a certificate into its store and point the bindings it is for at it.

    Args:
        computer: it is deployed on.
        item: as stored before the renewal.
        issued: the new certificate.
        store: the preference defaultCertificateStore.
        conditions: which sites there are, and whether this item's bindings follow.
    """
    name = WEB_HOSTING if str(store).lower() == WEB_HOSTING.lower() else PERSONAL
    computer.certificates.add(name, stored(issued.der, issued.key_pem))
    chain = x509.load_pem_x509_certificate(issued.chain_pem).public_bytes(Encoding.DER)
    computer.certificates.add(INTERMEDIATE, stored(chain))
    if item["Id"] in conditions.not_followed:
        return
    for binding in _targets(computer, item, conditions):
        bind(binding, issued.thumbprint, name)


def bind(binding: Binding, thumbprint: str, store: str = PERSONAL) -> None:
    """Point an http.sys binding at a certificate."""
    binding.update({"SslCertHash": bytes.fromhex(thumbprint), "SslCertStoreName": store})
    binding.setdefault("AppId", IIS.bytes_le)


def identifiers(item: Row) -> list[str]:
    """Names and addresses an item orders, the primary one first."""
    config = item.get("RequestConfig") or {}
    found = [config.get("PrimaryDomain"), *(config.get("SubjectAlternativeNames") or ())]
    found += config.get("SubjectIPAddresses") or ()
    return list(dict.fromkeys(str(name).lower() for name in found if name))


def covers(identifier: str, host: str) -> bool:
    """Whether a certificate for this identifier is for this host; a wildcard stands for one label."""
    if identifier.startswith("*."):
        return host.partition(".")[2] == identifier[2:]
    return identifier == host


def _targets(computer: Computer, item: Row, conditions: Conditions) -> Iterator[Binding]:
    option = (item.get("RequestConfig") or {}).get("DeploymentSiteOption", SINGLE_SITE)
    named: Mapping[str, Binding] = {**computer.ssl_bindings, **computer.sni_bindings}
    if option == SINGLE_SITE:
        wanted = conditions.sites.get(str(item.get("ServerSiteId")), [])
        yield from (named[name] for name in wanted if name in named)
    if option not in (AUTO, ALL_SITES):
        return
    before = _hash(str(item.get("CertificateThumbprintHash") or ""))
    names = identifiers(item)
    for name, binding in named.items():
        host = name.rpartition(":")[0].lower()
        matches = name in computer.sni_bindings and any(covers(known, host) for known in names)
        if matches or (before and binding.get("SslCertHash") == before):
            yield binding


def _hash(thumbprint: str) -> bytes:
    try:
        return bytes.fromhex(thumbprint)
    except ValueError:
        return b""
