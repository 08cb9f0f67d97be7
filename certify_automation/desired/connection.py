"""How a host is reached: the fields of the inventory as a Connection, its references not yet read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify_automation.desired import reference
from certify_automation.desired.inventory import Facets, InventoryHost
from certify_automation.desired.secrets import SecretReference, find_reference, local_path, parse_reference
from certify_automation.desired.words import printable
from certify_automation.errors import Position, Problem, Severity
from certify_automation.model.host import ApiAccess, Auth, Connection, Scheme, Transport
from certify_automation.naming import some_of

_FILES = ("ca_file", "certificate_file", "certificate_key_file")
_PLACES_SHOWN = 3
_WITH_PASSWORD = (Auth.BASIC, Auth.NTLM, Auth.CREDSSP)


@dataclass(frozen=True, slots=True)
class ConnectionFields:
    """What hosts with the same layers share of their connection.

    Attributes:
        fields: arguments of Connection except address and those that are references.
        secrets: field -> reference.
    """

    fields: Mapping[str, Any]
    secrets: Mapping[str, SecretReference]

    def at(self, address: str) -> Connection:
        """The connection to one host."""
        return Connection(address, **self.fields)


def connection_fields(facets: Facets, folder: Path) -> ConnectionFields:
    """The connection of hosts with these facets.

    Args:
        facets: of a host; its connection fits the inventory's schema.
        folder: what relative paths start from.
    """
    fields: dict[str, Any] = {}
    secrets: dict[str, SecretReference] = {}
    for name, value in facets.connection.items():
        position = facets.origins[f"connection.{name}"][0].position
        found = parse_reference(value, folder, position) if isinstance(value, str) else None
        if found is not None:
            secrets[name] = found
        elif name in _FILES:
            fields[name] = str(local_path(folder, value))
        else:
            fields[name] = value
    fields = {**reference.connection_defaults(), **fields}
    for name, kind in {"transport": Transport, "scheme": Scheme, "auth": Auth, "api_access": ApiAccess}.items():
        fields[name] = kind(fields[name])
    if fields["scheme"] is Scheme.HTTP and "port" not in facets.connection:
        fields["port"] = reference.default_http_port()
    return ConnectionFields(fields, secrets)


def check_connection(host: InventoryHost, shared: ConnectionFields) -> Iterator[Problem]:
    """Problems (CA132x) of the connection of a host and all others with its facets."""
    facets, fields = host.facets, shared.fields
    if fields["transport"] is Transport.LOCAL:
        return
    auth, scheme = fields["auth"], fields["scheme"]

    def where(*names: str) -> Position:
        found = [
            facets.origins[f"connection.{name}"][0].position for name in names if f"connection.{name}" in facets.origins
        ]
        return found[0] if found else host.position

    if scheme is Scheme.HTTP and auth in {Auth.BASIC, Auth.CERTIFICATE}:
        message = f"auth {auth} over http sends everything in the clear"
        yield Problem("CA1320", message, where("auth", "scheme"), "use scheme: https, or auth: negotiate")
    lacking = [name for name in ("username", "password") if name not in facets.connection]
    if auth in _WITH_PASSWORD and lacking:
        message = f"auth {auth} needs a {' and a '.join(lacking)}; {host.name} has none"
        yield Problem(
            "CA1321", message, where("auth"), "password: ${env:CERTIFY_WINRM_PASSWORD} reads it from the environment"
        )
    lacking = [name for name in ("certificate_file", "certificate_key_file") if name not in facets.connection]
    if auth is Auth.CERTIFICATE and lacking:
        yield Problem("CA1321", f"auth certificate needs {' and '.join(lacking)}; {host.name} has none", where("auth"))
    for name, value in facets.connection.items():
        if name not in shared.secrets and find_reference(value):
            message = f"the reference in connection.{name} must be the whole value"
            yield Problem("CA1503", message, where(name), 'write it alone: "${env:NAME}"')


def check_verification(
    hosts: Iterable[InventoryHost], connections: Mapping[Facets, ConnectionFields]
) -> Iterator[Problem]:
    """One warning (CA1322) for all hosts whose certificates are not verified, with the first places that say so."""
    places = [
        host.facets.origins["connection.verify"][0].position
        for host in hosts
        if (fields := connections[host.facets].fields)["verify"] is False and fields["transport"] is not Transport.LOCAL
    ]
    if not places:
        return
    first, *others = dict.fromkeys(places)
    on = f"{len(places)} host{'' if len(places) == 1 else 's'}"
    message = f"certificates of WinRM are not verified on {on}: whoever is in between can read and change everything"
    hint = "give the authority that signed them as ca_file"
    if others:
        hint += f"; verify is also false at {some_of([printable(str(place)) for place in others], _PLACES_SHOWN)}"
    yield Problem("CA1322", message, first, hint, Severity.WARNING)
