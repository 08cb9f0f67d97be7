"""Certificate stores of a simulated computer."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.lab.windows import (
    Installation,
    MachineStores,
    StillClock,
    Win32Error,
    make_computer,
    stored,
    win32,
)

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def issued() -> IssuedCertificate:
    return Authority(NOW).issue_server(["www.example.com"])


def der(issued: IssuedCertificate) -> bytes:
    return x509.load_pem_x509_certificate(issued.certificate_pem).public_bytes(Encoding.DER)


def test_a_stored_certificate_says_what_windows_shows_of_it(issued: IssuedCertificate) -> None:
    one = stored(der(issued), issued.key_pem)
    assert one.thumbprint == hashlib.sha1(der(issued)).hexdigest().upper()  # noqa: S324 - a thumbprint is a SHA-1
    assert (one.subject, one.start) == ("CN=www.example.com", NOW - dt.timedelta(minutes=5))
    assert one.expiry == NOW + dt.timedelta(days=30)
    assert issued.key_pem.decode() not in repr(one)


def test_bytes_that_are_no_certificate_are_not_stored() -> None:
    with pytest.raises(ValueError, match=r".+"):
        stored(b"no certificate")


def test_stores_and_thumbprints_compare_ignoring_case(issued: IssuedCertificate) -> None:
    stores, one = MachineStores(), stored(der(issued))
    stores.add("MY", one)
    assert stores.find("My", one.thumbprint.lower()) == one
    assert stores.of("my") == (one,)
    assert stores.find("WebHosting", one.thumbprint) is None
    assert stores.find("None such", one.thumbprint) is None
    stores.remove("my", one.thumbprint.lower())
    assert stores.of("My") == ()


def test_what_is_not_there_is_refused_as_windows_does(issued: IssuedCertificate) -> None:
    stores, one = MachineStores(), stored(der(issued))
    with pytest.raises(Win32Error) as refused:
        stores.remove("My", one.thumbprint)
    assert refused.value.code == win32.FILE_NOT_FOUND
    with pytest.raises(Win32Error) as refused:
        stores.add("None such", one)
    assert refused.value.code == win32.FILE_NOT_FOUND


def test_a_dump_shows_certificates_bindings_and_whether_there_is_a_key_but_no_key(issued: IssuedCertificate) -> None:
    computer = make_computer(Installation("WEB01"), StillClock(NOW))
    before = computer.dump()
    one = stored(der(issued), issued.key_pem)
    computer.certificates.add("My", one)
    values: dict[str, bytes | str] = {"SslCertHash": bytes.fromhex(one.thumbprint), "SslCertStoreName": "My"}
    computer.sni_bindings["www.example.com:443"] = values
    after = computer.dump()
    assert {name for name in after if after[name] != before[name]} == {"certificates", "sni_bindings"}
    assert after["certificates"]["My"] == [f"{one.thumbprint} with key"]
    assert "PRIVATE KEY" not in str(after)
