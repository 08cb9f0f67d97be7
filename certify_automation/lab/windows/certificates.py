"""The certificate stores of LocalMachine: certificates, and the private keys of those that have one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.win32 import Win32Error

PERSONAL = "My"
WEB_HOSTING = "WebHosting"
INTERMEDIATE = "CA"
ROOT = "Root"
STORES = (PERSONAL, WEB_HOSTING, INTERMEDIATE, ROOT)
"""The stores a server's certificate and its chain are looked for in, as the registry spells them."""

_SHORT = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "S",
    NameOID.COUNTRY_NAME: "C",
}
_QUOTED = frozenset(',+="\n<>#;')


@dataclass(frozen=True, slots=True)
class Stored:
    """One certificate of a store; `stored` makes it.

    Attributes:
        thumbprint: SHA-1 of `der`, 40 upper-case hex digits.
        der: the certificate.
        key_pem: its private key; None when the store has none.
        subject: as X509Certificate2.Subject writes it.
        start: when it becomes valid, aware, UTC.
        expiry: when it ceases to be, aware, UTC.
    """

    thumbprint: str
    der: bytes = field(repr=False)
    key_pem: bytes | None = field(repr=False)
    subject: str
    start: datetime
    expiry: datetime


def stored(der: bytes, key_pem: bytes | None = None) -> Stored:
    """A certificate as a store keeps it; raises ValueError for bytes that are none."""
    certificate = x509.load_der_x509_certificate(der)
    return Stored(
        hashlib.sha1(der).hexdigest().upper(),  # noqa: S324 - a thumbprint is a SHA-1
        der,
        key_pem,
        _subject(certificate.subject),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


class MachineStores:
    """The stores of one computer; names of stores and thumbprints compare ignoring case.

    Attributes:
        finds_issuers: False = TLS servers of the computer do not find the intermediates of the store `CA`, and send
            their own certificate alone.
    """

    def __init__(self) -> None:
        self.finds_issuers = True
        self._stores: dict[str, dict[str, Stored]] = {name: {} for name in STORES}

    def add(self, store: str, certificate: Stored) -> None:
        """Put a certificate into a store, in place of one with this thumbprint; raises Win32Error 2, no such store."""
        self._store(store)[certificate.thumbprint] = certificate

    def remove(self, store: str, thumbprint: str) -> None:
        """Delete a certificate and its key; raises Win32Error 2, no such store or certificate."""
        if self._store(store).pop(thumbprint.upper(), None) is None:
            raise Win32Error(win32.FILE_NOT_FOUND, thumbprint)

    def find(self, store: str, thumbprint: str) -> Stored | None:
        """The certificate of this thumbprint, or None; also None for a store that is not there."""
        return next((held[thumbprint.upper()] for held in self._named(store) if thumbprint.upper() in held), None)

    def of(self, store: str) -> tuple[Stored, ...]:
        """What a store holds, by thumbprint; raises Win32Error 2, no such store."""
        return tuple(one for _, one in sorted(self._store(store).items()))

    def rows(self) -> dict[str, list[str]]:
        """Store -> thumbprints, those with a private key marked; comparable, without the keys."""
        return {
            name: [f"{one.thumbprint}{' with key' if one.key_pem else ''}" for one in self.of(name)] for name in STORES
        }

    def _store(self, name: str) -> dict[str, Stored]:
        found = self._named(name)
        if not found:
            raise Win32Error(win32.FILE_NOT_FOUND, name)
        return found[0]

    def _named(self, name: str) -> list[dict[str, Stored]]:
        return [held for known, held in self._stores.items() if known.casefold() == name.casefold()]


def _subject(name: x509.Name) -> str:
    """The most specific part first; a value with a character that has a meaning in a name is quoted."""
    parts = []
    for attribute in reversed(list(name)):
        value = str(attribute.value)
        if _QUOTED & set(value) or value != value.strip():
            value = '"' + value.replace('"', '""') + '"'
        parts.append(f"{_SHORT.get(attribute.oid, attribute.oid.dotted_string)}={value}")
    return ", ".join(parts)
