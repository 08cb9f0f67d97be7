"""One certificate as it was sent: what a person wants to know of it, and the names it is for."""

from __future__ import annotations

import ipaddress
import warnings
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID


class Unreadable(Exception):
    """The bytes are no certificate that can be read."""


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """A certificate that an endpoint sent; thumbprints in upper-case hex, times in milliseconds since 1970-01-01 UTC.

    Attributes:
        subject, issuer: common names, or the whole names where there is none.
        names: DNS names as they are written in it, with wildcards.
        addresses: IP addresses it is for.
        key_type: `RSA 2048`, `EC secp256r1`, `Ed25519`.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    start_utc_ms: int
    expiry_utc_ms: int
    sha1: str
    sha256: str
    key_type: str

    def is_for(self, name: str) -> bool:
        """Whether it is for this DNS name (a wildcard stands for one label, RFC 9525) or IP address."""
        try:
            return str(ipaddress.ip_address(name)) in self.addresses
        except ValueError:
            return any(_matches(pattern, ascii_name(name)) for pattern in self.names)


def load(der: bytes) -> x509.Certificate:
    """The certificate.

    Raises:
        Unreadable: it cannot be parsed.
    """
    with warnings.catch_warnings():
        # Certificates that bend the standard are warned about where they are read; they are judged here.
        warnings.simplefilter("ignore")
        try:
            return x509.load_der_x509_certificate(der)
        except (ValueError, TypeError, x509.InvalidVersion) as error:
            raise Unreadable(str(error)) from error


def details(certificate: x509.Certificate) -> PresentedCertificate:
    """What there is to know of a certificate.

    Raises:
        Unreadable: a part of it cannot be parsed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            names, addresses = _alternatives(certificate)
            start, expiry = lifetime_ms(certificate)
            return PresentedCertificate(
                subject=common_name(certificate.subject),
                issuer=common_name(certificate.issuer),
                names=names,
                addresses=addresses,
                start_utc_ms=start,
                expiry_utc_ms=expiry,
                sha1=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Windows' thumbprint
                sha256=certificate.fingerprint(hashes.SHA256()).hex().upper(),
                key_type=_key_type(certificate),
            )
        except (ValueError, TypeError, x509.DuplicateExtension) as error:
            raise Unreadable(str(error)) from error


def common_name(name: x509.Name) -> str:
    """The common name in a name, or the whole of it where there is none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def lifetime_ms(certificate: x509.Certificate) -> tuple[int, int]:
    """From when and until when it is valid, in milliseconds since 1970-01-01 UTC."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return round(start.timestamp() * 1000), round(end.timestamp() * 1000)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may vouch for other certificates; what cannot be read says no."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def ascii_name(name: str) -> str:
    """A DNS name as it stands in certificates: lower case, other scripts in Punycode, without a dot at its end."""
    lower = name.rstrip(".").lower()
    if lower.isascii():
        return lower
    try:
        return lower.encode("idna").decode("ascii")
    except UnicodeError:
        return lower


def _alternatives(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return (), ()
    names = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return tuple(names), tuple(str(address) for address in addresses)


def _matches(pattern: str, name: str) -> bool:
    pattern = pattern.rstrip(".").lower()
    if pattern.startswith("*."):
        return pattern[2:] == name.partition(".")[2] and "." in pattern[2:]
    return pattern == name


def _key_type(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, TypeError):  # an algorithm the library does not know
        return f"unknown {certificate.public_key_algorithm_oid.dotted_string}"
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")
