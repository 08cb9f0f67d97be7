"""A small certification authority for tests of what endpoints present."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def sha1(self) -> str:
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - the thumbprint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate is for, and from when until when."""

    names: Sequence[str]
    addresses: Sequence[str]
    start: datetime
    end: datetime


def authority(common_name: str, now: datetime, issuer: Identity | None = None) -> Identity:
    """A certification authority; without an issuer a root."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    builder = _builder(name, key, now - timedelta(days=365), now + timedelta(days=3650))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return _signed(builder, name, key, issuer)


def leaf(wanted: Wanted, issuer: Identity | None) -> Identity:
    """A server's certificate; without an issuer signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name((*wanted.names, *wanted.addresses, "nobody")[0])
    alternatives: list[x509.GeneralName] = [x509.DNSName(one) for one in wanted.names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(one)) for one in wanted.addresses]
    builder = _builder(name, key, wanted.start, wanted.end)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return _signed(builder, name, key, issuer)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _signed(
    builder: x509.CertificateBuilder, name: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: Identity | None
) -> Identity:
    signer = issuer.key if issuer else key
    by = issuer.certificate.subject if issuer else name
    return Identity(builder.issuer_name(by).sign(signer, hashes.SHA256()), key)
