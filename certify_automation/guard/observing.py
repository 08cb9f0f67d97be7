"""Requests that a product made by itself, as far as its certificates show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from certify_automation.due import authority_of
from certify_automation.guard.requests import CertificateRequest, PastRequest
from certify_automation.model.certificate import CertificateInventory, ManagedCertificate, RequestState

_MANUAL_ITEM = 2
"""The highest itemType of what the product requests itself; others are renewed elsewhere."""

_PASS_MS = 5 * 60 * 1000
_FAILURES_WITHOUT_BACK_OFF = 4
"""The product tries again in each pass, every five minutes, until an item has failed so often; then it backs off."""

_SAME_ATTEMPT_MS = 60 * 60 * 1000
"""How far the time of an attempt and the one recorded of it are taken to be apart at most."""


def observed(
    host: str, inventory: CertificateInventory, since_utc_ms: int, ahead_ms: int = 0
) -> tuple[PastRequest, ...]:
    """Successes and failed attempts since then; of each certificate only the last are known.

    Args:
        host: whose they are.
        inventory: with times by the host's clock.
        since_utc_ms: by this computer's clock, as the times of the answer are.
        ahead_ms: how far the host's clock is ahead of this computer's.
    """
    preferences = inventory.preferences or {}
    return tuple(
        replace(past, at_utc_ms=past.at_utc_ms - ahead_ms)
        for certificate in inventory.certificates or ()
        if certificate.item_type <= _MANUAL_ITEM
        for past in _requests(host, certificate, authority_of(certificate, preferences))
        if past.at_utc_ms - ahead_ms >= since_utc_ms
    )


def without_recorded(seen: Iterable[PastRequest], recorded: Iterable[PastRequest]) -> tuple[PastRequest, ...]:
    """Those of `seen` that are no request of `recorded`: each recorded one stands for one seen at most."""
    known: defaultdict[tuple[str, str], list[PastRequest]] = defaultdict(list)
    for past in recorded:
        known[past.request.host, past.request.id].append(past)
    further: list[PastRequest] = []
    for past in seen:
        candidates = known.get((past.request.host, past.request.id), [])
        same = next((candidate for candidate in candidates if _same(past, candidate)), None)
        if same is None:
            further.append(past)
        else:
            candidates.remove(same)
    return tuple(further)


def _same(seen: PastRequest, recorded: PastRequest) -> bool:
    agree = recorded.succeeded is None or recorded.succeeded == seen.succeeded
    return agree and abs(seen.at_utc_ms - recorded.at_utc_ms) <= _SAME_ATTEMPT_MS


def _requests(host: str, certificate: ManagedCertificate, wanted: str) -> Iterator[PastRequest]:
    if certificate.renewed_utc_ms is not None:
        issued = _request(host, certificate, certificate.current_authority or wanted)
        yield PastRequest(issued, certificate.renewed_utc_ms, succeeded=True)
    if certificate.attempted_utc_ms is None or certificate.status != RequestState.ERROR:
        return
    failed = _request(host, certificate, certificate.last_authority or wanted)
    often = certificate.failures if certificate.failures <= _FAILURES_WITHOUT_BACK_OFF else 1
    for number in range(max(often, 1)):
        yield PastRequest(failed, certificate.attempted_utc_ms - number * _PASS_MS, succeeded=False)


def _request(host: str, certificate: ManagedCertificate, authority: str) -> CertificateRequest:
    return CertificateRequest(
        host,
        certificate.id,
        certificate.name,
        authority,
        certificate.staging,
        certificate.identifiers,
        certificate.thumbprint,
    )
