"""Whether the certificates an endpoint sends lead to a root that is trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from certify_automation.verify.reading import Unreadable, load

_LONGEST = 10


class ChainState(Enum):
    """How far the certificates that were sent lead."""

    TRUSTED = auto()
    INCOMPLETE = auto()
    UNKNOWN_ROOT = auto()
    SELF_SIGNED = auto()


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


def follow(leaf: x509.Certificate, sent: Sequence[bytes], roots: Roots) -> ChainState:
    """How far a certificate and the others that were sent with it lead.

    Windows and browsers find missing intermediates by themselves now and then; other clients do not, so what is not
    sent counts as missing. Their dates are not looked at here.
    """
    others, current = list(_readable(sent)), leaf
    for _ in range(_LONGEST):
        if roots.issued(current) if current is leaf else roots.vouch_for(current):
            return ChainState.TRUSTED
        if current.subject == current.issuer:
            return ChainState.SELF_SIGNED if current is leaf else ChainState.UNKNOWN_ROOT
        issuer = next((one for one in others if one is not current and _issued_by(current, one)), None)
        if issuer is None:
            return ChainState.INCOMPLETE if current is leaf else ChainState.UNKNOWN_ROOT
        current = issuer
    return ChainState.UNKNOWN_ROOT


def _readable(sent: Sequence[bytes]) -> Iterator[x509.Certificate]:
    for der in sent:
        try:
            yield _intermediate(der)
        except Unreadable:
            continue


@lru_cache(maxsize=1024)
def _intermediate(der: bytes) -> x509.Certificate:
    return load(der)


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
