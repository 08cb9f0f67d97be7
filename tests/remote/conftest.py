from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_host import Host, Lab

from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.lab.winrm import BackgroundServer


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(dt.datetime.now(dt.UTC))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> IssuedCertificate:
    return authority.issue_server(names=["localhost"], addresses=["127.0.0.1"])


@pytest.fixture(scope="session")
def ca_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(authority.certificate_pem)
    return path


@pytest.fixture
def lab(certificate: IssuedCertificate, ca_file: Path) -> Iterator[Lab]:
    with BackgroundServer() as server:
        yield Lab(server, certificate, ca_file)


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.host()
