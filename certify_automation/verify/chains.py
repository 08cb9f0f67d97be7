"""Whether the certificates an endpoint sends lead to a root that is trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from certify_automation.verify.reading import Unreadable, common_name, is_authority, lifetime_ms, load

_LONGEST = 10


class ChainState(Enum):
    """How far the certificates that were sent lead."""

    TRUSTED = auto()
    INCOMPLETE = auto()
    UNKNOWN_ISSUER = auto()
    UNKNOWN_ROOT = auto()
    SELF_SIGNED = auto()
    EXPIRED_ISSUER = auto()
    NO_AUTHORITY = auto()


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the way to a root ends.

    Attributes:
        state: why it ends there.
        name: the one that is missing, unknown, expired or no authority; empty when it is trusted.
    """

    state: ChainState
    name: str = ""


class Roots:
    """Root certificates that are trusted, by their subject."""

    def __init__(self, certificates: Iterable[x509.Certificate]) -> None:
        self._by_subject: dict[bytes, list[x509.Certificate]] = {}
        for one in certificates:
            self._by_subject.setdefault(one.subject.public_bytes(), []).append(one)
        # Many endpoints of a fleet share their few intermediates.
        self._known: dict[x509.Certificate, bool] = {}

    def vouch_for(self, intermediate: x509.Certificate) -> bool:
        """As `issued`, remembered."""
        if intermediate not in self._known:
            self._known[intermediate] = self.issued(intermediate)
        return self._known[intermediate]

    def issued(self, certificate: x509.Certificate) -> bool:
        """Whether one of them issued this certificate, or is it."""
        same = self._by_subject.get(certificate.subject.public_bytes(), [])
        issuers = self._by_subject.get(certificate.issuer.public_bytes(), [])
        return certificate in same or any(_issued_by(certificate, issuer) for issuer in issuers)


def follow(leaf: x509.Certificate, sent: Sequence[bytes], roots: Roots, now_utc_ms: int) -> Chain:
    """How far a certificate and the others that were sent with it lead.

    Windows and browsers find missing intermediates by themselves now and then; other clients do not, so what is not
    sent counts as missing. Roots are trusted as they are, whatever their dates.
    """
    others, current = list(_readable(sent)), leaf
    for _ in range(_LONGEST):
        if roots.issued(current) if current is leaf else roots.vouch_for(current):
            return Chain(ChainState.TRUSTED)
        if current.subject == current.issuer:
            state = ChainState.SELF_SIGNED if current is leaf else ChainState.UNKNOWN_ROOT
            return Chain(state, common_name(current.subject))
        issuers = [one for one in others if one.certificate is not current and _issued_by(current, one.certificate)]
        if not issuers:
            state = ChainState.INCOMPLETE if current is leaf else ChainState.UNKNOWN_ISSUER
            return Chain(state, common_name(current.issuer))
        sound = next((one for one in issuers if one.fault(now_utc_ms) is None), None)
        if sound is None:
            return Chain(issuers[0].fault(now_utc_ms) or ChainState.UNKNOWN_ISSUER, common_name(current.issuer))
        current = sound.certificate
    return Chain(ChainState.UNKNOWN_ISSUER, common_name(current.issuer))


@dataclass(frozen=True, slots=True)
class _Sent:
    """A certificate that was sent beside the server's own."""

    certificate: x509.Certificate
    authority: bool
    start_utc_ms: int
    expiry_utc_ms: int

    def fault(self, now_utc_ms: int) -> ChainState | None:
        """Why it must not vouch for another certificate; None = it may."""
        if not self.authority:
            return ChainState.NO_AUTHORITY
        return None if self.start_utc_ms <= now_utc_ms < self.expiry_utc_ms else ChainState.EXPIRED_ISSUER


def _readable(sent: Sequence[bytes]) -> Iterator[_Sent]:
    for der in sent:
        try:
            yield _read(der)
        except Unreadable:
            continue


@lru_cache(maxsize=1024)
def _read(der: bytes) -> _Sent:
    certificate = load(der)
    start, expiry = lifetime_ms(certificate)
    return _Sent(certificate, is_authority(certificate), start, expiry)


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
