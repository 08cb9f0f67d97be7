"""Managed certificates of a lab host as values, and the product's data, stores and bindings they describe."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from random import Random
from typing import Any

from certify_automation.lab.certify import due
from certify_automation.lab.certify.acme import LETS_ENCRYPT, Issued
from certify_automation.lab.certify.certificate_requests import certificate_of, text, write_file
from certify_automation.lab.certify.conditions import FAILURES
from certify_automation.lab.certify.data_store import DataStore
from certify_automation.lab.certify.deployment import AUTO, Binding, bind, deploy
from certify_automation.lab.certify.product import Product

_ELAPSED = {"ok": 0.2, "due_soon": 0.72, "overdue": 0.85, "expired": 1.03, "served_old": 0.1, "revoked": 0.3}
_FAILING = "failing_"
STATES = (*_ELAPSED, "never", "paused", *(f"{_FAILING}{kind}" for kind in FAILURES if kind != "paused"))
"""What a CertificateSpec may say of itself."""

_PASSED_BY_DEFAULT = 0.8
_FAILURES = 5
_SINCE_FAILURE = timedelta(hours=30)
_SINCE_PAUSED = timedelta(days=2)
_SOON_ENOUGH = ("ok", "due_soon", "served_old", "paused")
_WEIGHTS = {"ok": 80, "due_soon": 10, "overdue": 4, "failing_dns": 3, "paused": 2, "never": 1}


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """One managed certificate.

    Attributes:
        name: of the item.
        identifiers: names and addresses, the primary one first; none = the item's name.
        state: one of STATES. `overdue` and whatever else would be renewed at once keep the product's own timer off.
        days: the certificate's lifetime.
        endpoint: where it is served: `www.example.com:443` by name, `10.20.0.1:443` by address. Without one the item
            has a thumbprint and no certificate behind it.
        authority: id of the certification authority.
        staging: ordered from its test service.
        automatic: includeInAutoRenew.
        id: of the item; empty for one made from its name.
    """

    name: str
    identifiers: tuple[str, ...] = ()
    state: str = "ok"
    days: float = 90
    endpoint: str = ""
    authority: str = LETS_ENCRYPT
    staging: bool = False
    automatic: bool = True
    id: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What it is for."""
        return self.identifiers or (self.name,)

    @property
    def item_id(self) -> str:
        """The item's id: a GUID and a number, as the product makes them."""
        return self.id or f"{uuid.uuid5(uuid.NAMESPACE_DNS, '/'.join((self.name, *self.names)))}:0"


def install_certificates(product: Product, specs: Sequence[CertificateSpec]) -> None:
    """Give a running product these certificates, as if it had requested them in the past.

    Raises:
        ValueError: no such state or authority, or the product does not run.
    """
    if product.store is None:
        raise ValueError("the product does not run")
    unknown = sorted({spec.state for spec in specs} - set(STATES))
    if unknown:
        raise ValueError(f"no such state of a certificate: {', '.join(unknown)}")
    now = product.computer.clock.now().replace(microsecond=0)
    strange = sorted({spec.authority for spec in specs} - set(product.conditions.reachable(now)))
    if strange:
        raise ValueError(f"no such authority: {', '.join(strange)}")
    accounts = product.conditions.accounts
    accounts += sorted({spec.authority for spec in specs} - set(accounts))
    product.store.change([_Installer(product, product.store, now).row(spec) for spec in specs])
    if any(spec.state not in _SOON_ENOUGH for spec in specs):
        product.conditions.timer = False


def generated_certificates(
    count: int, host: str, random: Random, *, served: bool = False
) -> tuple[CertificateSpec, ...]:
    """So many certificates of a host, most of them in order; each served by its name, or none."""
    states = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    names = [f"site{number:04}.{host}" for number in range(1, count + 1)]
    return tuple(
        CertificateSpec(name, state=state, endpoint=f"{name}:443" if served else "")
        for name, state in zip(names, states, strict=True)
    )


class _Installer:
    """Makes rows for one product at one time."""

    def __init__(self, product: Product, store: DataStore, now: datetime) -> None:
        self._product = product
        self._store = store
        self._now = now

    def row(self, spec: CertificateSpec) -> dict[str, Any]:
        item = _requested(spec)
        if spec.endpoint:
            self._make_binding(spec)
        if spec.state != "never":
            self._renewed(spec, item)
        kind = spec.state.removeprefix(_FAILING)
        if kind in FAILURES:
            self._failing(spec, item, kind)
        if spec.state == "revoked":
            self._revoked(spec, item)
        return {name: value for name, value in item.items() if value is not None}

    def _renewed(self, spec: CertificateSpec, item: dict[str, Any]) -> None:
        if spec.state == "served_old":
            item |= certificate_of(item, *self._certificate(spec, item, _PASSED_BY_DEFAULT))
            self._product.conditions.not_followed.add(spec.item_id)
        issued, path = self._certificate(spec, item, _ELAPSED.get(spec.state, _PASSED_BY_DEFAULT))
        renewed = {"LastAttemptedCA": spec.authority, "LastRenewalStatus": due.SUCCESS, "RenewalFailureMessage": ""}
        dates = {"DateRenewed": text(issued.start), "DateLastRenewalAttempt": text(issued.start)}
        item |= renewed | dates
        item |= certificate_of(item, issued, path)

    def _certificate(self, spec: CertificateSpec, item: dict[str, Any], elapsed: float) -> tuple[Issued, str]:
        lifetime = timedelta(days=spec.days)
        start = self._now - lifetime * elapsed
        authority = self._product.conditions.reachable(self._now)[spec.authority]
        authority.remember(spec.names)
        if not spec.endpoint:
            thumbprint = hashlib.sha1(f"{spec.item_id}{start}".encode()).hexdigest().upper()  # noqa: S324
            path = f"{self._product.data_folder()}\\assets\\{thumbprint[:4]}\\{thumbprint}.pfx"
            return Issued(thumbprint, b"", b"", b"", b"", start, start + lifetime), path
        issued = authority.issue(spec.names, start, start + lifetime)
        preferred = self._store.settings.get("DefaultCertificateStore")
        deploy(self._product.computer, item, issued, preferred, self._product.conditions)
        if spec.item_id not in self._product.conditions.not_followed:
            bind(self._binding(spec), issued.thumbprint)
        return issued, write_file(self._product, issued)

    def _failing(self, spec: CertificateSpec, item: dict[str, Any], kind: str) -> None:
        failure = FAILURES[kind]
        self._product.conditions.failing[spec.item_id] = failure
        since = _SINCE_PAUSED if failure.pauses else _SINCE_FAILURE
        item |= {
            "LastRenewalStatus": due.PAUSED if failure.pauses else due.ERROR,
            "RenewalFailureCount": 0 if failure.pauses else _FAILURES,
            "RenewalFailureMessage": failure.of(spec.names[0], spec.name).message,
            "DateLastRenewalAttempt": text(self._now - since),
        }

    def _revoked(self, spec: CertificateSpec, item: dict[str, Any]) -> None:
        authority = self._product.conditions.reachable(self._now)[spec.authority]
        authority.revoked.add(item["CertificateThumbprintHash"])
        item |= {"CertificateRevoked": True, "DateNextScheduledRenewalAttempt": text(self._now)}

    def _make_binding(self, spec: CertificateSpec) -> None:
        sites = self._product.conditions.sites
        self._bindings(spec).setdefault(spec.endpoint, {})
        sites.setdefault(str(len(sites) + 1), []).append(spec.endpoint)

    def _binding(self, spec: CertificateSpec) -> Binding:
        return self._bindings(spec)[spec.endpoint]

    def _bindings(self, spec: CertificateSpec) -> dict[str, Binding]:
        computer = self._product.computer
        return computer.ssl_bindings if _is_address(spec.endpoint.rpartition(":")[0]) else computer.sni_bindings


def _requested(spec: CertificateSpec) -> dict[str, Any]:
    """The item as its administrator made it."""
    names = [name for name in spec.names if not _is_address(name)]
    return {
        "Id": spec.item_id,
        "Version": 1,
        "Name": spec.name,
        "ItemType": 1,
        "IncludeInAutoRenew": spec.automatic,
        "UseStagingMode": spec.staging,
        "CertificateAuthorityId": spec.authority,
        "DomainOptions": list(_domains(names)),
        "RequestConfig": {
            "PrimaryDomain": spec.names[0],
            "SubjectAlternativeNames": names,
            "SubjectIPAddresses": [name for name in spec.names if _is_address(name)],
            "DeploymentSiteOption": AUTO,
            "Challenges": [{"ChallengeType": "dns-01" if any("*" in name for name in names) else "http-01"}],
        },
    }


def _domains(names: Iterable[str]) -> Iterable[dict[str, Any]]:
    for number, name in enumerate(names):
        yield {
            "Domain": name,
            "IsPrimaryDomain": number == 0,
            "IsSelected": True,
            "IsManualEntry": True,
            "Title": "",
            "Type": "dns",
        }


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
