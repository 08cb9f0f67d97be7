"""Certification authorities as the product meets them: they issue, they refuse, they revoke, and they limit.

Certificates are real, of a root and an intermediate that only a lab trusts. The limits' defaults are those Let's
Encrypt publishes (https://letsencrypt.org/docs/rate-limits/), in sliding windows.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LETS_ENCRYPT = "letsencrypt.org"
ZERO_SSL = "zerossl.com"

_TITLES = {LETS_ENCRYPT: "Let's Encrypt", ZERO_SSL: "ZeroSSL"}
_YEARS = timedelta(days=3650)
_BACKDATED = timedelta(hours=1)
_DAY = timedelta(days=1)
_TWO_LEVELS = ("co.uk", "org.uk", "com.au", "co.jp", "co.nz", "com.br", "co.za")
_DOCUMENTED = "https://letsencrypt.org/docs/rate-limits/"


class AcmeProblem(Exception):
    """The authority refuses; the text is the `detail` of its problem document."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What an authority allows; None = any number.

    Attributes:
        per_registered_domain: certificates for a registered domain; those that renew one for the same names are free.
        per_exact_set: certificates for the same set of names.
        window: in which both are counted.
        failed_validations: for one name, within an hour.
    """

    per_registered_domain: int | None = 50
    per_exact_set: int | None = 5
    window: timedelta = timedelta(days=7)
    failed_validations: int | None = 5


UNLIMITED = RateLimits(None, None, failed_validations=None)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key; chain_pem is the intermediate."""

    thumbprint: str
    der: bytes = field(repr=False)
    certificate_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)
    chain_pem: bytes = field(repr=False)
    start: datetime
    expiry: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """An order an authority has fulfilled; `renewal`: not the first for its names."""

    at: datetime
    names: frozenset[str]
    renewal: bool = False


class AcmeAuthority:
    """One authority.

    Attributes:
        id: by which the product knows it.
        days: how long its certificates are valid unless asked otherwise.
        limits: of its production service; its test service has none.
        orders: fulfilled by the production service.
        revoked: thumbprints.
        suggested: thumbprint -> the window in which it suggests to renew (ARI).
    """

    def __init__(self, authority_id: str, now: datetime, limits: RateLimits | None = None, days: float = 90) -> None:
        self.id = authority_id
        self.days = days
        self.limits = limits or RateLimits()
        self.orders: list[Order] = []
        self.revoked: set[str] = set()
        self.suggested: dict[str, tuple[datetime, datetime]] = {}
        self._known: set[frozenset[str]] = set()
        self._failed: list[tuple[datetime, str]] = []
        title = _TITLES.get(authority_id, authority_id)
        root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root, self._issuer = _name(f"Lab {title} Root"), _name(f"Lab {title} E1")
        span = (now - _YEARS, now + _YEARS)
        self.root_pem = _authority(root, root_key.public_key(), (root, root_key), span)
        self.intermediate_pem = _authority(self._issuer, self._key.public_key(), (root, root_key), span)

    def order(self, names: Sequence[str], now: datetime, days: float | None = None, *, staging: bool = False) -> Issued:
        """A certificate for these names and addresses, valid from an hour ago.

        Raises:
            AcmeProblem: a limit is reached; nothing is counted then.
        """
        wanted = _set_of(names)
        if not staging:
            self._check(wanted, now)
            self.orders.append(Order(now, wanted, wanted in self._known))
            self.remember(names)
        start = (now - _BACKDATED).replace(microsecond=0)
        return self.issue(names, start, start + timedelta(days=self.days if days is None else days))

    def refuse(self, name: str, cause: str, now: datetime) -> AcmeProblem:
        """What a validation that fails for `cause` ends with: that cause, or the limit of failed validations."""
        recent = [at for at, failed in self._failed if failed == name and at > now - timedelta(hours=1)]
        limit = self.limits.failed_validations
        if limit is not None and len(recent) >= limit:
            again = _rfc3339(recent[-limit] + timedelta(hours=1))
            return AcmeProblem(
                f'too many failed authorizations ({limit}) for "{name}" in the last 1h0m0s, retry after {again}: see '
                f"{_DOCUMENTED}#authorization-failures-per-identifier-per-account"
            )
        self._failed.append((now, name))
        return AcmeProblem(cause)

    def remember(self, names: Sequence[str]) -> None:
        """Know that a certificate for these names was issued once: the next one renews it."""
        self._known.add(_set_of(names))

    def issue(self, names: Sequence[str], start: datetime, expiry: datetime) -> Issued:
        """A certificate for these names and addresses, whatever the limits."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0][:64])
        certificate = (
            _builder(subject, key.public_key(), self._issuer, (start, expiry))
            .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        der = certificate.public_bytes(Encoding.DER)
        return Issued(
            hashlib.sha1(der).hexdigest().upper(),  # noqa: S324 - a thumbprint is a SHA-1
            der,
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            self.intermediate_pem,
            start,
            expiry,
        )

    def _check(self, wanted: frozenset[str], now: datetime) -> None:
        recent = [order for order in self.orders if order.at > now - self.limits.window]
        same = [order.at for order in recent if order.names == wanted]
        what, anchor = "for this exact set of identifiers", "new-certificates-per-exact-set-of-identifiers"
        self._count(same, self.limits.per_exact_set, f"{what} in", anchor)
        if wanted in self._known:
            return
        for domain in sorted({registered_domain(name) for name in wanted}):
            new = [order for order in recent if not order.renewal]
            spent = [order.at for order in new if domain in {registered_domain(name) for name in order.names}]
            anchor = "new-certificates-per-registered-domain"
            self._count(spent, self.limits.per_registered_domain, f'for "{domain}" in', anchor)

    def _count(self, spent: Sequence[datetime], limit: int | None, what: str, anchor: str) -> None:
        if limit is None or len(spent) < limit:
            return
        hours = int(self.limits.window / timedelta(hours=1))
        again = f", retry after {_rfc3339(spent[-limit] + self.limits.window)}" if limit else ""
        raise AcmeProblem(
            f"Error creating new order :: too many certificates ({limit}) already issued {what} the last {hours}h0m0s"
            f"{again}: see {_DOCUMENTED}#{anchor}"
        )


class Authorities(Mapping[str, AcmeAuthority]):
    """The authorities that can be reached, by id; all computers of a lab share them, and their limits."""

    def __init__(self, *authorities: AcmeAuthority) -> None:
        self._known = {authority.id: authority for authority in authorities}

    def __getitem__(self, authority_id: str) -> AcmeAuthority:
        return self._known[authority_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def roots_pem(self) -> bytes:
        """What a client has to trust."""
        return b"".join(authority.root_pem for authority in self._known.values())


def public_authorities(now: datetime) -> Authorities:
    """Stand-ins for two that many servers use."""
    return Authorities(AcmeAuthority(LETS_ENCRYPT, now), AcmeAuthority(ZERO_SSL, now, UNLIMITED))


def registered_domain(name: str) -> str:
    """The part of a name that was registered: one label below a public suffix; an address as it is."""
    bare = name.removeprefix("*.").lower()
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        labels = 3 if bare.endswith(tuple(f".{suffix}" for suffix in _TWO_LEVELS)) else 2
        return ".".join(bare.split(".")[-labels:])


def _authority(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey],
    span: tuple[datetime, datetime],
) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder(subject, public_key, issuer[0], span).add_extension(usage, critical=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    identified = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key())
    certificate = builder.add_extension(identified, critical=False).sign(issuer[1], hashes.SHA256())
    return certificate.public_bytes(Encoding.PEM)


def _builder(
    subject: x509.Name, public_key: ec.EllipticCurvePublicKey, issuer: x509.Name, span: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(span[0])
        .not_valid_after(span[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _set_of(names: Sequence[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
