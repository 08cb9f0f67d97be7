"""Under what terms certificates of one host are chosen, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from certify_automation.due import Due
from certify_automation.errors import Problem
from certify_automation.model.certificate import ManagedCertificate
from certify_automation.model.config_files import JsonValue
from certify_automation.model.renewal import CertificateRenew, Held, RenewalPolicy
from certify_automation.renewal.filters import Filters
from certify_automation.renewal.policy import Ruling
from certify_automation.renewal.window import opens


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller of a command asks for beyond the policy.

    Attributes:
        force: due or not, included or not, failed, held back by the product or just attempted; but what is paused or
            being worked on stays, and so does the window.
        reissue: the same, because every certificate is to be issued again.
        outside_window: whether the window is open does not matter.
        filters: only these certificates.
    """

    force: bool = False
    reissue: bool = False
    outside_window: bool = False
    filters: Filters = field(default_factory=Filters)

    @property
    def forced(self) -> bool:
        """Whether it does not matter what is due."""
        return self.force or self.reissue


@dataclass(frozen=True, slots=True)
class Choice:
    """What is requested now, and what of the rest is due or failing; both with the most urgent first."""

    renew: tuple[CertificateRenew, ...] = ()
    held: tuple[Held, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a choice among the certificates of one host depends on besides the certificates."""

    host: str
    policy: RenewalPolicy
    preferences: Mapping[str, JsonValue]
    wanted: Wanted
    now_utc_ms: int

    def opens(self, from_utc_ms: int) -> int | None:
        """When something may be requested at the earliest from a moment on; None = never."""
        window = self.policy.window
        return from_utc_ms if window is None or self.wanted.outside_window else opens(window, from_utc_ms)


@dataclass(frozen=True, slots=True)
class Judged:
    """A certificate that the policy is for.

    Attributes:
        own: what the product makes of it; ruling: what the policy does.
        wanted: it is due or failing, or asked for whatever it is.
        held: what is in the way of that.
    """

    certificate: ManagedCertificate
    own: Due
    ruling: Ruling
    wanted: bool
    held: Held | None
