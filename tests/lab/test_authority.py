"""The lab's own authority."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from certify_automation.lab.authority import USER_PRINCIPAL_NAME, Authority, IssuedCertificate

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW, days=10)


def loaded(issued: IssuedCertificate) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
    key = load_pem_private_key(issued.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == certificate.public_key()
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(issued.authority_pem))
    return certificate


def test_a_server_certificate_holds_every_name_and_address(authority: Authority) -> None:
    certificate = loaded(authority.issue_server(["web01.example"], ["127.0.0.5", "::1"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web01.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.5", "::1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.not_valid_before_utc == NOW - dt.timedelta(minutes=5)
    assert certificate.not_valid_after_utc == NOW + dt.timedelta(days=10)


def test_a_client_certificate_names_its_account(authority: Authority) -> None:
    certificate = loaded(authority.issue_client("lab"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    [principal] = names.get_values_for_type(x509.OtherName)
    assert (principal.type_id, principal.value) == (USER_PRINCIPAL_NAME, b"\x0c\x0dlab@localhost")


def test_what_makes_no_certificate_is_refused(authority: Authority) -> None:
    with pytest.raises(ValueError, match="name or an address"):
        authority.issue_server()
    with pytest.raises(ValueError, match="does not appear to be"):
        authority.issue_server(addresses=["web01"])
    with pytest.raises(ValueError, match="longer than Windows allows"):
        authority.issue_client("x" * 120)


def test_a_key_shows_in_no_repr(authority: Authority) -> None:
    assert "PRIVATE" not in repr(authority.issue_client("lab"))
