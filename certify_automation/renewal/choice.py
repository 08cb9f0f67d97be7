"""Which certificates of a host are requested now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from certify_automation.due import authority_of, due, preference_warnings, urgency
from certify_automation.model.certificate import ACME_ITEM, CertificateInventory, ManagedCertificate
from certify_automation.model.renewal import CertificateRenew, Held, Hold, RenewalPolicy
from certify_automation.renewal.filters import matches, matches_any
from certify_automation.renewal.holds import failure_text, hold_of
from certify_automation.renewal.policy import by_policy, failing
from certify_automation.renewal.terms import Choice, Judged, Terms, Wanted
from certify_automation.renewal.warnings import warnings

_PASS = 50
"""How many requests the product makes in one pass unless its preferences say otherwise."""
_OFTEN = 4
"""Failures in a row from which on the product itself tries less often."""


def choose(
    host: str, policy: RenewalPolicy, inventory: CertificateInventory, wanted: Wanted, now_utc_ms: int
) -> Choice:
    """Which certificates of a host are requested now, which are held back and why.

    At most one pass of the product is chosen, and no more than the policy's max_per_run. What is paused, or what the
    product is working on, is never chosen. Items of other types, those of which the product requests nothing
    (skipCertificateRequest), those not included and those neither due nor failing are in neither list.

    Args:
        host: name, on which the jitter of a certificate depends.
        policy: as declared for the host.
        inventory: what a visit learned; without preferences or certificates nothing is chosen.
        wanted: what the caller asks for beyond the policy.
        now_utc_ms: by the host's clock, not later than the inventory by more than the caller accepts.

    Returns:
        Warnings are CA3101 to CA3109 (settings of the product that do not do what they seem to) and CA3121 to CA3123
        (a policy that cannot be met).
    """
    certificates, preferences = inventory.certificates, inventory.preferences
    if certificates is None or preferences is None:
        return Choice()
    terms = Terms(host, policy, preferences, wanted, now_utc_ms)
    judged = [_judge(terms, certificate) for certificate in certificates if _meant(terms, certificate)]
    if wanted.filters.due:
        judged = [one for one in judged if one.own.due or (one.ruling.due and covers(policy, one.certificate))]
    candidates = sorted((one for one in judged if one.wanted), key=lambda one: _order(terms, one))
    free = [one for one in candidates if one.held is None]
    limit = _limit(terms)
    over = {one.certificate.id: _over(one, limit) for one in free[limit:]}
    held = (one.held or over.get(one.certificate.id) for one in candidates)
    return Choice(
        tuple(_renewal(terms, one) for one in free[:limit]),
        tuple(one for one in held if one is not None),
        (*preference_warnings(preferences), *warnings(terms, judged)),
    )


def covers(policy: RenewalPolicy, certificate: ManagedCertificate) -> bool:
    """Whether the policy is for a certificate, by its name, its id and its identifiers."""
    texts = (certificate.name, certificate.id, *certificate.identifiers)
    included = not policy.include or matches_any(policy.include, texts)
    return included and not matches_any(policy.exclude, texts)


def _meant(terms: Terms, certificate: ManagedCertificate) -> bool:
    if certificate.item_type != ACME_ITEM or certificate.skip_request:
        return False
    if not terms.wanted.forced and not covers(terms.policy, certificate):
        return False
    return matches(terms.wanted.filters, terms.host, certificate, terms.preferences, terms.now_utc_ms)


def _judge(terms: Terms, certificate: ManagedCertificate) -> Judged:
    own = due(certificate, terms.preferences, terms.now_utc_ms)
    ruling = by_policy(terms.host, terms.policy, certificate, own, terms.now_utc_ms)
    wanted = terms.wanted.forced or ruling.due or failing(certificate)
    return Judged(certificate, own, ruling, wanted, hold_of(terms, certificate, ruling) if wanted else None)


def _order(terms: Terms, one: Judged) -> tuple[object, ...]:
    """What fails again and again comes last, or it would take the place of the rest in every run."""
    own = replace(one.own, due=one.own.due or one.ruling.due)
    return (one.certificate.failures >= _OFTEN, *urgency(one.certificate, own, terms.now_utc_ms))


def _limit(terms: Terms) -> int:
    asked, allowed = terms.preferences.get("maxRenewalRequests"), terms.policy.max_per_run
    one_pass = asked if isinstance(asked, int) and asked > 0 else _PASS
    return one_pass if allowed is None else min(one_pass, allowed)


def _over(one: Judged, limit: int) -> Held:
    certificate = one.certificate
    text = f"{limit} {'is' if limit == 1 else 'are'} requested in one run, and others are more urgent"
    why = f"{one.ruling.reason}; {text}" if one.ruling.due else text
    return Held(certificate.id, certificate.name, Hold.MAX_PER_RUN, why)


def _renewal(terms: Terms, one: Judged) -> CertificateRenew:
    certificate = one.certificate
    return CertificateRenew(
        certificate.id,
        certificate.name,
        certificate.identifiers,
        authority_of(certificate, terms.preferences),
        certificate.staging,
        "; ".join(_reasons(terms, one)),
        certificate.attempted_utc_ms,
        certificate.thumbprint,
    )


def _reasons(terms: Terms, one: Judged) -> Iterator[str]:
    if terms.wanted.reissue:
        yield "to be issued again"
    elif one.ruling.due:
        yield one.ruling.reason
    elif terms.wanted.force:
        yield "asked for although it is not due"
    if failing(one.certificate):
        yield failure_text(one.certificate)
