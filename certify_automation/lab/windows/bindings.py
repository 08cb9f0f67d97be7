"""Which certificate http.sys shows to whom: by address, by the name the client asks for, or for everybody else.

An address' own binding comes before a name's, and the one for all addresses last; a name's may have a `*` label.
"""

from __future__ import annotations

from cryptography import x509

from certify_automation.lab.windows.certificates import INTERMEDIATE, PERSONAL, MachineStores, Stored
from certify_automation.lab.windows.computer import Bindings, Computer

_EVERYBODY = ("0.0.0.0", "[::]")  # noqa: S104 - names of registry keys
_LONGEST_CHAIN = 8


def served(computer: Computer, name: str | None, port: int) -> tuple[Stored, ...]:
    """The certificates a client is sent that asks for this name: the bound one first, then those of its issuers.

    Nothing when no binding is for it, or its certificate or its private key is not where the binding says.
    """
    for binding in _candidates(computer, (name or "").lower().rstrip("."), port):
        cert_hash, store = binding.get("SslCertHash"), binding.get("SslCertStoreName")
        if not isinstance(cert_hash, bytes):
            continue
        found = computer.certificates.find(store if isinstance(store, str) else PERSONAL, cert_hash.hex())
        if found is None or found.key_pem is None:
            return ()
        return (found, *_issuers(computer.certificates, found))
    return ()


def is_served(computer: Computer, port: int) -> bool:
    """Whether anything is bound at this port."""
    every: tuple[Bindings, ...] = (computer.ssl_bindings, computer.sni_bindings)
    return any(key.endswith(f":{port}") for bindings in every for key in bindings)


def _candidates(computer: Computer, name: str, port: int) -> list[dict[str, bytes | str]]:
    wanted = [computer.ssl_bindings.get(f"{computer.installation.address}:{port}")]
    if name:
        above = name.partition(".")[2]
        wanted += [_named(computer.sni_bindings, key) for key in (f"{name}:{port}", f"*.{above}:{port}")]
    wanted += [computer.ssl_bindings.get(f"{address}:{port}") for address in _EVERYBODY]
    return [binding for binding in wanted if binding is not None]


def _named(bindings: Bindings, key: str) -> dict[str, bytes | str] | None:
    """The binding of this name, ignoring case; most are written in lower case, and there may be thousands."""
    exact = bindings.get(key)
    return exact or next((binding for name, binding in bindings.items() if name.lower() == key), None)


def _issuers(stores: MachineStores, leaf: Stored) -> list[Stored]:
    """The intermediates above a certificate, without the root, as far as the store has them."""
    if not stores.finds_issuers:
        return []
    known = {x509.load_der_x509_certificate(one.der).subject: one for one in stores.of(INTERMEDIATE)}
    found: list[Stored] = []
    certificate = x509.load_der_x509_certificate(leaf.der)
    while len(found) < _LONGEST_CHAIN:
        above = known.get(certificate.issuer)
        if above is None or certificate.issuer == certificate.subject:
            break
        certificate = x509.load_der_x509_certificate(above.der)
        if certificate.issuer == certificate.subject:
            break
        found.append(above)
    return found
