"""What decides how the product's requests end and is no part of the product: authorities, accounts, DNS, sites."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from certify_automation.lab.certify.acme import LETS_ENCRYPT, Authorities, public_authorities


@dataclass(frozen=True, slots=True)
class Failure:
    """How every request of an item ends.

    Attributes:
        message: `{name}` stands for the first identifier, `{item}` for the item's name.
        validates: the authority was asked and its validation failed: that counts there, and may meet its limit.
        abort: the result says so.
        counts: by how much it raises the item's failures.
        pauses: the item waits for somebody to do something, which is no failure.
    """

    message: str
    validates: bool = False
    abort: bool = False
    counts: int = 1
    pauses: bool = False

    def of(self, name: str, item: str) -> Failure:
        """The failure of one item."""
        return replace(self, message=self.message.format(name=name, item=item))


_VALIDATION = "Validation of the required challenges did not complete successfully. {name}: "
FAILURES = {
    "dns": Failure(
        _VALIDATION + "DNS problem: NXDOMAIN looking up TXT for _acme-challenge.{name} - check that a DNS record "
        "exists for this domain",
        validates=True,
    ),
    "http": Failure(
        _VALIDATION + "Fetching http://{name}/.well-known/acme-challenge/configcheck: Timeout during connect (likely "
        "firewall problem)",
        validates=True,
    ),
    "credentials": Failure("DNS update failed for {name}: The API credentials for this provider were not accepted."),
    "rate_limited": Failure(
        "Error creating new order :: too many certificates (5) already issued for this exact set of identifiers in the "
        "last 168h0m0s: see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers",
    ),
    "account": Failure(
        "{item}: Request failed - The account key could not be read. System.NotSupportedException: Specified method "
        "is not supported.",
        abort=True,
        counts=2,
    ),
    "paused": Failure(
        "To complete this request you need to create a TXT record _acme-challenge.{name} in your DNS, then resume.",
        pauses=True,
    ),
}
"""The usual ways, by the names a lab's data gives them."""


@dataclass(slots=True)
class Conditions:
    """The world around one installation; a test or an exercise may change it at any time.

    Attributes:
        authorities: that can be reached; None = stand-ins of its own, made when the first is needed.
        accounts: ids of the authorities there is an account with, the preferred one first; for production and tests.
        failing: item id -> how its requests end; those not named succeed.
        not_followed: items whose certificate is renewed while their bindings stay with the old one.
        sites: site id -> names of its bindings, as in Computer.ssl_bindings and sni_bindings.
        stopped_sites: ids of sites that do not run.
        attempt_seconds: how long a request takes.
        slow: item id -> how long its request takes instead.
        timer: False = passes that start by themselves attempt nothing, so that what is due stays due until somebody
            asks.
    """

    authorities: Authorities | None = None
    accounts: list[str] = field(default_factory=lambda: [LETS_ENCRYPT])
    failing: dict[str, Failure] = field(default_factory=dict)
    not_followed: set[str] = field(default_factory=set)
    sites: dict[str, list[str]] = field(default_factory=dict)
    stopped_sites: set[str] = field(default_factory=set)
    attempt_seconds: float = 8.0
    slow: dict[str, float] = field(default_factory=dict)
    timer: bool = True

    def reachable(self, now: datetime) -> Authorities:
        """The authorities, made now unless there are any."""
        if self.authorities is None:
            self.authorities = public_authorities(now)
        return self.authorities

    def seconds(self, item_id: str) -> float:
        """How long a request for this item takes."""
        return self.slow.get(item_id, self.attempt_seconds)
