"""The certificates of a fleet as rows for people, as documents for programs, and as CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from unicodedata import normalize

from certify_automation.errors import Problem
from certify_automation.model.certificate import ManagedCertificate, RequestState
from certify_automation.renewal import ListedCertificate
from certify_automation.report.documents import problem_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_HOURS_SHOWN = 2 * _DAY_MS
_FORMULA = frozenset("=+-@")
"""What a spreadsheet takes for the beginning of a formula, in letters of any width."""
_KNOWN_STATES = frozenset(RequestState)
_STATES: Mapping[int | None, tuple[str, str]] = {
    RequestState.PAUSED: ("paused", "warning"),
    RequestState.RUNNING: ("running", "muted"),
    RequestState.QUEUED: ("queued", "muted"),
}
_COLUMNS = (
    "host",
    "id",
    "name",
    "identifiers",
    "issuer",
    "staging",
    "status",
    "expires",
    "due",
    "due_at",
    "requested_now",
    "hold",
    "held_until",
    "why",
    "failures",
    "failure_message",
    "last_attempt",
    "last_renewed",
    "thumbprint",
    "warnings",
)


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One certificate in the words of a table, each on one line.

    Attributes:
        identifiers: the first of them and how many more there are; `-` without any.
        expires: `2026-11-01 in 12 d`; `-` without a certificate.
        due: the day on which it becomes or became so; `at once`, `never` or `-` where there is none.
        style: of the status, as for a Segment.
        notable: somebody should read why.
    """

    host: str
    name: str
    identifiers: str
    issuer: str
    expires: str
    due: str
    status: str
    why: str
    style: str
    expired: bool
    notable: bool


def certificate_row(listed: ListedCertificate) -> CertificateRow:
    """A certificate as a table shows it."""
    one = listed.certificate
    status, style = _status(listed)
    warned = listed.due is not None and bool(listed.due.warnings)
    return CertificateRow(
        host=one_line(listed.host),
        name=one_line(one.name or one.id),
        identifiers=_identifiers(one),
        issuer=one_line(_issuer(listed)) + (" (staging)" if one.staging else ""),
        expires=expiry_text(one.expiry_utc_ms, listed.now_utc_ms),
        due=_due(listed),
        status=status,
        why=one_line(listed.why),
        style=style,
        expired=listed.expired,
        notable=warned or listed.expired or style != "ok",
    )


def certificate_json(listed: ListedCertificate) -> dict[str, object]:
    """A certificate for programs: all that the product says of it, and what becomes of it."""
    own, held = listed.due, listed.held
    return {
        "host": listed.host,
        **asdict(listed.certificate),
        "asked_authority": listed.authority,
        "renewed_by_product": own is not None,
        "due": listed.is_due,
        "due_utc_ms": own.due_utc_ms if own else None,
        "rule": own.rule.value if own else None,
        "product_held_until_utc_ms": own.held_until_utc_ms if own else None,
        "product_held_for_good": own.held_for_good if own else False,
        "failing": listed.failing,
        "expired": listed.expired,
        "requested": listed.requested,
        "held": held and {"hold": held.hold.value, "text": held.text, "until_utc_ms": held.until_utc_ms},
        "why": listed.why,
        "warnings": [problem_json(warning) for warning in (own.warnings if own else ())],
    }


def certificates_csv(certificates: Iterable[ListedCertificate]) -> str:
    """RFC 4180: one row of headings, lines that end in CR LF, times in UTC as RFC 3339.

    What a spreadsheet would take for a formula has an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for one in certificates:
        writer.writerow({name: _cell(value) for name, value in _fields(one).items()})
    return text.getvalue()


def certificate_warnings(certificates: Iterable[ListedCertificate]) -> Iterator[tuple[str, str, Problem]]:
    """Host, name and warning of each that certificates give rise to."""
    for one in certificates:
        for problem in one.due.warnings if one.due else ():
            yield one.host, one.certificate.name or one.certificate.id, problem


def one_line(text: str) -> str:
    """Text of others without what would break a line, move the cursor or turn the direction of a terminal."""
    if text.isprintable():
        return text
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _fields(listed: ListedCertificate) -> Mapping[str, str]:
    one, own, held = listed.certificate, listed.due, listed.held
    return {
        "host": listed.host,
        "id": one.id,
        "name": one.name,
        "identifiers": " ".join(one.identifiers),
        "issuer": _issuer(listed),
        "staging": _word(one.staging),
        "status": _status(listed)[0],
        "expires": _rfc3339(one.expiry_utc_ms),
        "due": _word(listed.is_due),
        "due_at": _rfc3339(own.due_utc_ms if own else None),
        "requested_now": _word(listed.requested),
        "hold": held.hold.value if held else "",
        "held_until": _rfc3339(held.until_utc_ms if held else None),
        "why": listed.why,
        "failures": str(one.failures),
        "failure_message": one.failure_message or "",
        "last_attempt": _rfc3339(one.attempted_utc_ms),
        "last_renewed": _rfc3339(one.renewed_utc_ms),
        "thumbprint": one.thumbprint or "",
        "warnings": " ".join(warning.id for warning in (own.warnings if own else ())),
    }


def _cell(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if normalize("NFKC", line.lstrip()[:1]) in _FORMULA else line


def _status(listed: ListedCertificate) -> tuple[str, str]:
    """In one or two words, and the style."""
    one = listed.certificate
    if one.revoked:
        return "revoked", "error"
    if one.status in _STATES:
        return _STATES[one.status]
    if listed.failing:
        return _failed(one)
    if listed.expired and not listed.is_due:
        return "expired", "error"
    if listed.is_due:
        return "due", "warning"
    return ("ok", "ok") if one.status is None or one.status in _KNOWN_STATES else (f"state {one.status}", "warning")


def _failed(one: ManagedCertificate) -> tuple[str, str]:
    if one.failures > 1:
        return f"failed {one.failures}x", "error"
    failed = one.failures or one.status == RequestState.ERROR
    return ("failed", "error") if failed else ("warning", "warning")


def _issuer(listed: ListedCertificate) -> str:
    return listed.certificate.current_authority or listed.authority


def _identifiers(one: ManagedCertificate) -> str:
    if not one.identifiers:
        return "-"
    more = f" +{len(one.identifiers) - 1}" if len(one.identifiers) > 1 else ""
    return f"{one_line(one.identifiers[0])}{more}"


def expiry_text(expiry_utc_ms: int | None, now_utc_ms: int) -> str:
    """`2026-11-01 in 12 d`, `2026-11-01 36 h ago`; `-` for None."""
    if expiry_utc_ms is None:
        return "-"
    left = abs(expiry_utc_ms - now_utc_ms)
    span = f"{left // _DAY_MS} d" if left >= _HOURS_SHOWN else f"{left // _HOUR_MS} h"
    return f"{_day(expiry_utc_ms)} {f'{span} ago' if expiry_utc_ms <= now_utc_ms else f'in {span}'}"


def _due(listed: ListedCertificate) -> str:
    own = listed.due
    if own is None:
        return "-"
    if own.due_utc_ms is None:
        return "at once" if own.due else "never"
    return _day(own.due_utc_ms)


def _day(utc_ms: int) -> str:
    return _rfc3339(utc_ms)[:10] or "beyond"


def _rfc3339(utc_ms: int | None) -> str:
    try:
        return "" if utc_ms is None else f"{_EPOCH + timedelta(milliseconds=utc_ms):%Y-%m-%dT%H:%M:%SZ}"
    except OverflowError:
        return ""


def _word(value: bool) -> str:
    return "yes" if value else "no"
