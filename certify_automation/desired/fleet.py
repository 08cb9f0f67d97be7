"""What the files declare for every host: the values this room hands out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from certify_automation.desired.secrets import SecretReference
from certify_automation.desired.selection import select
from certify_automation.desired.settings import Settings
from certify_automation.errors import Position, Problem
from certify_automation.model.host import Connection, HostState


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value came from.

    Attributes:
        position: the value's place in its file.
        layer: `all`, `group web`, `labels env=prod`, `host web01`; for variables also `defaults`.
        value: as written, templates not yet evaluated.
        key: the value's own name as written; empty for the entries of a list.
    """

    position: Position
    layer: str
    value: object
    key: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """The documents of a host laid over each other; one object for all hosts for which it is the same.

    Attributes:
        merged: path -> the origin that won, then those it overrode; an entry of a keyed list is `[key]`.
        values: path -> value, of those whose templates were evaluated.
    """

    merged: Mapping[tuple[str, ...], tuple[Origin, ...]] = field(default_factory=dict)
    values: Mapping[tuple[str, ...], object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DesiredHost:
    """One host of the inventory and everything declared for it.

    Attributes:
        connection: its password is None until `connect_secrets` has read the reference.
        state: what is managed; the JSON files in it are read from the rendered text.
        files: rendered text by file name, `serviceconfig.json` and `servers.json`, only those declared.
        origins: dotted path (`service.config.port`, `http_sys.url_reservations[http://127.0.0.2:9696/].sddl`,
            `vars.api_port`, `labels.ring`) -> the origin that won, then those it overrode.
        secrets: fields of the connection that are references.
        values: dotted path -> value, templates evaluated; None where it was made unmanaged again.
        declaration: what the state was made from.
    """

    name: str
    groups: tuple[str, ...]
    labels: Mapping[str, str]
    vars: Mapping[str, object]
    connection: Connection
    state: HostState
    files: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)
    secrets: Mapping[str, SecretReference] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    declaration: Declaration = field(default_factory=Declaration)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts of one repository, in the order of its inventory.

    Attributes:
        groups: group -> names of its hosts.
        warnings: Problems that do not stop a run.
        settings: what certify-automation.yaml says.
        folder: the repository.
    """

    hosts: Mapping[str, DesiredHost]
    groups: Mapping[str, tuple[str, ...]]
    warnings: tuple[Problem, ...] = ()
    settings: Settings = field(default_factory=Settings)
    folder: Path = Path()

    def select(self, patterns: Sequence[str]) -> Fleet:
        """The hosts that `--limit` patterns name, in inventory order; no pattern selects all.

        Raises:
            ConfigurationError: a pattern matches nothing, or cannot be read.
        """
        if not patterns:
            return self
        labels = {name: host.labels for name, host in self.hosts.items()}
        return self.only(select(patterns, labels, self.groups))

    def only(self, names: Collection[str]) -> Fleet:
        """The hosts with these names, in inventory order."""
        groups = {group: tuple(n for n in members if n in names) for group, members in self.groups.items()}
        return replace(
            self,
            hosts={name: host for name, host in self.hosts.items() if name in names},
            groups={group: members for group, members in groups.items() if members},
        )
