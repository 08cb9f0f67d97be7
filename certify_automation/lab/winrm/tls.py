"""TLS contexts from keys that exist in memory only."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from spnego.tls import CredSSPTLSContext, default_tls_context, generate_tls_certificate

from certify_automation.lab.authority import IssuedCertificate


def server_context(certificate: IssuedCertificate) -> ssl.SSLContext:
    """TLS for an HTTPS listener: client certificates are asked for, and trusted if the same authority issued them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=certificate.authority_pem.decode())
    with pem_file(certificate.certificate_pem + certificate.key_pem) as path:
        context.load_cert_chain(path)
    return context


@cache
def credssp_context() -> CredSSPTLSContext:
    """TLS inside CredSSP, with one self-signed key for the process: an RSA key is too slow to make for each login."""
    certificate, key, public_key = generate_tls_certificate()
    tls = default_tls_context("accept")
    with pem_file(certificate + key) as path:
        tls.context.load_cert_chain(path)
    tls.public_key = public_key
    return tls


@contextmanager
def pem_file(content: bytes) -> Iterator[str]:
    """A private file for as long as OpenSSL, which takes keys from files only, needs it."""
    descriptor, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108 - a plain name from mkstemp
