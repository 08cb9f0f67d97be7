"""Every certificate of a host with why it is or is not due, for those who look and change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf

from certify_automation.due import Due, due, preference_warnings, urgency
from certify_automation.errors import Problem
from certify_automation.model.certificate import ACME_ITEM, CertificateInventory, ManagedCertificate, RequestState
from certify_automation.model.config_files import JsonValue
from certify_automation.model.renewal import Held, RenewalPolicy
from certify_automation.renewal.choice import choose
from certify_automation.renewal.filters import Filters, authority_of, failing, matches
from certify_automation.renewal.terms import Wanted

_OTHERS = {2: "it is renewed by hand", 3: "another program looks after it", 4: "it comes from a subscription"}
_OF_A_POLICY = "CA312"
_MESSAGE_SHOWN = 300


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
    found = []
    for one in certificates:
        own = _own(one, preferences, now_utc_ms)
        listed = ListedCertificate(
            host,
            one,
            now_utc_ms,
            authority_of(one, preferences),
            own,
            failing(one),
            one.id in requested,
            held.get(one.id),
            "; ".join(_why(one, own, requested.get(one.id), held.get(one.id))),
        )
        found.append(listed)
    totals = Totals(
        len(found),
        sum(one.is_due for one in found),
        sum(one.failing for one in found),
        sum(one.expired for one in found),
    )
    shown = sorted((one for one in found if _meant(one, filters, preferences)), key=lambda one: one.urgency)
    of_policy = (problem for problem in choice.warnings if problem.id.startswith(_OF_A_POLICY))
    return Listing(tuple(shown), totals, (*preference_warnings(preferences), *of_policy))


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
        ended = "ended with a warning" if certificate.status == RequestState.WARNING else "failed"
        yield f"the last attempt {ended}"
    if certificate.failure_message:
        yield f"the product says: {_one_line(certificate.failure_message)}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_SHOWN else f"{line[:_MESSAGE_SHOWN]}..."
