"""A throw-away certification authority for a lab: server certificates, and client certificates mapped to accounts."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

USER_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""otherName in a subject alternative name by which Windows maps a client certificate to an account."""

_DER_UTF8_STRING = b"\x0c"
_DER_SHORT_FORM = 127
_BACKDATED = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate with its private key, both PEM, and the certificate of the authority that issued it."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    authority_pem: bytes


class Authority:
    """Issues certificates that only this lab's clients trust. Keys are NIST P-256 and live in memory."""

    def __init__(self, now: dt.datetime, *, name: str = "certify-automation lab", days: int = 30) -> None:
        """Make a fresh authority.

        Args:
            now: an aware time; every certificate is valid from five minutes before it.
            name: the common name of the authority.
            days: how long the authority and what it issues are valid.
        """
        self._not_before = now - _BACKDATED
        self._not_after = now + dt.timedelta(days=days)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = self._builder(self._subject, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.certificate_pem = certificate.public_bytes(Encoding.PEM)

    def issue_server(self, names: Sequence[str] = (), addresses: Sequence[str] = ()) -> IssuedCertificate:
        """A certificate for a TLS server that answers under these DNS names and IP addresses.

        Raises:
            ValueError: neither a name nor an address, or an address that is no IP literal.
        """
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        if not alternatives:
            raise ValueError("a server certificate needs a name or an address")
        common_name = (*names, *addresses)[0]
        return self._issue(common_name, alternatives, ExtendedKeyUsageOID.SERVER_AUTH)

    def issue_client(self, user: str) -> IssuedCertificate:
        """A certificate a client logs in with as the account `user`; its user principal name is `user@localhost`.

        Raises:
            ValueError: the name is too long.
        """
        principal = f"{user}@localhost".encode()
        if len(principal) > _DER_SHORT_FORM:
            raise ValueError(f"an account name of {len(user)} characters is longer than Windows allows")
        value = _DER_UTF8_STRING + bytes([len(principal)]) + principal
        return self._issue(user, [x509.OtherName(USER_PRINCIPAL_NAME, value)], ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self, common_name: str, alternatives: list[x509.GeneralName], usage: ObjectIdentifier
    ) -> IssuedCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = builder.add_extension(issuer_key, critical=False).sign(self._key, hashes.SHA256())
        return IssuedCertificate(
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            self.certificate_pem,
        )

    def _builder(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._not_before)
            .not_valid_after(self._not_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )
