"""A scripted machine behind the lab's real WinRM server, and sessions to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scripted_machine import ScriptedMachine

from certify_automation import onhost
from certify_automation.lab.authority import IssuedCertificate
from certify_automation.lab.winrm import Account, BackgroundServer, ChannelBinding, Endpoint, Faults, Limits, WireFault
from certify_automation.model.host import Auth, Connection, Scheme
from certify_automation.model.secret import Secret
from certify_automation.remote import Credentials, Deadlines, Session, connect

PASSWORD = "Correct-Horse-7/battery"
SCRIPT = onhost.Script("Observe", "'a script'", "0" * 64)


@dataclass
class Host:
    """One computer and how to reach it; `session` shares its credentials and deadlines."""

    machine: ScriptedMachine
    faults: Faults
    endpoint: Endpoint
    http: Connection
    https: Connection
    credentials: Credentials = field(default_factory=Credentials)
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(read=30, act=60, undo=5, pause=0.01))

    def session(self, connection: Connection | None = None, **changes: Any) -> Session:
        chosen = replace(connection or self.http, **changes)
        return connect(chosen, credentials=self.credentials, deadlines=self.deadlines)

    def visit(self, connection: Connection | None = None, **changes: Any) -> dict[str, Any]:
        """A visit that reads."""
        return dict(self.session(connection, **changes).run(SCRIPT, {}, acts=False))


@dataclass
class Lab:
    server: BackgroundServer
    certificate: IssuedCertificate
    ca_file: Path

    def host(
        self,
        *rules: WireFault,
        limits: Limits | None = None,
        administrator: bool = True,
        channel_binding: ChannelBinding = ChannelBinding.RELAXED,
    ) -> Host:
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
            channel_binding=channel_binding,
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
