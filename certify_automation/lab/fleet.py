"""A fleet of simulated hosts on loopback addresses, and the inventory that leads to them."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from certify_automation.lab import faults as fault_rules
from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.lab.certify import public_authorities
from certify_automation.lab.endpoints import PORT, TlsEndpoints
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import BuiltHost, HostSpec, build, generated_hosts, mixed_hosts
from certify_automation.lab.inventory import Reached, write_inventory
from certify_automation.lab.machine import Pace, SimulatedMachine
from certify_automation.lab.windows import Computer, RunningClock
from certify_automation.lab.windows.bindings import is_served
from certify_automation.lab.winrm import Account, BackgroundServer, Endpoint, Faults, Listening, Server

MIXED = mixed_hosts()
"""The demo's twelve hosts."""

USER = "lab"

_HOSTS_A_CERTIFICATE = 32
_HEAD_START = timedelta(minutes=30)
"""What the servers have run for; a service that has renewed nothing for an hour would count as stalled."""
_FIRST_ADDRESS = (127, 0, 1, 1)
_HOSTS_A_BYTE = 250


@dataclass(frozen=True, slots=True)
class LabOptions:
    """What lab to build.

    Attributes:
        hosts: the fleet.
        faults: what is wrong; None = nothing.
        scheme: of the inventory's connections, `https` or `http`; both listeners are there in any case.
        pace: how long waits on a host take.
        password: of the account; a random one if it is empty.
    """

    hosts: tuple[HostSpec, ...] = MIXED
    faults: FaultRules | None = None
    scheme: str = "https"
    pace: Pace = field(default_factory=Pace)
    password: str = field(default="", repr=False)

    @staticmethod
    def mixed() -> LabOptions:
        """The demo's hosts with the demo's faults."""
        return LabOptions(MIXED, fault_rules.mixture([spec.name for spec in MIXED]))

    @staticmethod
    def generated(count: int, *, seed: int = 0, faults: str | Path | None = None, certificates: int = 0) -> LabOptions:
        """So many hosts, the same ones for the same seed.

        Args:
            count: how many.
            seed: of the generator.
            faults: None, `mixed`, or a file of rules.
            certificates: how many each of them manages.

        Raises:
            ConfigurationError: CA5070 to CA5072, the file of rules.
        """
        hosts = generated_hosts(count, seed, certificates)
        if faults is None:
            return LabOptions(hosts)
        if faults == "mixed":
            return LabOptions(hosts, fault_rules.mixture([spec.name for spec in hosts]))
        return LabOptions(hosts, fault_rules.load(Path(faults)))


@dataclass(slots=True)
class LabHost:
    """One host in service.

    Attributes:
        built: the computer with what is installed on it.
        tls_port: where its sites are served, at the address of its listeners; None when it has none.
    """

    built: BuiltHost
    machine: SimulatedMachine
    endpoint: Endpoint
    listening: Listening
    tls_port: int | None = None

    @property
    def spec(self) -> HostSpec:
        """What it is."""
        return self.built.spec

    @property
    def computer(self) -> Computer:
        """The simulated computer itself."""
        return self.machine.computer

    def strike(self, faults: Iterable[str]) -> None:
        """Have something go wrong while the host is in service.

        Args:
            faults: of a host's state, by name; not those that need another Windows, or none of the product.
        """
        FaultRules(FaultRule(fault) for fault in faults).apply_state(self.built, 0)


@dataclass(slots=True)
class Lab:
    """A running lab.

    Attributes:
        hosts: by inventory name, in inventory order.
        wire_faults: the rules of the wire in force; more may be added.
        password: of the account `lab`.
        authority_pem: the certificate that clients of WinRM must trust.
        roots_pem: the certificates that clients of the sites must trust.
        scheme: of the inventory's connections.
    """

    hosts: Mapping[str, LabHost]
    wire_faults: Faults
    password: str = field(repr=False)
    authority_pem: bytes
    roots_pem: bytes
    scheme: str = "https"

    def write_inventory(self, path: Path) -> None:
        """Write a complete inventory, and beside it the password and the authorities it refers to, all of mode 600.

        Raises:
            UsageError: CA5073, the files cannot be written.
        """
        reached = []
        for host in self.hosts.values():
            port = host.listening.https_port if self.scheme == "https" else host.listening.http_port
            own = host.computer.installation.address
            reached.append(Reached(host.spec, host.listening.address, port or 0, own, host.tls_port))
        write_inventory(path, reached, self)

    def dump(self) -> dict[str, dict[str, object]]:
        """The state of every host, comparable."""
        return {name: host.computer.dump() for name, host in self.hosts.items()}


@asynccontextmanager
async def start(options: LabOptions, inventory: Path | None = None) -> AsyncIterator[Lab]:
    """Serve a fleet in the running event loop until the block ends.

    Raises:
        UsageError: CA5061 no listener could be opened, CA5073 the inventory cannot be written.
    """
    plan, sites = _Plan(options), TlsEndpoints()
    async with Server() as server:
        try:
            listening = [await server.add(endpoint) for endpoint in plan.endpoints]
            lab = plan.lab(listening, await plan.serve(sites))
            if inventory is not None:
                lab.write_inventory(inventory)
            yield lab
        finally:
            await sites.close()


@contextmanager
def running(options: LabOptions, inventory: Path | None = None) -> Iterator[Lab]:
    """The same from a thread of its own, for callers that are not asyncio; raises as `start` does."""
    plan, sites = _Plan(options), TlsEndpoints()
    with BackgroundServer() as server:
        try:
            lab = plan.lab(server.add(*plan.endpoints), server.run(plan.serve(sites)))
            if inventory is not None:
                lab.write_inventory(inventory)
            yield lab
        finally:
            server.run(sites.close())


class _Plan:
    """Everything of a lab but its sockets."""

    def __init__(self, options: LabOptions) -> None:
        self._options = options
        self._password = options.password or secrets.token_urlsafe(18)
        self._rules = options.faults or FaultRules()
        now = datetime.now(UTC)
        self._authority = Authority(now)
        self._public = public_authorities(now)
        self._built = [self._host(number, spec, now) for number, spec in enumerate(options.hosts)]
        self._machines = [self._machine(host) for host in self._built]
        names = {spec.name: machine.name for spec, machine in zip(options.hosts, self._machines, strict=True)}
        self._wire = Faults(self._rules.wire(names))
        addresses = _addresses(len(options.hosts))
        certificates = _certificates(self._authority, options.hosts, addresses)
        account = Account(USER, self._password)
        self.endpoints = [
            Endpoint(
                machine,
                address,
                http_port=0,
                https_port=0,
                accounts=(account,),
                certificate=certificate,
                faults=self._wire,
            )
            for machine, address, certificate in zip(self._machines, addresses, certificates, strict=True)
        ]

    async def serve(self, sites: TlsEndpoints) -> list[int | None]:
        """Have the sites of every host served that has any; their ports. Raises UsageError CA5061."""
        return [
            await sites.add(machine.computer, endpoint.address, self._rules.endpoint(spec.name))
            if is_served(machine.computer, PORT)
            else None
            for spec, machine, endpoint in zip(self._options.hosts, self._machines, self.endpoints, strict=True)
        ]

    def lab(self, listening: Sequence[Listening], tls_ports: Sequence[int | None]) -> Lab:
        """The lab, once its endpoints listen."""
        parts = zip(self._built, self._machines, self.endpoints, listening, tls_ports, strict=True)
        hosts = {spec.name: LabHost(*part) for spec, part in zip(self._options.hosts, parts, strict=True)}
        authority, public = self._authority.certificate_pem, self._public.roots_pem
        return Lab(hosts, self._wire, self._password, authority, public, self._options.scheme)

    def _host(self, number: int, spec: HostSpec, now: datetime) -> BuiltHost:
        clock = RunningClock(now - _HEAD_START)
        begun = clock.elapsed()
        host: BuiltHost = self._rules.apply_state(build(spec, number, clock, authorities=self._public), number)
        left = _HEAD_START.total_seconds() - (clock.elapsed() - begun)
        clock.advance(left)
        if left < 0:  # a fault let more time pass than that, and kept the time of day
            clock.set(clock.now() + _HEAD_START)
        host.computer.services.settle()
        return host

    def _machine(self, host: BuiltHost) -> SimulatedMachine:
        name = host.spec.name
        return SimulatedMachine(
            host.computer,
            administrator=host.administrator,
            faults=lambda: self._rules.visit(name),
            reboot_seconds=self._rules.reboot_seconds(name),
            pace=self._options.pace,
        )


def _addresses(count: int) -> list[str]:
    """A loopback address a host, or 127.0.0.1 for all where the system has only that one."""
    first = ".".join(map(str, _FIRST_ADDRESS))
    with socket.socket() as probe:
        try:
            probe.bind((first, 0))
        except OSError:
            return ["127.0.0.1"] * count
    return [f"127.0.{1 + number // _HOSTS_A_BYTE}.{1 + number % _HOSTS_A_BYTE}" for number in range(count)]


def _certificates(authority: Authority, specs: Sequence[HostSpec], addresses: Sequence[str]) -> list[IssuedCertificate]:
    """One certificate for each few hosts: a certificate of its own for each would cost seconds in a large fleet."""
    found: list[IssuedCertificate] = []
    for begin in range(0, len(specs), _HOSTS_A_CERTIFICATE):
        some = specs[begin : begin + _HOSTS_A_CERTIFICATE]
        where = sorted(set(addresses[begin : begin + _HOSTS_A_CERTIFICATE]))
        certificate = authority.issue_server([spec.name for spec in some], where)
        found += [certificate] * len(some)
    return found
