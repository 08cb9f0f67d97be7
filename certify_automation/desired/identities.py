"""The rules that concern several hosts at once: what is one machine's alone is not declared for others too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from certify_automation.desired.endpoints import EndpointUnreadable
from certify_automation.desired.renewals import served
from certify_automation.desired.resolved import Resolved
from certify_automation.errors import Position, Problem, Severity
from certify_automation.model.renewal import Served

_IDENTITY = "HubAssignedInstanceId"
_PATH = "service.config.hub_assigned_instance_id"
_SERVED = "renewals.served["
_ENDPOINT = ".endpoint"


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


@dataclass(slots=True)
class _Endpoint:
    """One endpoint with one name asked for; hosts in the order of the inventory, each once."""

    written: str
    position: Position
    hosts: dict[str, None] = field(default_factory=dict)


def check_endpoints(concerned: Mapping[Resolved, list[str]]) -> Iterator[Problem]:
    """Warnings about endpoints that several hosts are declared to serve.

    Args:
        concerned: as for check_identities.
    """
    found: dict[tuple[str, int, str], _Endpoint] = {}
    for resolved, names in concerned.items():
        for path, one in _served(resolved):
            place = resolved.origins[path + _ENDPOINT][0].position
            sni = resolved.values.get(f"{path}.sni")
            written = f"{resolved.values[path + _ENDPOINT]}{f' with sni {sni}' if sni else ''}"
            endpoint = found.setdefault((one.host, one.port, one.sni), _Endpoint(written, place))
            endpoint.hosts.update(dict.fromkeys(names))
    for endpoint in found.values():
        first, *others = endpoint.hosts
        if others:
            message = (
                f"the endpoint {endpoint.written} is declared for {first} and {len(others)} more: at most one of them "
                "manages its certificate"
            )
            hint = f"declare it in a document for the one that does: applies_to: {{hosts: [{first}]}}"
            yield Problem("CA1275", message, endpoint.position, hint, Severity.WARNING)


def _served(resolved: Resolved) -> Iterator[tuple[str, Served]]:
    """Path and value of each endpoint that can be read."""
    for name in resolved.values:
        if not (name.startswith(_SERVED) and name.endswith(_ENDPOINT)):
            continue
        path = name.removesuffix(_ENDPOINT)
        entry = {key: resolved.values.get(f"{path}.{key}") for key in ("endpoint", "sni", "certificate")}
        try:
            (one,) = served([{key: value for key, value in entry.items() if value is not None}])
        except (EndpointUnreadable, KeyError):  # the rules of one host have said so
            continue
        yield path, one
