"""Everything one host's plan is made from."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.diff import Comparison, ip_listen_entries, ip_listen_missing, ip_listen_surplus
from certify_automation.evidence import loopback
from certify_automation.model.change import Change, IpListenAdd, ServiceRestart, ServiceStart, ServiceStop
from certify_automation.model.facts import DataFile, Facts
from certify_automation.model.host import Endpoint, HostState
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.impact import Impact
from certify_automation.model.renewal_request import WAIT_SECONDS
from certify_automation.model.service import ServiceState

CONFIRM_SECONDS = 120
"""How long a host waits to be told that it can be reached, unless something else is asked for."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the caller decides.

    Attributes:
        run_id: 32 hex digits.
        replace_malformed: a malformed file may be replaced even where a hub identity goes with it.
        wait_seconds: how long the API may take to answer after a start.
        now_utc_ms: the caller's clock, compared with the host's; None = not compared.
        allow_lockout: a change that can cut the host off may be made, under the host's dead-man timer.
        confirm_seconds: so long the host then waits to be told that it can still be reached.
        renewal_seconds: how long certificates that were requested are waited for.
        restart: a running service is restarted whatever differs.
        allow_data: a backup may take the database's place, or another data store the present one's.
        visited_address: IP literal through which the host is reached; None = not known, or reached locally.
    """

    run_id: str
    replace_malformed: bool = False
    wait_seconds: int = 90
    now_utc_ms: int | None = None
    allow_lockout: bool = False
    confirm_seconds: int = CONFIRM_SECONDS
    visited_address: str | None = None
    renewal_seconds: int = WAIT_SECONDS
    restart: bool = False
    allow_data: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """One host: what is declared, what was found, how they differ, and what the caller allows.

    Attributes:
        changes: those that are wanted; empty until they are known.
    """

    host: str
    comparison: Comparison
    facts: Facts
    options: PlanOptions
    changes: tuple[Change, ...] = ()

    @property
    def starts(self) -> bool:
        """Whether a change starts the service."""
        return any(isinstance(change, ServiceRestart | ServiceStart) for change in self.changes)

    @property
    def stops(self) -> bool:
        """Whether the service is to be stopped, and stay so."""
        return any(isinstance(change, ServiceStop) for change in self.changes)

    @property
    def touches_listeners(self) -> bool:
        """Whether a change concerns what http.sys listens for."""
        return any(change.impact in {Impact.LISTENER, Impact.LOCKOUT} for change in self.changes)

    @property
    def desired(self) -> HostState:
        """The part of the declaration that applies to this host."""
        return self.comparison.desired

    @property
    def endpoint(self) -> Endpoint:
        """Where the API is to listen."""
        return self.comparison.endpoint

    @property
    def generation(self) -> str | None:
        """`v6`, `v7`, or None."""
        return self.facts.product.generation

    @property
    def running(self) -> bool:
        """Whether the service was found running."""
        return self.facts.service is not None and self.facts.service.state is ServiceState.RUNNING

    @property
    def judged(self) -> bool:
        """Whether the API must answer afterwards: after a start, and when http.sys changes under a running v6."""
        managed = self.generation == "v6" and self.desired.endpoint is not None
        stays = managed and self.running and not self.stops
        return self.starts or (self.touches_listeners and stays)

    @property
    def judges_exposure(self) -> bool:
        """Whether the API is declared to be reachable from the machine itself only."""
        return self.desired.api_exposure is not None and self.desired.api_exposure.loopback

    @property
    def exposed_after(self) -> tuple[str, ...]:
        """URLs at which the API would take requests from other machines after a start."""
        files = self.comparison.files
        return () if files.pipe else tuple(url for url in files.listens if not loopback(url, self.generation))

    @property
    def backup(self) -> DataFile | None:
        """The backup that is to take the database's place; None = none is, or it is not there."""
        wanted = self.desired.data_backup
        return next((file for file in self.facts.data_files if file.name == wanted), None)

    @property
    def lockouts(self) -> tuple[Change, ...]:
        """Changes that can cut the host off: a first entry, a removal, and whatever `exactly` asks of the list."""
        exactly = self.desired.ip_listen is not None and self.desired.ip_listen.rule is ListenRule.EXACTLY
        return tuple(c for c in self.changes if c.impact is Impact.LOCKOUT or (exactly and isinstance(c, IpListenAdd)))

    def listen_list(self) -> IpListen | None:
        """The list of http.sys as it is to be; None = not declared, or not readable."""
        declared, found = self.desired.ip_listen, ip_listen_entries(self.facts)
        if declared is None or found is None:
            return None
        surplus = ip_listen_surplus(declared, self.facts)
        kept = (text for text in found if text not in surplus)
        return IpListen(ListenRule.EXACTLY, (*kept, *ip_listen_missing(declared, self.facts)))
