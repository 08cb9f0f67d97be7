"""Every certificate of a host with why it is or is not due, for those who look and change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from certify_automation.due import Due, authority_of, due, preference_warnings, urgency
from certify_automation.errors import Problem
from certify_automation.model.certificate import ACME_ITEM, CertificateInventory, ManagedCertificate
from certify_automation.model.config_files import JsonValue
from certify_automation.model.renewal import Held, Hold, RenewalPolicy
from certify_automation.renewal.choice import choose
from certify_automation.renewal.filters import Filters, matches
from certify_automation.renewal.holds import failure_text, message_text
from certify_automation.renewal.policy import failing
from certify_automation.renewal.terms import Wanted

_OTHERS = {2: "it is renewed by hand", 3: "another program looks after it", 4: "it comes from a subscription"}
_OF_A_POLICY = "CA312"


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """A managed certificate of a host, and what becomes of it.

    Attributes:
        now_utc_ms: by the host's clock.
        authority: id of the certification authority that the product will ask.
        due: what the product makes of it; None = it never renews this one by itself.
        failing: the last attempt failed or ended with a warning.
        requested: it would be requested now, as is declared or else by the product's own rule.
        held: what is in the way of that, though it is due or failing.
        why: why it is or is not due, and what stands in the way; one line.
    """

    host: str
    certificate: ManagedCertificate
    now_utc_ms: int
    authority: str
    due: Due | None
    failing: bool
    requested: bool
    held: Held | None
    why: str

    @property
    def is_due(self) -> bool:
        """Whether the product would renew it now, before any hold."""
        return self.due is not None and self.due.due

    @property
    def is_wanted(self) -> bool:
        """Whether the product or the declared policy would have it renewed now, before any hold."""
        return self.is_due or self.requested or (self.held is not None and not self.failing)

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        expiry = self.certificate.expiry_utc_ms
        return expiry is not None and expiry <= self.now_utc_ms

    @property
    def urgency(self) -> tuple[object, ...]:
        """A sort key, the most urgent first, whatever hosts the certificates are of.

        What nobody renews by itself is urgent once it has expired.
        """
        one, now = self.certificate, self.now_utc_ms
        if self.due is not None:
            return (not (self.is_wanted or self.failing), *urgency(one, self.due, now), self.host)
        expiry = inf if one.expiry_utc_ms is None else float(one.expiry_utc_ms)
        order = expiry - now if self.expired else expiry
        calm = not (self.expired or self.failing)
        return (calm, not self.expired, not one.revoked, order, one.name.casefold(), one.id, self.host)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many certificates there are, and how many of them somebody should look at."""

    certificates: int = 0
    due: int = 0
    failing: int = 0
    expired: int = 0

    @classmethod
    def of(cls, listed: Sequence[ListedCertificate]) -> Totals:
        """Of these."""
        return cls(
            len(listed),
            sum(one.is_due for one in listed),
            sum(one.failing for one in listed),
            sum(one.expired for one in listed),
        )

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(
            self.certificates + other.certificates,
            self.due + other.due,
            self.failing + other.failing,
            self.expired + other.expired,
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """The certificates of one host.

    Attributes:
        certificates: those that were asked for, the most urgent first.
        totals: of all there are.
        warnings: about the product's preferences and the declared policy; those of a certificate are in its `due`.
    """

    certificates: tuple[ListedCertificate, ...] = ()
    totals: Totals = Totals()
    warnings: tuple[Problem, ...] = ()


def listing(
    host: str, policy: RenewalPolicy | None, inventory: CertificateInventory, filters: Filters, now_utc_ms: int
) -> Listing:
    """What there is to know of the certificates of a host.

    Args:
        host: name, on which the jitter of a certificate depends.
        policy: as declared; None = none is, and the product's own rule counts.
        inventory: what a visit learned; without preferences or certificates there is nothing to list.
        filters: which certificates are asked for.
        now_utc_ms: by the host's clock.
    """
    certificates, preferences = inventory.certificates, inventory.preferences
    if certificates is None or preferences is None:
        return Listing()
    choice = choose(host, policy or RenewalPolicy(), inventory, Wanted(), now_utc_ms)
    requested, held = {one.id: one.reason for one in choice.renew}, {one.id: one for one in choice.held}
    found = [
        _listed(host, one, preferences, now_utc_ms, (requested.get(one.id), held.get(one.id))) for one in certificates
    ]
    shown = sorted((one for one in found if _meant(one, filters, preferences)), key=lambda one: one.urgency)
    of_policy = (problem for problem in choice.warnings if problem.id.startswith(_OF_A_POLICY))
    return Listing(tuple(shown), Totals.of(found), (*preference_warnings(preferences), *of_policy))


def _listed(
    host: str,
    certificate: ManagedCertificate,
    preferences: Mapping[str, JsonValue],
    now_utc_ms: int,
    chosen: tuple[str | None, Held | None],
) -> ListedCertificate:
    own, (reason, held) = _own(certificate, preferences, now_utc_ms), chosen
    return ListedCertificate(
        host,
        certificate,
        now_utc_ms,
        authority_of(certificate, preferences),
        own,
        failing(certificate),
        reason is not None,
        held,
        "; ".join(_why(certificate, own, reason, held)),
    )


def _own(certificate: ManagedCertificate, preferences: Mapping[str, JsonValue], now_utc_ms: int) -> Due | None:
    if certificate.item_type != ACME_ITEM or certificate.skip_request:
        return None
    return due(certificate, preferences, now_utc_ms)


def _meant(listed: ListedCertificate, filters: Filters, preferences: Mapping[str, JsonValue]) -> bool:
    if filters.due and not listed.is_due:
        return False
    return matches(replace(filters, due=False), listed.host, listed.certificate, preferences, listed.now_utc_ms)


def _why(certificate: ManagedCertificate, own: Due | None, reason: str | None, held: Held | None) -> Iterator[str]:
    if own is None:
        other = _OTHERS.get(certificate.item_type, "requests of it are switched off (skipCertificateRequest)")
        yield f"the product does not renew it: {other}"
    elif held is not None or reason is not None:
        yield held.text if held is not None else reason or ""
    else:
        yield own.text
        if own.due:
            yield "the declared policy does not ask for it now"
    if not failing(certificate):
        return
    if held is None and reason is None:
        yield failure_text(certificate)
    message = message_text(certificate)
    # The text of every other hold has it already.
    if message and (held is None or held.hold is Hold.MAX_PER_RUN):
        yield message
