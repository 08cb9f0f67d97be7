"""One certificate request of the product: what comes of it, and what the item and its log say afterwards.

The item is stored when the request ends and not before: while it runs nothing of it can be seen in the data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import NoEncryption, load_pem_private_key, pkcs12

from certify_automation.lab.certify import due
from certify_automation.lab.certify.acme import LETS_ENCRYPT, AcmeAuthority, AcmeProblem, Issued
from certify_automation.lab.certify.conditions import Conditions, Failure
from certify_automation.lab.certify.data_store import DataStore
from certify_automation.lab.certify.deployment import deploy, identifiers
from certify_automation.lab.certify.item_rows import Row, number_of
from certify_automation.lab.certify.logs import Log
from certify_automation.lab.windows.computer import Computer
from certify_automation.lab.windows.files import join, split

_FAILURES_BEFORE_FAILOVER = 2
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]')
_NO_ACCOUNT = (
    "There is no matching ACME account for the currently selected Certificate Authority. Check you have added a {kind} "
    "account for the CA under the app Settings."
)


class Requester(Protocol):
    """What a request needs of the product."""

    computer: Computer
    generation: str
    version: str
    conditions: Conditions

    def log(self, name: str) -> Log:
        """A file of the logs folder."""

    def data_folder(self) -> str:
        """Where certificates are kept."""


@dataclass(frozen=True, slots=True)
class RequestResult:
    """CertificateRequestResult; `item` as it is stored now."""

    item: Row
    succeeded: bool
    abort: bool
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is asked for.

    Attributes:
        reason: why, for the log; empty when somebody asked for this item.
        preview: everything but the order; counts as an attempt nevertheless.
        resume_paused: an item that waits for somebody goes on.
    """

    reason: str = ""
    preview: bool = False
    resume_paused: bool = False


def perform(product: Requester, store: DataStore, item: Row, attempt: Attempt, now: datetime) -> RequestResult:
    """Let one request end now; raises Win32Error when the data cannot be written."""
    log = product.log(log_name(str(item["Id"])))
    name = str(item.get("Name") or "")
    if item.get("LastRenewalStatus") == due.PAUSED and not attempt.resume_paused:
        return _stored(store, _attempted(item, due.PAUSED, "", now), succeeded=False, abort=True)
    log.session(now, "INF", f"---- Beginning Request [{name}] ----")
    if attempt.reason:
        log.session(now, "INF", f"Renewal Reason: {attempt.reason}")
    if attempt.preview:
        return _previewed(store, item, log, now)
    log.session(
        now, "INF", f"Certify/{product.version} (Microsoft Windows; {product.computer.installation.os_version}) "
    )
    authority_id = choose_authority(product.conditions, store, item)
    if authority_id is None:
        kind = "Staging" if item.get("UseStagingMode") else "Production"
        return _failed(store, item, log, Failure(_NO_ACCOUNT.format(kind=kind), abort=True), now)
    failure = product.conditions.failing.get(str(item["Id"]))
    failure = failure and failure.of(next(iter(identifiers(item)), ""), name)
    if failure is not None and not failure.validates:
        return _failed(store, item, log, failure, now)
    item = {**item, "LastAttemptedCA": authority_id}
    authority = product.conditions.reachable(now).get(authority_id)
    try:
        issued = _order(authority, item, failure, now)
    except AcmeProblem as problem:
        return _failed(store, item, log, Failure(str(problem)), now)
    return _renewed(product, store, item, issued, now)


def choose_authority(conditions: Conditions, store: DataStore, item: Row) -> str | None:
    """The authority an item is ordered from: its own or the preferred one, after failures perhaps another; None = none.

    After more than two failures in a row the next one there is an account with is tried, other than the last.
    """
    preferred = item.get("CertificateAuthorityId") or store.settings.get("DefaultCertificateAuthority") or LETS_ENCRYPT
    others = [known for known in conditions.accounts if known not in (preferred, item.get("LastAttemptedCA"))]
    failures = int(item.get("RenewalFailureCount") or 0) if item.get("LastRenewalStatus") == due.ERROR else 0
    wanted = store.settings.get("EnableAutomaticCAFailover") and item.get("LastAttemptedCA") == preferred
    if wanted and others and failures > _FAILURES_BEFORE_FAILOVER:
        return others[0]
    return str(preferred) if preferred in conditions.accounts else None


def log_name(item_id: str) -> str:
    """The file of an item's own log."""
    return f"log_{_NOT_IN_NAMES.sub('_', item_id)}.txt"


def _order(authority: AcmeAuthority | None, item: Row, failure: Failure | None, now: datetime) -> Issued:
    names = identifiers(item)
    if authority is None:
        raise AcmeProblem("Failed to communicate with the Certificate Authority. Check their status page.")
    if not names:
        raise AcmeProblem("The request has no identifiers.")
    if failure is not None:
        raise authority.refuse(names[0], failure.message, now)
    days = number_of((item.get("RequestConfig") or {}).get("PreferredExpiryDays"))
    return authority.order(names, now, days, staging=bool(item.get("UseStagingMode")))


def _previewed(store: DataStore, item: Row, log: Log, now: datetime) -> RequestResult:
    message = f"Certificate Request Skipped (on demand): {item.get('Name')}"
    log.session(now, "INF", f"[Progress] {message}")
    if item.get("LastRenewalStatus") == due.SUCCESS:
        changed = _attempted(item, due.SUCCESS, "", now)
        return _stored(store, changed, succeeded=True, abort=False, message=message)
    changed = _attempted(item, due.ERROR, message, now, failures=1)
    return _stored(store, changed, succeeded=False, abort=False, message=message)


def _failed(store: DataStore, item: Row, log: Log, failure: Failure, now: datetime) -> RequestResult:
    message = failure.message
    if failure.pauses:
        log.session(now, "WRN", f"Request paused: {message}")
        changed = _attempted(item, due.PAUSED, message, now)
        return _stored(store, changed, succeeded=False, abort=False, message=message)
    log.session(now, "ERR", message)
    changed = _attempted(item, due.ERROR, message, now, failures=failure.counts)
    return _stored(store, changed, succeeded=False, abort=failure.abort, message=message)


def _renewed(product: Requester, store: DataStore, item: Row, issued: Issued, now: datetime) -> RequestResult:
    path = write_file(product, issued)
    deploy(product.computer, item, issued, store.settings.get("DefaultCertificateStore"), product.conditions)
    changed = _attempted(item, due.SUCCESS, "", now) | certificate_of(item, issued, path) | {"DateRenewed": text(now)}
    changed.pop("DateNextScheduledRenewalAttempt", None)
    message = f"Request completed: {item.get('Name')}"
    product.log(log_name(str(item["Id"]))).session(now, "INF", f"[Progress] {message}")
    return _stored(store, changed, succeeded=True, abort=False, message=message)


def certificate_of(item: Row, issued: Issued, path: str) -> dict[str, Any]:
    """What an item says of its certificate once it has this one."""
    first = next(iter(identifiers(item)), "")
    return {
        "DateStart": text(issued.start),
        "DateExpiry": text(issued.expiry),
        "RenewalFailureCount": 0,
        "CertificateThumbprintHash": issued.thumbprint,
        "CertificatePreviousThumbprintHash": item.get("CertificateThumbprintHash"),
        "CertificatePath": path,
        "CertificateFriendlyName": f"{first} [Certify] - {issued.start:%d/%m/%Y} to {issued.expiry:%d/%m/%Y}",
        "CertificateCurrentCA": item.get("LastAttemptedCA"),
        "CertificateRevoked": False,
    }


def write_file(product: Requester, issued: Issued) -> str:
    """Write certificate and key as the product keeps them; returns where."""
    certificate = x509.load_der_x509_certificate(issued.der)
    key = load_pem_private_key(issued.key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority issues for NIST P-256 keys")
    content = pkcs12.serialize_key_and_certificates(None, key, certificate, None, NoEncryption())
    folder = join(join(product.data_folder(), "assets"), issued.thumbprint[:4])
    path = join(folder, f"{issued.thumbprint}.pfx")
    product.computer.files.make_folder(split(path)[0])
    product.computer.files.write(path, content)
    return path


def text(moment: datetime) -> str:
    """A date as the product stores it."""
    return moment.isoformat()


def _attempted(item: Row, status: int, message: str, now: datetime, failures: int = 0) -> dict[str, Any]:
    return {
        **item,
        "Version": int(item.get("Version") or 0) + max(1, failures),
        "DateLastRenewalAttempt": text(now),
        "LastRenewalStatus": status,
        "RenewalFailureCount": int(item.get("RenewalFailureCount") or 0) + failures,
        "RenewalFailureMessage": message,
    }


def _stored(
    store: DataStore, item: dict[str, Any], *, succeeded: bool, abort: bool, message: str = ""
) -> RequestResult:
    kept = {name: value for name, value in item.items() if value is not None}
    store.change([kept])
    return RequestResult(kept, succeeded, abort, message)
