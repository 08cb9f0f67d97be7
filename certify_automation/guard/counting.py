"""What may be requested now without passing a limit of an authority, and when the rest may be."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from certify_automation.guard.domains import name_and_domain
from certify_automation.guard.limits import WINDOW_SECONDS, Limit, Limits
from certify_automation.guard.requests import CertificateRequest, PastRequest
from certify_automation.model.renewal import Hold

_Names: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class HeldRequest:
    """A request that must not be made now.

    Attributes:
        limit: the name of the limit that holds it longest; None = it is another reason.
        text: why, ready to show.
        until_utc_ms: when that limit lets it through, as far as is known now; None = never.
        hold: what kind of reason it is.
    """

    request: CertificateRequest
    limit: Limit | None
    text: str
    until_utc_ms: int | None
    hold: Hold = Hold.GUARD


@dataclass(frozen=True, slots=True)
class Admission:
    """Every request asked about, in the order given, as one that may be made now or one that is held."""

    admitted: tuple[CertificateRequest, ...]
    held: tuple[HeldRequest, ...]


def admit(
    requests: Sequence[CertificateRequest], past: Iterable[PastRequest], limits: Limits, now_utc_ms: int
) -> Admission:
    """Sort out what may be requested now; what is admitted counts for those after it.

    A request whose outcome is not known counts as a certificate and as a failed validation, a failed one as an order
    and a failed validation. One from the future (clocks differ) counts as made now.
    """
    counts = _Counts(limits, now_utc_ms)
    for record in sorted(past, key=lambda record: record.at_utc_ms):
        counts.add(record)
    admitted: list[CertificateRequest] = []
    held: list[HeldRequest] = []
    for request in requests:
        hold = counts.hold(request)
        if hold is not None:
            held.append(hold)
            continue
        admitted.append(request)
        counts.add(PastRequest(request, now_utc_ms, None))
    return Admission(tuple(admitted), tuple(held))


@dataclass(slots=True)
class _Window:
    """One limit of one system: when what was requested, oldest first, as far as it still counts."""

    limit: Limit
    most: int
    length_ms: int
    account_per_host: bool
    times: dict[Hashable, list[int]] = field(default_factory=dict)

    def keys(self, request: CertificateRequest, names: _Names) -> Iterable[Hashable]:
        """What the request is counted under."""
        compared, domains = names
        account = request.host if self.account_per_host else ""
        if self.limit is Limit.REGISTERED_DOMAIN:
            return domains
        if self.limit is Limit.DUPLICATE:
            return (compared,) if compared else ()
        if self.limit is Limit.ORDERS:
            return (account,)
        return [(name, account) for name in compared] if account else compared

    def opens(self, times: Sequence[int]) -> int | None:
        """When fewer than the limit are left of so many."""
        return times[len(times) - self.most] + self.length_ms if self.most else None


@dataclass(slots=True)
class _Counts:
    limits: Limits
    now_utc_ms: int
    systems: dict[tuple[str, bool], tuple[_Window, ...]] = field(default_factory=dict)
    names: dict[tuple[str, ...], _Names] = field(default_factory=dict)

    def add(self, record: PastRequest) -> None:
        at = min(record.at_utc_ms, self.now_utc_ms)
        names = self._names(record.request.identifiers)
        for window in self._windows(record.request):
            if at + window.length_ms > self.now_utc_ms and _counts(window.limit, record.succeeded):
                for key in window.keys(record.request, names):
                    window.times.setdefault(key, []).append(at)

    def hold(self, request: CertificateRequest) -> HeldRequest | None:
        longest: tuple[_Window, Hashable, int | None] | None = None
        names = self._names(request.identifiers)
        for window in self._windows(request):
            for key in window.keys(request, names):
                times = window.times.get(key, ())
                if len(times) >= window.most:
                    until = window.opens(times)
                    if longest is None or _later(until, longest[2]):
                        longest = (window, key, until)
        if longest is None:
            return None
        window, key, until = longest
        return HeldRequest(request, window.limit, _text(request, window, key), until)

    def _windows(self, request: CertificateRequest) -> tuple[_Window, ...]:
        system = (request.authority.casefold(), request.staging)
        windows = self.systems.get(system)
        if windows is None:
            limits = self.limits.of(*system)
            windows = self.systems[system] = tuple(
                _Window(limit, most, WINDOW_SECONDS[limit] * 1000, limits.account_per_host)
                for limit, most in limits.counts.items()
                if most is not None
            )
        return windows

    def _names(self, identifiers: tuple[str, ...]) -> _Names:
        """Identifiers as authorities compare them, and their registered domains: each once and in order."""
        known = self.names.get(identifiers)
        if known is None:
            pairs = [name_and_domain(identifier) for identifier in identifiers]
            known = tuple(sorted({name for name, _ in pairs})), tuple(sorted({domain for _, domain in pairs}))
            self.names[identifiers] = known
        return known


def _counts(limit: Limit, succeeded: bool | None) -> bool:
    if limit is Limit.ORDERS:
        return True
    return succeeded is not True if limit is Limit.FAILED else succeeded is not False


def _later(until: int | None, than: int | None) -> bool:
    return than is not None and (until is None or until > than)


def _text(request: CertificateRequest, window: _Window, key: Hashable) -> str:
    who = f"{request.authority} (staging)" if request.staging else request.authority
    what = {
        Limit.REGISTERED_DOMAIN: "{} certificates for {} in 7 days",
        Limit.DUPLICATE: "{} certificates with exactly these identifiers in 7 days",
        Limit.ORDERS: "{} orders of an account in 3 hours",
        Limit.FAILED: "{} failed validations of {} in an hour",
    }[window.limit]
    name = key[0] if isinstance(key, tuple) else key  # with an account of its own
    counted = len(window.times.get(key, ()))
    return f"{who}: no more than {what.format(window.most, name)}, and {counted} are counted"
