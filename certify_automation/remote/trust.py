"""The root certificates that this computer trusts when it judges what endpoints serve."""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress
from pathlib import Path

import certifi
from cryptography import x509

from certify_automation.errors import UsageError
from certify_automation.verify import Roots
from certify_automation.verify.reading import Unreadable, load


def trusted_roots(ca_file: Path | None = None) -> Roots:
    """Mozilla's roots, those of Windows where this runs there, and the ones of a PEM file.

    Raises:
        UsageError: CA3301, the file cannot be read or holds no certificate.
    """
    found = _of_file(Path(certifi.where()))
    for der in ssl.create_default_context().get_ca_certs(binary_form=True):
        with suppress(Unreadable):  # a root that the system keeps and this library does not read helps nobody here
            found.append(load(der))
    return Roots([*found, *(_own(ca_file) if ca_file else ())])


def _of_file(path: Path) -> list[x509.Certificate]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # roots as old as the web bend the standard here and there
        return x509.load_pem_x509_certificates(path.read_bytes())


def _own(path: Path) -> list[x509.Certificate]:
    hint = "`trust.ca_file` names a file of PEM certificates"
    try:
        return _of_file(path)
    except OSError as error:
        raise UsageError("CA3301", f"{path} cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise UsageError("CA3301", f"{path} holds no certificate in PEM form that can be read", hint=hint) from error
