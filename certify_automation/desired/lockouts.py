"""What is declared for a host against how the host is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from certify_automation.desired.fleet import DesiredHost
from certify_automation.desired.rules.security import blocks_winrm
from certify_automation.errors import Problem
from certify_automation.model.host import Transport

_PATHS = ("security.api_exposure.block", "security.api_exposure")


def check_lockouts(hosts: Iterable[DesiredHost]) -> Iterator[tuple[Problem, str]]:
    """Firewall rules that would close the port of a host's own connection (CA1243), each with the host's name."""
    for host in hosts:
        exposure, endpoint = host.state.api_exposure, host.state.endpoint
        if not exposure or not exposure.block or endpoint is None or host.connection.transport is not Transport.WINRM:
            continue
        if endpoint.port == host.connection.port:
            origins = next(host.origins[path] for path in _PATHS if path in host.origins)
            yield blocks_winrm(endpoint.port, origins[0].position), host.name
