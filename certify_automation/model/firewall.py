"""Inbound firewall rules as the registry keeps them.

Format: [MS-GPFAS] 2.2.2.19, `v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=9696|Name=...|`; a key may be there
more than once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_TCP = "6"
_PORTS = range(1, 65536)
_NO_CONDITIONS = {"Action", "Active", "Dir", "Protocol", "LPort", "Name", "Desc", "EmbedCtxt", "Edge", "Defer"}


@dataclass(frozen=True, slots=True)
class RuleText:
    """One rule, its keys and values in their order."""

    fields: tuple[tuple[str, str], ...]

    def values(self, key: str) -> tuple[str, ...]:
        """All values of a key."""
        return tuple(value for name, value in self.fields if name == key)

    @property
    def name(self) -> str:
        """Its display name, which may be a reference to a resource (`@FirewallAPI.dll,-28502`)."""
        return next(iter(self.values("Name")), "")

    @property
    def port(self) -> int | None:
        """The one TCP port it is for; None when it names none, several or a range."""
        ports = self.values("LPort")
        number = int(ports[0]) if len(ports) == 1 and ports[0].isascii() and ports[0].isdecimal() else 0
        return number if number in _PORTS and self.values("Protocol") == (_TCP,) else None

    def blocks(self, port: int) -> bool:
        """Whether it is in force and blocks this TCP port for every program, address, interface and profile."""
        blocking = self._in_force("Block") and self.port == port
        return blocking and {name for name, _ in self.fields} <= _NO_CONDITIONS

    def allows(self, port: int) -> bool:
        """Whether it is in force and lets something through to this port."""
        return self._in_force("Allow") and str(port) in self.values("LPort")

    def _in_force(self, action: str) -> bool:
        said = (self.values("Action"), self.values("Dir"), tuple(v.upper() for v in self.values("Active")))
        return said == ((action,), ("In",), ("TRUE",))


def rule_text(value: str) -> RuleText:
    """The rule of a registry value."""
    parts = (part.partition("=") for part in value.split("|")[1:])
    return RuleText(tuple((name, text) for name, equals, text in parts if equals))


def names_of(rules: Iterable[RuleText]) -> str:
    """Their names, to be shown."""
    return ", ".join(dict.fromkeys(rule.name or "(without a name)" for rule in rules))
