"""When a declared policy makes a certificate due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from certify_automation.due import Due, Rule, lifetime_ms, moment_text, span_text
from certify_automation.model.certificate import ManagedCertificate, RequestState
from certify_automation.model.renewal import RenewalPolicy

_DAY_MS = 86_400_000
_ONE_ATTEMPT_MS = 3_600_000
"""Longer than an attempt takes."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy makes of a certificate.

    Attributes:
        due: now.
        reason: why it is due, ready to show; empty when it is not.
        due_utc_ms: when it becomes or became due, jitter included; None = at once when it is due, otherwise never.
        ahead: why it is not due yet, ready to show; empty when that is for the product to say.
    """

    due: bool
    reason: str = ""
    due_utc_ms: int | None = None
    ahead: str = ""


@dataclass(frozen=True, slots=True)
class _Moment:
    """When it is due without jitter, why it is then, and what asks for that; that is empty for the product's rule."""

    utc_ms: int
    reason: str
    asked: str = ""


def by_policy(host: str, policy: RenewalPolicy, certificate: ManagedCertificate, own: Due, now_utc_ms: int) -> Ruling:
    """Whether the policy has the certificate renewed now.

    What has never been renewed is due at once, and so is what the product has scheduled. Otherwise the declared moment
    counts, or that of the product where none is declared or can be met, and the jitter after it.

    Args:
        host: on which the certificate is; its jitter depends on that and on the certificate's id.
        policy: as declared.
        certificate: as the API shows it.
        own: what the product itself makes of it.
        now_utc_ms: by the host's clock.
    """
    scheduled = certificate.scheduled_utc_ms
    if own.rule is Rule.NEVER_RENEWED or (scheduled is not None and scheduled <= now_utc_ms):
        return Ruling(due=True, reason=own.text, due_utc_ms=own.due_utc_ms)
    moment = _declared(policy, certificate, now_utc_ms)
    if moment is None:
        if own.due_utc_ms is None:
            return Ruling(own.due, own.text if own.due else "")
        moment = _Moment(own.due_utc_ms, own.text)
    late = _jitter_ms(host, certificate.id, policy.jitter_seconds)
    at = _delayed(moment.utc_ms, late, certificate.expiry_utc_ms)
    if at <= now_utc_ms:
        return Ruling(due=True, reason=moment.reason, due_utc_ms=at)
    ahead = f"{moment.asked}: from {moment_text(at)} on" if moment.asked else ""
    return Ruling(due=False, due_utc_ms=at, ahead=ahead)


def first_of(own: Due, ruling: Ruling) -> Due:
    """What the product or the policy makes of a certificate, whichever comes first.

    Where that is the policy, its rule is POLICY; how the product holds back what fails stays as it is.
    """
    if own.due and own.due_utc_ms is None:
        return own
    if ruling.due and not own.due:
        return replace(own, due=True, due_utc_ms=ruling.due_utc_ms, rule=Rule.POLICY, text=ruling.reason)
    at = ruling.due_utc_ms
    if at is None or (own.due_utc_ms is not None and own.due_utc_ms <= at):
        return own
    return replace(own, due_utc_ms=at, rule=Rule.POLICY, text=ruling.reason or ruling.ahead or own.text)


def too_short(policy: RenewalPolicy, certificate: ManagedCertificate) -> bool:
    """Whether a new certificate of that lifetime would be due again before a third of it has passed."""
    lifetime, ensured = lifetime_ms(certificate), policy.ensure_valid_for_seconds
    return lifetime is not None and ensured is not None and 3 * ensured * 1000 >= 2 * lifetime


def failing(certificate: ManagedCertificate) -> bool:
    """Whether the last attempt ended with an error or a warning, or some in a row have failed since a success."""
    if certificate.status in {RequestState.ERROR, RequestState.WARNING}:
        return True
    return certificate.failures > 0 and certificate.status != RequestState.SUCCESS


def issued_at_last(certificate: ManagedCertificate) -> bool:
    """Whether the last attempt did bring a certificate, whatever failed after that."""
    renewed, attempted = certificate.renewed_utc_ms, certificate.attempted_utc_ms
    return renewed is not None and attempted is not None and attempted - renewed < _ONE_ATTEMPT_MS


def _declared(policy: RenewalPolicy, certificate: ManagedCertificate, now_utc_ms: int) -> _Moment | None:
    start, expiry = certificate.start_utc_ms, certificate.expiry_utc_ms
    ensured = policy.ensure_valid_for_seconds
    if policy.percent is not None and start is not None and expiry is not None:
        at = start + (expiry - start) * policy.percent // 100
        share = f"{policy.percent} % of its lifetime"
        return _Moment(at, f"{share}, as policy asks, passed on {moment_text(at)}", f"policy asks for it after {share}")
    if ensured is not None and expiry is not None and not too_short(policy, certificate):
        left = (expiry - now_utc_ms) // 1000
        state = f"expires in {span_text(left)}" if left >= 0 else f"expired {span_text(left)} ago"
        asked = f"policy asks for {span_text(ensured)}"
        return _Moment(expiry - ensured * 1000, f"{state}, {asked}", asked)
    return None


def _jitter_ms(host: str, certificate_id: str, jitter_seconds: int) -> int:
    """The same amount for the same certificate of the same host, spread evenly over all of them."""
    if jitter_seconds <= 0:
        return 0
    digest = sha256(f"{host.casefold()}\n{certificate_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % (jitter_seconds * 1000 + 1)


def _delayed(at_utc_ms: int, late_ms: int, expiry_utc_ms: int | None) -> int:
    if expiry_utc_ms is None:
        return at_utc_ms + late_ms
    return max(at_utc_ms, min(at_utc_ms + late_ms, expiry_utc_ms - _DAY_MS))
