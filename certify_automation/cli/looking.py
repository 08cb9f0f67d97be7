"""Commands that show what the files come to: inventory and explain. No host is touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import click
import yaml

from certify_automation.cli.console import columns
from certify_automation.cli.options import Call, fleet_options
from certify_automation.desired import DesiredHost, Fleet, Origin
from certify_automation.errors import UsageError
from certify_automation.model.outcome import ExitCode

_VARIABLE = re.compile(r"\bvars\.(\w+)")


@click.group(short_help="Show hosts, groups and how hosts are reached.")
def inventory() -> None:
    """Show what the inventory comes to."""


@inventory.command("list")
@fleet_options
def list_hosts(call: Call) -> int:
    """List the selected hosts: name, address, groups, labels."""
    fleet = call.fleet()
    call.console.document(call.command, {"exit_code": 0, "hosts": [_document(host) for host in fleet.hosts.values()]})
    rows = [("HOST", "ADDRESS", "GROUPS", "LABELS")]
    rows += [
        (host.name, f"{host.connection.address}:{host.connection.port}", ",".join(host.groups), _labels(host))
        for host in fleet.hosts.values()
    ]
    call.console.data(columns(rows))
    return ExitCode.DONE


@inventory.command()
@fleet_options
def graph(call: Call) -> int:
    """Draw the groups as a tree; a host in several groups appears in each."""
    fleet = call.fleet()
    groups = {name: list(members) for name, members in fleet.groups.items()}
    call.console.document(call.command, {"exit_code": 0, "groups": groups, "ungrouped": _ungrouped(fleet)})
    call.console.data(_tree(fleet))
    return ExitCode.DONE


@inventory.command()
@click.argument("host")
@fleet_options
def show(call: Call, host: str) -> int:
    """Show one HOST: groups, labels, variables and connection; secrets as references."""
    document = _document(_find(call.fleet(), host))
    call.console.document(call.command, {"exit_code": 0, "host": document})
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=False)
    call.console.data(text.rstrip("\n").splitlines())
    return ExitCode.DONE


@click.command(short_help="Show where each value came from and what it overrode.")
@click.argument("host")
@click.argument("field", required=False)
@fleet_options
def explain(call: Call, host: str, field: str | None) -> int:
    """Show each declared value of HOST with the file and line it came from, and what it overrode.

    FIELD is a dotted path such as service.config.port, or the beginning of one.
    """
    found = _find(call.fleet(), host)
    origins = {path: chain for path, chain in found.origins.items() if field is None or _within(path, field)}
    origins |= _variables(origins, found)
    if not origins:
        near = get_close_matches(field or "", found.origins, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "without FIELD all declared values are shown"
        raise UsageError("CA5005", f"nothing at {field!r} is declared for {host}", hint=hint)
    fields = [
        {"path": path, "value": _value(found, path), "origins": [_origin(origin) for origin in chain]}
        for path, chain in origins.items()
    ]
    call.console.document(call.command, {"exit_code": 0, "host": host, "fields": fields})
    for path, chain in origins.items():
        call.console.data(_explained(path, _value(found, path), chain))
    return ExitCode.DONE


def _find(fleet: Fleet, name: str) -> DesiredHost:
    if name in fleet.hosts:
        return fleet.hosts[name]
    near = get_close_matches(name, fleet.hosts, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`certify-automation inventory list` lists the hosts"
    raise UsageError("CA5004", f"there is no host {name!r} in the inventory", hint=hint)


def _labels(host: DesiredHost) -> str:
    return ",".join(f"{key}={value}" for key, value in host.labels.items())


def _document(host: DesiredHost) -> dict[str, object]:
    connection = host.connection
    fields = {
        "address": connection.address,
        "transport": str(connection.transport),
        "scheme": str(connection.scheme),
        "port": connection.port,
        "path": connection.path,
        "auth": str(connection.auth),
        "username": connection.username,
        "ca_file": connection.ca_file,
        "verify": connection.verify,
        "certificate_file": connection.certificate_file,
        "certificate_key_file": connection.certificate_key_file,
        "api_access": str(connection.api_access),
        **{name: str(reference) for name, reference in host.secrets.items()},
    }
    return {
        "name": host.name,
        "groups": list(host.groups),
        "labels": dict(host.labels),
        "vars": dict(host.vars),
        "connection": {name: value for name, value in fields.items() if value not in (None, "")},
    }


def _ungrouped(fleet: Fleet) -> list[str]:
    grouped = {name for members in fleet.groups.values() for name in members}
    return [name for name in fleet.hosts if name not in grouped]


def _tree(fleet: Fleet) -> Iterator[str]:
    yield "all"
    for group, members in fleet.groups.items():
        yield f"  {group}"
        yield from (f"    {name}" for name in members)
    yield from (f"  {name}" for name in _ungrouped(fleet))


def _within(path: str, field: str) -> bool:
    return path == field or path.startswith((f"{field}.", f"{field}["))


def _variables(origins: Mapping[str, tuple[Origin, ...]], host: DesiredHost) -> dict[str, tuple[Origin, ...]]:
    """Origins of the variables that the shown values are templates over."""
    texts = (chain[0].value for chain in origins.values())
    paths = [f"vars.{name}" for text in texts if isinstance(text, str) for name in _VARIABLE.findall(text)]
    return {path: host.origins[path] for path in paths if path in host.origins and path not in origins}


def _origin(origin: Origin) -> dict[str, object]:
    position = origin.position
    where = {"file": position.file, "line": position.line, "column": position.column}
    return {"value": origin.value, "layer": origin.layer, **where}


def _value(host: DesiredHost, path: str) -> object:
    """The value in force: templates evaluated, references to secrets as references."""
    return host.values.get(path, host.origins[path][0].value)


def _explained(path: str, value: object, chain: tuple[Origin, ...]) -> list[str]:
    rows = [
        ("  from" if i == 0 else "  over", str(origin.position), origin.layer, _written(origin.value))
        for i, origin in enumerate(chain)
    ]
    return [f"{path} = {_written(value)}", *columns(rows)]


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
