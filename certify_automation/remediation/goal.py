"""One host that is to be mended: what was found there, what is declared, and where its API is to listen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from certify_automation.diff import DEFAULT_ENDPOINT, endpoint_of, ip_listen_entries
from certify_automation.doctor.diagnosis import Case
from certify_automation.evidence import PORTS, endpoint_url, loopback, one_address
from certify_automation.model.config_files import JsonValue
from certify_automation.model.host import Endpoint
from certify_automation.model.http_sys import IpListen, ListenRule

LITERALS = (DEFAULT_ENDPOINT.host, "127.0.0.1")
"""Addresses that only the machine itself can reach, the product's own default first."""

_LOCALHOST, _HTTPS_TRAP, _INVALID, _EXPOSED = "CA6109", "CA6111", "CA6117", "CA6601"
_IGNORED = {"CA6301", "CA6302"}


@dataclass(frozen=True, slots=True)
class Goal:
    """What a host is to be brought to.

    Attributes:
        case: the host as it was found, and what is declared for it.
        ending: ids of the findings that are to end.
    """

    case: Case
    ending: frozenset[str] = field(default_factory=frozenset)

    @property
    def target(self) -> Endpoint:
        """Where the API is to listen: as declared, else as serviceconfig.json says, corrected where that is a finding.

        Where the product ignores that file, the address at which it runs counts, so that its clients need not move.
        """
        base = self.case.declared.endpoint or self._running() or self.case.configured or DEFAULT_ENDPOINT
        host = base.host if self._listenable(base) else self._literal()
        port = DEFAULT_ENDPOINT.port if _INVALID in self.ending and base.port not in PORTS else base.port
        return Endpoint(host, port, base.https and _HTTPS_TRAP not in self.ending)

    @property
    def properties(self) -> Mapping[str, JsonValue]:
        """What serviceconfig.json must say differently for the product to listen at the target."""
        config, wanted = self.case.config, self.target
        if self.case.configured == wanted and bool(config["UseHTTPS"]) is wanted.https:
            return {}
        values: dict[str, JsonValue] = {"Host": wanted.host, "Port": wanted.port, "UseHTTPS": wanted.https}
        return {name: value for name, value in values.items() if config[name] != value}

    def listed(self) -> IpListen:
        """The IP listen list in force; empty where it cannot be read, which a plan then refuses to touch."""
        return IpListen(ListenRule.EXACTLY, ip_listen_entries(self.case.facts) or ())

    def _running(self) -> Endpoint | None:
        effective = self.case.effective
        if not self.ending & _IGNORED or len(effective) != 1 or self.case.pinned:
            return None
        found = endpoint_of(effective[0])
        return found if found is not None and loopback(effective[0], self.case.generation) else None

    def _listenable(self, end: Endpoint) -> bool:
        """Whether nothing that is to end stands against an address."""
        if _LOCALHOST in self.ending and end.host.casefold() == "localhost":
            return False
        if _INVALID in self.ending and not one_address(end.host):
            return False
        return _EXPOSED not in self.ending or loopback(endpoint_url(end.url), self.case.generation)

    def _literal(self) -> str:
        """An address of the machine itself; version 6 can listen at one only that the IP listen list covers."""
        covered = (text for text in LITERALS if self.case.generation != "v6" or self.listed().covers(text))
        return next(covered, LITERALS[0])
