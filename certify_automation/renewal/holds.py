"""Why a certificate that is wanted is not requested now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from certify_automation.due import back_off, moment_text, span_text
from certify_automation.model.certificate import ManagedCertificate, RequestState
from certify_automation.model.renewal import AfterCommit, CertificateRenew, Held, Hold, Window
from certify_automation.renewal.policy import Ruling, failing, issued_at_last
from certify_automation.renewal.terms import Terms
from certify_automation.renewal.window import opening_text, opens

_Found: TypeAlias = tuple[Hold, str, int | None]
_EXCERPT = 200


def hold_of(terms: Terms, certificate: ManagedCertificate, ruling: Ruling) -> Held | None:
    """The first thing that is in the way; None = it may be requested."""
    holds = _always(terms, certificate) if terms.wanted.forced else _holds(terms, certificate, ruling)
    found = next(holds, None)
    if found is None:
        return None
    hold, text, until = found
    parts = (ruling.reason if ruling.due else "", text, message_text(certificate))
    why = "; ".join(part for part in parts if part)
    return Held(certificate.id, certificate.name, hold, why, None if until is None else terms.opens(until))


def message_text(certificate: ManagedCertificate) -> str:
    """What the product says of an attempt that failed, on one line; `...` stands for the rest of a long message."""
    message = " ".join((certificate.failure_message or "").split()) if failing(certificate) else ""
    cut = "..." if len(message) > _EXCERPT else ""
    return f"the product says: {message[:_EXCERPT]}{cut}" if message else ""


def _holds(terms: Terms, certificate: ManagedCertificate, ruling: Ruling) -> Iterator[_Found]:
    yield from _state(certificate)
    if not certificate.auto_renew:
        yield Hold.NOT_AUTO_RENEWED, "it is taken out of automatic renewal in the product", None
    if failing(certificate):
        yield from _failed(terms, certificate, ruling)
    yield from _backs_off(terms, certificate)
    yield from _just_attempted(terms, certificate)
    yield from _window(terms)


def _always(terms: Terms, certificate: ManagedCertificate) -> Iterator[_Found]:
    yield from _state(certificate)
    yield from _window(terms)


def _state(certificate: ManagedCertificate) -> Iterator[_Found]:
    if certificate.status == RequestState.PAUSED:
        yield Hold.PAUSED, "it is paused: the product waits for a person to complete the request", None
    if certificate.under_way:
        yield Hold.RUNNING, "the product is working on a request of it already", None


def _failed(terms: Terms, certificate: ManagedCertificate, ruling: Ruling) -> Iterator[_Found]:
    if not terms.policy.retry_failed:
        yield Hold.FAILED, f"{failure_text(certificate)}, and policy does not retry what failed", None
    elif not ruling.due and issued_at_last(certificate):
        instead = "another one would not help, what comes after the request has to be put right"
        yield Hold.FAILED, f"{failure_text(certificate)} after a certificate had been issued: {instead}", None
    elif not ruling.due and certificate.status == RequestState.WARNING and not certificate.failures:
        yield Hold.FAILED, f"{failure_text(certificate)}, which is no failure: it is requested when it is due", None


def failure_text(certificate: ManagedCertificate) -> str:
    """That the last attempt failed or ended with a warning, and how many in a row have failed."""
    times = f" ({certificate.failures} in a row)" if certificate.failures > 1 else ""
    return f"the last attempt {_ended(certificate)}{times}"


def _ended(certificate: ManagedCertificate) -> str:
    return "ended with a warning" if certificate.status == RequestState.WARNING else "failed"


def _backs_off(terms: Terms, certificate: ManagedCertificate) -> Iterator[_Found]:
    back = back_off(certificate, terms.now_utc_ms)
    if back.for_good:
        text = (
            f"it failed {certificate.failures} times in a row, and the product has given up until somebody requests it"
        )
        yield Hold.BACK_OFF, text, None
    elif back.until_utc_ms is not None:
        waits = f"the product does not try again before {moment_text(back.until_utc_ms)}"
        yield Hold.BACK_OFF, f"it failed {certificate.failures} times in a row, and {waits}", back.until_utc_ms


def _just_attempted(terms: Terms, certificate: ManagedCertificate) -> Iterator[_Found]:
    attempted, wait_ms = certificate.attempted_utc_ms, terms.policy.retry_after_seconds * 1000
    if attempted is None:
        return
    ago = terms.now_utc_ms - attempted
    # A moment that far ahead was written while the host's clock was wrong; it would hold the certificate for ever.
    if -wait_ms < ago < wait_ms:
        outcome = _ended(certificate) if failing(certificate) else "was made"
        text = f"an attempt {outcome} {span_text(max(ago, 0) // 1000)} ago, the next comes"
        yield (
            Hold.RETRY_AFTER,
            f"{text} {span_text(terms.policy.retry_after_seconds)} after it",
            attempted + wait_ms,
        )


def _window(terms: Terms) -> Iterator[_Found]:
    if terms.policy.window is not None:
        yield from _closed(terms.policy.window, terms.opens(terms.now_utc_ms), terms.now_utc_ms)


def _closed(window: Window, opens_utc_ms: int | None, now_utc_ms: int) -> Iterator[_Found]:
    if opens_utc_ms is None:
        yield Hold.WINDOW, "the window of the policy never opens", None
    elif opens_utc_ms > now_utc_ms:
        yield Hold.WINDOW, f"the window of the policy opens on {opening_text(window, opens_utc_ms)}", opens_utc_ms


def out_of_time(changes: Iterable[AfterCommit], window: Window | None, now_utc_ms: int) -> tuple[Held, ...]:
    """The renewals among planned changes that must not be requested any more, because the window is closed by now.

    Args:
        changes: what was planned.
        window: None = they may be requested at any time.
        now_utc_ms: by the clock of the host.
    """
    found = () if window is None else tuple(_closed(window, opens(window, now_utc_ms), now_utc_ms))
    return tuple(
        Held(one.id, one.name, hold, f"{one.reason}; it was not requested in time, {text}", until)
        for one in changes
        if isinstance(one, CertificateRenew)
        for hold, text, until in found
    )
