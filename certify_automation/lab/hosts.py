"""A simulated host as a value, and the computer it describes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from certify_automation.lab.certificates import CertificateSpec, generated_certificates, install_certificates
from certify_automation.lab.certify import Authorities, Product, Setup, install
from certify_automation.lab.windows import Computer, Files, Installation, Win32Error, make_computer
from certify_automation.lab.windows.clock import Clock
from certify_automation.lab.windows.files import join

LEGACY = "legacy"
MODERN = "modern"

_RELEASES = ("2016", "2019", "2022", "2025")
_NETBIOS_LENGTH = 15


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One host of a fleet.

    Attributes:
        name: in the inventory.
        generation: of the product, `v6` or `v7`.
        release: of Windows Server.
        culture: of the machine.
        labels: for the inventory.
        variables: `vars` for the inventory.
        version: of the product; empty for the generation's usual one.
        certificates: that the product manages.
    """

    name: str
    generation: str
    release: str = "2022"
    culture: str = "en-US"
    labels: dict[str, str] = field(default_factory=dict)
    variables: dict[str, int | str] = field(default_factory=dict)
    version: str = ""
    certificates: tuple[CertificateSpec, ...] = ()

    @property
    def group(self) -> str:
        """The inventory group: by generation of the product."""
        return LEGACY if self.generation == "v6" else MODERN

    @property
    def computer_name(self) -> str:
        """NetBIOS name."""
        return self.name.split(".")[0].upper()[:_NETBIOS_LENGTH]


@dataclass(slots=True)
class BuiltHost:
    """A computer with the product on it, or without (`product` None)."""

    spec: HostSpec
    computer: Computer
    product: Product | None
    administrator: bool = True


def build(
    spec: HostSpec, number: int, clock: Clock, files: Files | None = None, authorities: Authorities | None = None
) -> BuiltHost:
    """A healthy host as its installer, its first start and its user interface left it.

    Args:
        spec: what it is.
        number: of the host in its fleet, from 0: makes its own address.
        clock: of the computer.
        files: its disk; one in memory if not given.
        authorities: that issue certificates; stand-ins of its own if not given.
    """
    address = f"10.20.{number // 250}.{number % 250 + 1}"
    windows = Installation(spec.computer_name, spec.release, culture=spec.culture, address=address)
    computer = make_computer(windows, clock, files)
    product = install(computer, Setup(spec.generation, spec.version))
    start(computer, product)
    write_connections(product, [local_connection(9696)])
    product.conditions.authorities = authorities
    if spec.certificates:
        install_certificates(product, spec.certificates)
    if product.store is not None:
        product.store.back_up()
    return BuiltHost(spec, computer, product)


def rebuild(host: BuiltHost, number: int, changed: Installation) -> BuiltHost:
    """The host on another Windows: what is chosen at installation cannot be changed later."""
    spec = replace(host.spec, release=changed.release, culture=changed.culture)
    authorities = host.product.conditions.authorities if host.product else None
    again = build(spec, number, host.computer.clock, authorities=authorities)
    again.computer.installation = replace(changed, address=again.computer.installation.address)
    return again


def start(computer: Computer, product: Product) -> None:
    """Start the product's service and let its initialisation pass; a failure leaves it as Windows would."""
    try:
        computer.services.start(product.service_name)
    except Win32Error:
        return
    computer.clock.advance(product.start_seconds)
    computer.services.settle()


def stop(computer: Computer, product: Product) -> None:
    """Stop the product's service and wait until it is down, unless it is stuck; a stopped one is no error."""
    service = computer.services.get(product.service_name)
    if service is None or service.state == "Stopped":
        return
    with contextlib.suppress(Win32Error):
        computer.services.stop(product.service_name)
    computer.clock.advance(service.stop_seconds)
    computer.services.settle()


def local_connection(port: int) -> dict[str, object]:
    """The entry of servers.json that the desktop user interface makes for the service of its own machine."""
    return {
        "Id": "7b5c2a10-6f0e-4d0b-9a53-2d9f3f0e8c11",
        "DisplayName": "(local)",
        "UseHTTPS": False,
        "AllowUntrusted": False,
        "Port": port,
        "Host": "127.0.0.2",
        "DateLastConnected": None,
        "Mode": "direct",
        "Authentication": "default",
        "ServerMode": "v1",
        "IsDefault": True,
    }


def write_connections(product: Product, connections: Sequence[dict[str, object]]) -> None:
    """Write servers.json as the user interface does."""
    text = json.dumps(list(connections), indent=2).replace("\n", "\r\n")
    path = join(product.data_folder(), "servers.json")
    product.computer.files.write(path, text.encode())


_WEB01 = (
    CertificateSpec(
        "www.example.com", ("www.example.com", "example.com"), state="overdue", endpoint="www.example.com:443"
    ),
    CertificateSpec("shop.example.com", state="served_old", endpoint="shop.example.com:443"),
)
_APP01 = (
    CertificateSpec("api.example.com", state="overdue", endpoint="api.example.com:443"),
    CertificateSpec("static.example.com", endpoint="static.example.com:443"),
)
_APP02 = (
    CertificateSpec("portal.example.com", state="failing_dns", endpoint="portal.example.com:443"),
    CertificateSpec("intranet.example.com", state="paused"),
)


def mixed_hosts() -> tuple[HostSpec, ...]:
    """The twelve hosts of the demo, named as in the example fleet."""
    canary = {"ring": "canary"}
    return (
        HostSpec("web01.example.com", "v6", labels=canary, certificates=_WEB01),
        HostSpec("web02.example.com", "v6", "2019", variables={"api_port": 9797}),
        HostSpec("web03.example.com", "v6", "2019"),
        HostSpec("web04.example.com", "v6"),
        HostSpec("web05.example.com", "v6", "2025"),
        HostSpec("web06.example.com", "v6"),
        HostSpec("web07.example.com", "v6", "2016", "de-DE"),
        HostSpec("app01.example.com", "v7", "2025", labels=canary, certificates=_APP01),
        HostSpec("app02.example.com", "v7", certificates=_APP02),
        HostSpec("app03.example.com", "v7"),
        HostSpec("app04.example.com", "v7", "2025"),
        HostSpec("app05.example.com", "v7", "2022", "tr-TR"),
    )


def generated_hosts(count: int, seed: int, certificates: int = 0) -> tuple[HostSpec, ...]:
    """So many hosts, by turns with v6 and v7, each with so many certificates; releases and cultures are drawn."""
    random = Random(seed)  # noqa: S311 - a fleet that can be made again
    hosts = []
    for number in range(1, count + 1):
        culture = random.choices(("en-US", "de-DE", "fr-FR", "tr-TR"), (7, 1, 1, 1))[0]
        generation = "v6" if number % 2 else "v7"
        labels = {"ring": "canary"} if number == 1 else {}
        name = f"host{number:03}.lab.example"
        managed = generated_certificates(certificates, name, Random(f"{seed}/{name}"))  # noqa: S311 - as above
        hosts.append(HostSpec(name, generation, random.choice(_RELEASES), culture, labels, certificates=managed))
    return tuple(hosts)
