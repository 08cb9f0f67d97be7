"""The lab's own answer to a visit, for comparing with what the scripts say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify_automation.lab.onhost import Visit, VisitFaults, answer
from contract.hosts import Host


def simulated_reply(
    host: Host, name: str, parameters: Mapping[str, Any], *, deadline: int = 60, faults: VisitFaults | None = None
) -> dict[str, Any]:
    """The reply of the lab's simulated host."""
    visit = Visit(host.computer, host.caller, administrator=host.administrator, faults=faults or VisitFaults())
    return answer(visit, name, dict(parameters), deadline_seconds=deadline)
