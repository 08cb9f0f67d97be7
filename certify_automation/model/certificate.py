"""Managed certificates as the product's API shows them on a host, and what of Windows' own tables belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from certify_automation.model.config_files import JsonValue


class RequestState(IntEnum):
    """The product's own states of the last attempt."""

    NOT_RUNNING = 0
    RUNNING = 1
    ERROR = 2
    SUCCESS = 3
    PAUSED = 4
    WARNING = 5
    QUEUED = 6
    SKIPPED = 7


ACME_ITEM = 1
"""itemType of what the product renews by itself; 2 is manual, 3 external, 4 a subscription."""


@dataclass(frozen=True, slots=True)
class ManagedCertificate:
    """One item of the product; times in milliseconds since 1970-01-01 UTC by the host's clock, None = never, none.

    Attributes:
        id: case-sensitive.
        name: as the administrator called it; not unique.
        identifiers: the primary domain first, then the other names and addresses ordered.
        authority: id of the certification authority the item asks for; None = the preferred one.
        current_authority: of the certificate there is.
        last_authority: of the last attempt.
        staging: ordered from the authority's test system.
        auto_renew: includeInAutoRenew, which some builds do not honour.
        interval_mode, interval_target: the item's own renewal interval.
        preferred_expiry_days: the lifetime asked of the authority.
        renewed_utc_ms: the last success; attempted_utc_ms: the end of the last attempt.
        scheduled_utc_ms: dateNextScheduledRenewalAttempt, set by ARI and OCSP.
        status: of the last attempt, a RequestState or a number this program does not know; None = never attempted.
        failures: in a row.
        thumbprint, previous_thumbprint: SHA-1 in upper-case hex.
        deployment: deploymentSiteOption: 5 auto, 10 one site, 20 all sites, 30 store only, 40 none.
    """

    id: str
    name: str
    identifiers: tuple[str, ...] = ()
    item_type: int = ACME_ITEM
    authority: str | None = None
    current_authority: str | None = None
    last_authority: str | None = None
    staging: bool = False
    auto_renew: bool = True
    skip_request: bool = False
    interval_mode: str | None = None
    interval_target: float | None = None
    preferred_expiry_days: float | None = None
    start_utc_ms: int | None = None
    expiry_utc_ms: int | None = None
    renewed_utc_ms: int | None = None
    scheduled_utc_ms: int | None = None
    attempted_utc_ms: int | None = None
    status: int | None = None
    failures: int = 0
    failure_message: str | None = None
    thumbprint: str | None = None
    previous_thumbprint: str | None = None
    revoked: bool = False
    deployment: int | None = None
    site: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether the product is working on a request of it."""
        return self.status in {RequestState.RUNNING, RequestState.QUEUED}


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """Why the API did not say all that was asked.

    Attributes:
        code: `unreachable`, `refused` (401, 403), `status` (another), `answer` (not what it should be), `task`.
        message: an excerpt, without a stack trace; in the host's own language.
        request: the verb and path asked, empty when none was.
        status: of the answer, when there was one.
    """

    code: str
    message: str
    request: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class StoreCertificate:
    """An entry of a certificate store of the computer; store is `My` or `WebHosting`."""

    store: str
    thumbprint: str
    subject: str
    start_utc_ms: int
    expiry_utc_ms: int
    has_private_key: bool


@dataclass(frozen=True, slots=True)
class TlsBinding:
    """A certificate bound in http.sys.

    Attributes:
        kind: `ip` (name is `address:port`), `sni` (`host:port`) or `ccs` (`port`).
        cert_hash: SHA-1 in lower-case hex.
        store: None = My.
    """

    kind: str
    name: str
    cert_hash: str | None
    store: str | None


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What Windows itself knows of certificates on a host."""

    store: tuple[StoreCertificate, ...] = ()
    bindings: tuple[TlsBinding, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateInventory:
    """What one visit learned about preferences and certificates.

    Attributes:
        access: who asked the API: `caller`, or a `task` of SYSTEM.
        failure: why something is missing below; None = everything asked was answered.
        preferences: as GET preferences answers, by the product's own names; None = not answered.
        issuer_cache: enableIssuerCache as appsettings.json has it, because GET never reports it; None = not known.
        total: how many items there are by the API's own count.
        certificates: None = not answered; one that changed while pages were read may be missing or newer.
        passes: the last lines of session.log that speak of renewal passes, oldest first.
        service_started_utc_ms: when the service's process started.
        tls: None = not asked for.
    """

    access: str
    failure: ApiFailure | None = None
    preferences: Mapping[str, JsonValue] | None = None
    issuer_cache: bool | None = None
    total: int | None = None
    certificates: tuple[ManagedCertificate, ...] | None = None
    passes: tuple[str, ...] = ()
    service_started_utc_ms: int | None = None
    tls: TlsFacts | None = None


class Verdict(StrEnum):
    """What an endpoint serves, held against what the product manages; the value is what is shown and stored.

    VALID: there was nothing to hold it against, and nothing is wrong with it.
    """

    SERVED = "served"
    VALID = "valid"
    OLD = "old_certificate"
    OTHER = "other_certificate"
    WRONG_NAME = "wrong_name"
    CHAIN_INCOMPLETE = "chain_incomplete"
    NOT_TRUSTED = "not_trusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    UNREADABLE = "unreadable_certificate"
    NOT_REACHABLE = "not_reachable"
    NOT_MANAGED = "not_managed"
    NOT_COMPARED = "not_compared"
