from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from scripted_machine import ScriptedMachine

from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.lab.winrm import Account, BackgroundServer, Endpoint, Faults, Limits, WireFault
from certify_automation.model.host import Auth, Connection, Scheme
from certify_automation.model.secret import Secret
from certify_automation.remote import Credentials, Deadlines, Session, connect

PASSWORD = "Correct-Horse-7/battery"


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


@dataclass
class Host:
    """A scripted machine behind a real WinRM endpoint, and how to reach it."""

    machine: ScriptedMachine
    faults: Faults
    endpoint: Endpoint
    http: Connection
    https: Connection
    credentials: Credentials = field(default_factory=Credentials)
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(read=30, act=30, undo=5, pause=0.01))

    def session(self, connection: Connection | None = None, **changes: object) -> Session:
        """A session that shares this host's credentials; `changes` are fields of the connection."""
        chosen = replace(connection or self.http, **changes)  # type: ignore[arg-type]
        return connect(chosen, credentials=self.credentials, deadlines=self.deadlines)


@dataclass
class Lab:
    server: BackgroundServer
    certificate: IssuedCertificate
    ca_file: Path

    def host(self, *rules: WireFault, limits: Limits | None = None, administrator: bool = True) -> Host:
        machine, faults = ScriptedMachine(), Faults(rules)
        endpoint = Endpoint(
            machine,
            "127.0.0.1",
            http_port=0,
            https_port=0,
            accounts=(Account("operator", PASSWORD, administrator=administrator),),
            certificate=self.certificate,
            limits=limits or Limits(),
            faults=faults,
        )
        listening = self.server.add(endpoint)[0]
        assert listening.http_port
        assert listening.https_port
        http = Connection(
            "127.0.0.1",
            scheme=Scheme.HTTP,
            port=listening.http_port,
            auth=Auth.NEGOTIATE,
            username="operator",
            password=Secret(PASSWORD, "${env:PASSWORD}"),
        )
        https = replace(http, scheme=Scheme.HTTPS, port=listening.https_port, ca_file=str(self.ca_file))
        return Host(machine, faults, endpoint, http, https)


@pytest.fixture
def lab(certificate: IssuedCertificate, ca_file: Path) -> Iterator[Lab]:
    with BackgroundServer() as server:
        yield Lab(server, certificate, ca_file)


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.host()
