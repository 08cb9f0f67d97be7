"""Renewals: what is declared about them, the changes that are made once a run is confirmed, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

from certify_automation.model.config_files import JsonValue
from certify_automation.model.facts import Facts
from certify_automation.model.impact import Impact, Reversal
from certify_automation.model.step import Failure


@dataclass(frozen=True, slots=True)
class Window:
    """When renewals may be requested.

    Attributes:
        days: 0 = Monday to 6 = Sunday, of the day on which the window opens.
        start_minute: minutes after midnight, wall clock.
        duration_seconds: by elapsed time, whatever the wall clock does meanwhile.
        timezone: IANA name.
    """

    days: frozenset[int]
    start_minute: int
    duration_seconds: int
    timezone: str


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint that is to serve a managed certificate.

    Attributes:
        host, port: where to connect; host is a DNS name or an IP literal without brackets.
        sni: the name asked for; the host when that is a name, empty when none is sent.
        certificate: name or id of the managed certificate.
    """

    host: str
    port: int
    sni: str
    certificate: str


RETRY_AFTER_SECONDS = 6 * 60 * 60
"""How long an attempt is left alone, unless something else is declared."""


@dataclass(frozen=True, slots=True)
class RenewalPolicy:
    """When certificates of a host are renewed by this program.

    Attributes:
        ensure_valid_for_seconds: renewed when less than this of the lifetime is left.
        percent: renewed when this share of the lifetime has passed, whatever is ensured; with neither of the two, when
            the product's own rule says so.
        retry_failed: an item whose last attempt failed is requested again.
        include, exclude: patterns of names, identifiers and ids, `*` and `?`, ignoring case; no include = all.
        window: None = at any time.
        jitter_seconds: each certificate becomes due up to so much later, always by the same amount.
        max_per_run: None = as many as the product takes in one pass.
        retry_after_seconds: an item attempted more recently than this is left alone.
    """

    ensure_valid_for_seconds: int | None = None
    percent: int | None = None
    retry_failed: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    window: Window | None = None
    jitter_seconds: int = 0
    max_per_run: int | None = None
    retry_after_seconds: int = RETRY_AFTER_SECONDS
    served: tuple[Served, ...] = ()


@dataclass(frozen=True, slots=True)
class PreferenceSet:
    """Gives one of the product's preferences another value; name is the product's own."""

    name: str
    before: JsonValue
    after: JsonValue
    kind: ClassVar[str] = "preference.set"
    reversal: ClassVar[Reversal] = Reversal.AFTER_COMMIT
    impact: ClassVar[Impact] = Impact.RENEWAL


@dataclass(frozen=True, slots=True)
class CertificateRenew:
    """Has the product request a certificate anew.

    Attributes:
        id, name: of the managed certificate.
        identifiers: what is ordered; authority: from whom; staging: from its test system.
        reason: why, ready to show.
        attempted_utc_ms, thumbprint: of the item when this was planned; it is not requested when they have moved.
    """

    id: str
    name: str
    identifiers: tuple[str, ...]
    authority: str
    staging: bool
    reason: str
    attempted_utc_ms: int | None
    thumbprint: str | None
    kind: ClassVar[str] = "certificate.renew"
    reversal: ClassVar[Reversal] = Reversal.AFTER_COMMIT
    impact: ClassVar[Impact] = Impact.RENEWAL


AfterCommit: TypeAlias = PreferenceSet | CertificateRenew


class Hold(StrEnum):
    """Why a certificate that is wanted is not requested now; the value is what is stored."""

    BACK_OFF = "back_off"
    PAUSED = "paused"
    RETRY_AFTER = "retry_after"
    WINDOW = "window"
    MAX_PER_RUN = "max_per_run"
    NOT_AUTO_RENEWED = "not_auto_renewed"
    FAILED = "failed"
    RUNNING = "running"
    OTHER_RUN = "other_run"
    GUARD = "guard"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate that is due or failing and is not requested now.

    Attributes:
        text: why, ready to show.
        until_utc_ms: when it may run at the earliest; None = not before somebody does something.
    """

    id: str
    name: str
    hold: Hold
    text: str
    until_utc_ms: int | None = None


class RenewalStatus(StrEnum):
    """What became of one renewal, in the contract's words."""

    RENEWED = "renewed"
    FAILED = "failed"
    PAUSED = "paused"
    REQUESTED = "requested"
    RUNNING = "running"
    NOT_STARTED = "not_started"
    MOVED = "moved"
    MISSING = "missing"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class RenewalResult:
    """What became of one renewal; message is the product's own, thumbprint the one the item has now."""

    id: str
    status: RenewalStatus
    message: str | None = None
    thumbprint: str | None = None
    attempted_utc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """A host's answer to the changes after a run.

    Attributes:
        refusal: nothing was done, because of this.
        preferences: `done`, `unchanged`, `failed` or `not_run`; None = none was asked for.
        facts: read afterwards, with certificates; None = they could not be read.
    """

    run_id: str
    refusal: Failure | None = None
    preferences: str | None = None
    preferences_failure: Failure | None = None
    renewals: tuple[RenewalResult, ...] = ()
    facts: Facts | None = None
