"""The one rule that concerns several hosts at once: identities are not shared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from certify_automation.desired.resolved import Resolved
from certify_automation.errors import Problem

_IDENTITY = "HubAssignedInstanceId"
_PATH = "service.config.hub_assigned_instance_id"


def check_identities(concerned: Mapping[Resolved, list[str]]) -> Iterator[Problem]:
    """A machine's identity at the hub that is declared for more than one machine.

    Args:
        concerned: what is declared -> names of the hosts for which it is.
    """
    known: dict[str, str] = {}
    for resolved, names in concerned.items():
        config = resolved.state.service_config
        identity = config.properties.get(_IDENTITY) if config else None
        if not identity:
            continue
        for name in names:
            first = known.setdefault(str(identity), name)
            if first != name:
                origins = resolved.origins.get(_PATH)
                message = f"{name} would get the hub identity of {first}; each machine has its own"
                position = origins[0].position if origins else None
                yield Problem("CA1214", message, position, "declare it for one host only")
                break
