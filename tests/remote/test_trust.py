"""Who is trusted when endpoints are judged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from certify_automation.errors import UsageError
from certify_automation.lab.authority import Authority
from certify_automation.remote.trust import trusted_roots


def test_a_file_of_certificates_is_trusted_beside_the_usual_ones(tmp_path: Path) -> None:
    authority = Authority(datetime.now(UTC))
    issued = x509.load_pem_x509_certificate(authority.issue_server(["www.example.test"]).certificate_pem)
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.certificate_pem)
    assert trusted_roots(file).issued(issued)
    assert not trusted_roots().issued(issued)


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"]
)
def test_a_file_without_certificates_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"holds no certificate") as raised:
        trusted_roots(file)
    assert raised.value.id == "CA3301"


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read"):
        trusted_roots(tmp_path / "ca.pem")
