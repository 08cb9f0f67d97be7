"""One host to be judged: its facts with what every rule asks of them, and how a rule says what it has found. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from certify_automation.config_merge import (
    Connection,
    KestrelEndpoint,
    default_connection,
    effective_config,
    kestrel_endpoints,
    value_lines,
)
from certify_automation.diff import DEFAULT_ENDPOINT, configured_endpoint, content_of, pinned_url, readable
from certify_automation.doctor.catalogue import catalogue
from certify_automation.evidence import effective_endpoints, endpoint_url, pipe_source
from certify_automation.model.config_files import FileName
from certify_automation.model.examination import Examination
from certify_automation.model.facts import Facts, ServiceFacts
from certify_automation.model.finding import Evidence, Finding, Repair
from certify_automation.model.host import Endpoint, HostState
from certify_automation.model.service import ServiceState


@dataclass(frozen=True)
class Case:
    """One host to be judged.

    Attributes:
        facts: of an examination; of any other visit rules find less.
        declared: what is declared for it; nothing by default.
        now_utc_ms: the caller's clock; None = the host's is not judged by it.
    """

    facts: Facts
    declared: HostState = field(default_factory=HostState)
    now_utc_ms: int | None = None

    @property
    def generation(self) -> str | None:
        """`v6`, `v7`, or None."""
        return self.facts.product.generation

    @property
    def service(self) -> ServiceFacts | None:
        """The product's service when there is exactly one."""
        return self.facts.service

    @property
    def running(self) -> bool:
        """Whether that service runs."""
        return self.service is not None and self.service.state is ServiceState.RUNNING

    @property
    def examination(self) -> Examination:
        """What the examination asked; empty where there was none."""
        return self.facts.examination or _NOT_EXAMINED

    @cached_property
    def config(self) -> Mapping[str, object]:
        """What the product uses of serviceconfig.json, by its own names, defaults filled in (see effective_config)."""
        return effective_config(content_of(self.facts, FileName.SERVICE_CONFIG))

    @cached_property
    def configured(self) -> Endpoint | None:
        """Where serviceconfig.json has the product listen; None when its place is not known or it cannot be opened."""
        if not readable(self.facts, FileName.SERVICE_CONFIG):
            return None
        return configured_endpoint(content_of(self.facts, FileName.SERVICE_CONFIG), self.generation)

    @property
    def target(self) -> Endpoint:
        """Where the API is to listen: declared, else configured, else the product's default."""
        return self.declared.endpoint or self.configured or DEFAULT_ENDPOINT

    @cached_property
    def pinned(self) -> tuple[KestrelEndpoint, ...]:
        """What keeps version 7 from listening where serviceconfig.json says; none when it cannot be read either."""
        file = self.facts.files.get(FileName.APPSETTINGS_CORE.value)
        if self.generation != "v7" or (file is not None and file.error):
            return ()
        try:
            return kestrel_endpoints(file.content if file else None, self.facts.product.environment)
        except ValueError:
            return ()

    @cached_property
    def pipe(self) -> str:
        """What makes version 7 listen on a named pipe and at no address, in words; empty = nothing."""
        return pipe_source(self.facts, str(self.config["Transport"]))

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """URLs (as endpoint_url writes them) at which the product listens after a start that succeeds."""
        if self.pipe:
            return ()
        if self.pinned:
            return tuple(pinned_url(one.url) for one in self.pinned)
        return (endpoint_url((self.configured or self.target).url),)

    @cached_property
    def effective(self) -> tuple[str, ...]:
        """URLs (as endpoint_url writes them) at which the running service listens; none = nowhere."""
        return effective_endpoints(self.facts)

    @cached_property
    def connection(self) -> Connection | None:
        """What the user interface opens by servers.json; None = it goes by serviceconfig.json."""
        return default_connection(content_of(self.facts, FileName.SERVERS))

    def log(self, name: str) -> tuple[str, ...]:
        """The lines of a log of the facts (`startup`, `unhandled`, `session`), oldest first."""
        tail = self.facts.logs.get(name)
        return tail.lines if tail else ()

    def log_path(self, name: str) -> str:
        """Where that log lies; its name where it is not known."""
        tail = self.facts.logs.get(name)
        return tail.path if tail else f"the log {name}"

    def path(self, name: FileName) -> str:
        """Where a file lies; its name where that is not known."""
        file = self.facts.files.get(name.value)
        return file.path if file else name.value

    def line(self, name: FileName, *place: str) -> int | None:
        """The line of a value in a file, by the names that lead to it; None when it has none of its own."""
        lines = value_lines(content_of(self.facts, name))
        return lines.get(tuple(part.casefold() for part in place))


_NOT_EXAMINED = Examination()

Rule: TypeAlias = Callable[[Case], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What of a finding's remedy is different on this host from what the catalogue says.

    Attributes:
        fix: what ends it here; empty = as the catalogue says.
        person: why a person is needed here; given, repair is PERSON.
        repair: who does it here; None = as the catalogue says.
    """

    fix: str = ""
    person: str = ""
    repair: Repair | None = None


_USUAL = Remedy()


def finding(
    finding_id: str,
    cause: str,
    evidence: Sequence[Evidence],
    remedy: Remedy = _USUAL,
    *,
    subject: str = "",
) -> Finding:
    """A finding of the catalogue on one host; what follows from what is told apart later.

    Args:
        finding_id: `CA6101`.
        cause: what is wrong here, with names and numbers of this host.
        evidence: what proves it.
        remedy: where it is another than the catalogue's.
        subject: of several such findings, what this one is about.
    """
    known = catalogue()[finding_id]
    repair = Repair.PERSON if remedy.person else remedy.repair or known.repair
    return Finding(
        known.id,
        known.severity,
        known.title,
        known.symptom,
        cause,
        tuple(evidence),
        remedy.fix or known.fix,
        known.risk,
        repair,
        remedy.person,
        subject,
    )
