"""Faults of the wire as data: what goes wrong, on which hosts, when, and how often.

A rule is a value; `Faults` holds rules and remembers how often each has struck each host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count


class WireFaultKind(StrEnum):
    """What goes wrong. An *occasion* is a request of a connection unless the kind names another."""

    CONNECTION_REFUSED = "connection_refused"
    """Nothing listens: the host's ports are never opened. Occasion, count and `times` do not apply."""
    CONNECTION_RESET = "connection_reset"
    """The connection is reset as soon as it is made, before TLS. An occasion is a connection."""
    REFUSE_AUTHENTICATION = "refuse_authentication"
    """401 to a credential that is right. An occasion is a login."""
    SERVICE_UNAVAILABLE = "service_unavailable"
    """503, empty."""
    DROP = "drop"
    """The connection is reset before the request is carried out."""
    DROP_ANSWER = "drop_answer"
    """The request is carried out, then the connection is reset in place of the answer."""
    CLOSE_IDLE = "close_idle"
    """The request is answered, then the connection is closed without notice, as an idle one is."""
    TOO_LARGE = "too_large"
    """413, empty."""
    UNDECRYPTABLE = "undecryptable"
    """400 to a sealed request, as if sealed in another security context. An occasion is a sealed request."""
    SHELL_QUOTA = "shell_quota"
    """Create answers fault 2150859173, as with too many shells open. An occasion is a Create."""
    OPERATION_TIMEOUT = "operation_timeout"
    """Receive answers fault 2150858793 after `seconds`, and nothing is lost. An occasion is a Receive."""
    SLOW_START = "slow_start"
    """The process of a Command starts `seconds` late. An occasion is a Command."""


_COUNTED_BY_REQUEST = frozenset(
    {
        WireFaultKind.SERVICE_UNAVAILABLE,
        WireFaultKind.DROP,
        WireFaultKind.DROP_ANSWER,
        WireFaultKind.CLOSE_IDLE,
        WireFaultKind.TOO_LARGE,
        WireFaultKind.UNDECRYPTABLE,
    }
)


class WsmanOperation(StrEnum):
    """The messages of a WinRS conversation."""

    CREATE = "Create"
    COMMAND = "Command"
    SEND = "Send"
    RECEIVE = "Receive"
    SIGNAL = "Signal"
    DELETE = "Delete"
    GET = "Get"
    IDENTIFY = "Identify"


@dataclass(frozen=True, slots=True)
class WireFault:
    """One rule.

    Attributes:
        kind: what goes wrong.
        hosts: globs; a host is meant if one matches its machine name or its address, ignoring case.
        at: strike only the Nth occasion, counted from 1; 0 strikes every one. Requests are counted for each connection,
            occasions of any other sort for each host.
        times: how often the rule strikes one host in all; None is without end.
        operation: for kinds whose occasion is a request, count only requests of this operation (which excludes the
            authentication handshake); None counts every HTTP request.
        seconds: the delay of SLOW_START and OPERATION_TIMEOUT.
    """

    kind: WireFaultKind
    hosts: tuple[str, ...] = ("*",)
    at: int = 0
    times: int | None = None
    operation: WsmanOperation | None = None
    seconds: float = 0.0

    def concerns(self, name: str, address: str) -> bool:
        """Whether the host with this machine name and address is meant."""
        subjects = (name.casefold(), address.casefold())
        return any(fnmatchcase(subject, glob.casefold()) for glob in self.hosts for subject in subjects)


@dataclass(slots=True)
class Occasions:
    """Whom a rule could strike: one host, seen from one connection; counts the occasions of each rule there."""

    name: str
    address: str
    counted: Counter[int] = field(default_factory=Counter)


class Faults:
    """The rules in force and how often each has struck which host; rules may be added and cleared at any time."""

    def __init__(self, rules: Iterable[WireFault] = ()) -> None:
        self._numbers = count()
        self._rules: dict[int, WireFault] = {}
        self._struck: Counter[tuple[int, str, str]] = Counter()
        for rule in rules:
            self.add(rule)

    def add(self, rule: WireFault) -> None:
        """Put a rule in force."""
        self._rules[next(self._numbers)] = rule

    def clear(self) -> None:
        """Put every rule out of force and forget what struck."""
        self._rules.clear()
        self._struck.clear()

    def struck(self, kind: WireFaultKind) -> int:
        """How often rules of this kind have struck, over all hosts."""
        return sum(times for (number, _, _), times in self._struck.items() if self._rules[number].kind is kind)

    def refused(self, name: str, address: str) -> bool:
        """Whether the host's ports must stay closed."""
        return any(
            rule.kind is WireFaultKind.CONNECTION_REFUSED and rule.concerns(name, address)
            for rule in self._rules.values()
        )

    def strike(
        self, kind: WireFaultKind, occasions: Occasions, operation: WsmanOperation | None = None
    ) -> WireFault | None:
        """Count one occasion of `kind` and return the rule that strikes it, if one does.

        Args:
            kind: what could go wrong now.
            occasions: the counts of this connection, or of this host for the kinds that are counted per host.
            operation: the operation of the request, once it is known; rules for another one, or for none, stay out.
        """
        if not self._rules:
            return None
        for number, rule in self._rules.items():
            if rule.kind is not kind or (kind in _COUNTED_BY_REQUEST and rule.operation is not operation):
                continue
            if not rule.concerns(occasions.name, occasions.address):
                continue
            occasions.counted[number] += 1
            if rule.at not in (0, occasions.counted[number]):
                continue
            key = (number, occasions.name, occasions.address)
            if rule.times is None or self._struck[key] < rule.times:
                self._struck[key] += 1
                return rule
        return None
