"""Everything one host's plan is made from."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.config_merge import KestrelEndpoint, kestrel_endpoints
from certify_automation.diff import Comparison
from certify_automation.evidence import endpoint_url
from certify_automation.model.change import Change, ServiceRestart, ServiceStart
from certify_automation.model.impact import Impact
from certify_automation.model.config_files import FileName
from certify_automation.model.facts import Facts
from certify_automation.model.host import Endpoint, HostState
from certify_automation.model.service import ServiceState


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the caller decides.

    Attributes:
        run_id: 32 hex digits.
        replace_malformed: a malformed file may be replaced even where a hub identity goes with it.
        wait_seconds: how long the API may take to answer after a start.
        now_utc_ms: the caller's clock, compared with the host's; None = not compared.
    """

    run_id: str
    replace_malformed: bool = False
    wait_seconds: int = 90
    now_utc_ms: int | None = None


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
        stays = self.running and self.generation == "v6" and self.desired.endpoint is not None
        return self.starts or (self.touches_listeners and stays)

    def kestrel(self) -> tuple[KestrelEndpoint, ...]:
        """What overrides serviceconfig.json on v7.

        Raises:
            ValueError: appsettings-core.json is malformed.
        """
        if self.generation != "v7":
            return ()
        file = self.facts.files.get(FileName.APPSETTINGS_CORE.value)
        return kestrel_endpoints(file.content if file else None, self.facts.product.environment)

    def pinned(self) -> Endpoint | None:
        """The only endpoint appsettings-core.json leaves to v7, when it is not the configured one; None otherwise."""
        try:
            urls = [endpoint_url(endpoint.url) for endpoint in self.kestrel()]
        except ValueError:
            return None
        if len(urls) != 1 or urls == [endpoint_url(self.endpoint.url)]:
            return None
        scheme, _, rest = urls[0].partition("://")
        host, _, port = rest.rpartition(":")
        return Endpoint(host.strip("[]"), int(port), scheme == "https") if port.isdecimal() else None
