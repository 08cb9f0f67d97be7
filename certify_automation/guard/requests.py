"""Requests of certificates: those wanted now, and those made before."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.model.renewal import CertificateRenew


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """One certificate that a host is to request.

    Attributes:
        id, name: of the managed certificate.
        authority: whom it is requested from, by the product's id; staging: from its test system.
        identifiers: what is ordered.
        thumbprint: of the certificate it is to replace, when there is one.
        attempted_utc_ms: when the item was last attempted, by the host's clock.
    """

    host: str
    id: str
    name: str
    authority: str
    staging: bool
    identifiers: tuple[str, ...]
    thumbprint: str | None = None
    attempted_utc_ms: int | None = None

    @classmethod
    def of(cls, host: str, change: CertificateRenew) -> CertificateRequest:
        """The request that a planned renewal makes."""
        return cls(
            host,
            change.id,
            change.name,
            change.authority,
            change.staging,
            change.identifiers,
            change.thumbprint,
            change.attempted_utc_ms,
        )


@dataclass(frozen=True, slots=True)
class PastRequest:
    """A request that was made, or may have been.

    Attributes:
        at_utc_ms: the latest time at which it can have been made.
        succeeded: None = not known, which counts as a certificate and as a failed validation.
    """

    request: CertificateRequest
    at_utc_ms: int
    succeeded: bool | None
