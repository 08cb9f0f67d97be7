"""Every certificate of a host with why it is or is not due, for those who look and change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from math import inf

from certify_automation.due import Due, authority_of, due, preference_warnings, urgency
from certify_automation.errors import Problem
from certify_automation.model.certificate import ACME_ITEM, CertificateInventory, ManagedCertificate, RequestState
from certify_automation.model.config_files import JsonValue
from certify_automation.model.renewal import Held, Hold, RenewalPolicy
from certify_automation.renewal.choice import choose, covers
from certify_automation.renewal.filters import Filters, ids_of, matches
from certify_automation.renewal.holds import failure_text, message_text
from certify_automation.renewal.policy import by_policy, failing, first_of
from certify_automation.renewal.terms import Terms, Wanted

_OTHERS = {2: "it is renewed by hand", 3: "another program looks after it", 4: "it comes from a subscription"}
_OF_A_POLICY = "CA312"


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """A managed certificate of a host, and what becomes of it.

    Attributes:
        now_utc_ms: by the host's clock.
        authority: id of the certification authority that the product will ask.
        due: by the product's rule or the declared policy, whichever comes first; None = the product never renews this
            one by itself.
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
        """Whether the product or the declared policy would have it renewed now, before any hold."""
        return self.due is not None and self.due.due

    @property
    def paused(self) -> bool:
        """Whether it waits for a person."""
        return self.certificate.status == RequestState.PAUSED

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
            return (not (self.is_due or self.failing), *urgency(one, self.due, now), self.host)
        expiry = inf if one.expiry_utc_ms is None else float(one.expiry_utc_ms)
        order = expiry - now if self.expired else expiry
        calm = not (self.expired or self.failing)
        return (calm, not self.expired, not one.revoked, order, one.name.casefold(), one.id, self.host)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many certificates there are, and how many of them somebody should look at.

    Attributes:
        due: of which `failing_due`, `paused_due` and `expired_due` are that as well.
    """

    certificates: int = 0
    due: int = 0
    failing: int = 0
    expired: int = 0
    failing_due: int = 0
    paused_due: int = 0
    expired_due: int = 0

    @classmethod
    def of(cls, listed: Sequence[ListedCertificate]) -> Totals:
        """Of these."""
        due = [one for one in listed if one.is_due]
        return cls(
            len(listed),
            len(due),
            sum(one.failing for one in listed),
            sum(one.expired for one in listed),
            sum(one.failing for one in due),
            sum(one.paused for one in due),
            sum(one.expired for one in due),
        )

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Listing:
    """The certificates of one host.

    Attributes:
        certificates: those that were asked for, the most urgent first.
        totals: of all there are.
        warnings: about the product's preferences and the declared policy; those of a certificate are in its `due`.
        ids: those that were asked for and are of certificates of this host, whatever else was asked for.
    """

    certificates: tuple[ListedCertificate, ...] = ()
    totals: Totals = Totals()
    warnings: tuple[Problem, ...] = ()
    ids: frozenset[str] = frozenset()


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
    terms = Terms(host, policy or RenewalPolicy(), preferences, Wanted(), now_utc_ms)
    choice = choose(host, terms.policy, inventory, terms.wanted, now_utc_ms)
    requested, held = {one.id: one.reason for one in choice.renew}, {one.id: one for one in choice.held}
    found = [_listed(terms, one, requested.get(one.id), held.get(one.id)) for one in certificates]
    shown = sorted((one for one in found if _meant(one, filters, preferences)), key=lambda one: one.urgency)
    of_policy = (problem for problem in choice.warnings if problem.id.startswith(_OF_A_POLICY))
    warnings = (*preference_warnings(preferences), *of_policy)
    return Listing(tuple(shown), Totals.of(found), warnings, ids_of(filters, host, certificates))


def _listed(terms: Terms, certificate: ManagedCertificate, reason: str | None, held: Held | None) -> ListedCertificate:
    first = _due(terms, certificate)
    return ListedCertificate(
        terms.host,
        certificate,
        terms.now_utc_ms,
        authority_of(certificate, terms.preferences),
        first,
        failing(certificate),
        reason is not None,
        held,
        "; ".join(_why(certificate, first, reason, held)),
    )


def _due(terms: Terms, certificate: ManagedCertificate) -> Due | None:
    if certificate.item_type != ACME_ITEM or certificate.skip_request:
        return None
    own = due(certificate, terms.preferences, terms.now_utc_ms)
    if not covers(terms.policy, certificate):
        return own
    return first_of(own, by_policy(terms.host, terms.policy, certificate, own, terms.now_utc_ms))


def _meant(listed: ListedCertificate, filters: Filters, preferences: Mapping[str, JsonValue]) -> bool:
    if filters.due and not listed.is_due:
        return False
    return matches(filters, listed.host, listed.certificate, preferences, listed.now_utc_ms)


def _why(certificate: ManagedCertificate, first: Due | None, reason: str | None, held: Held | None) -> Iterator[str]:
    if first is None:
        other = _OTHERS.get(certificate.item_type, "requests of it are switched off (skipCertificateRequest)")
        yield f"the product does not renew it: {other}"
    elif held is not None or reason is not None:
        yield held.text if held is not None else reason or ""
    else:
        yield first.text
        if first.due:
            yield "the declared policy does not ask for it now"
    if not failing(certificate):
        return
    if held is None and reason is None:
        yield failure_text(certificate)
    message = message_text(certificate)
    # The text of every other hold has it already.
    if message and (held is None or held.hold is Hold.MAX_PER_RUN):
        yield message
