"""What faults of a host's state have in common: the shape of one, and edits between a stop and a start."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from certify_automation.lab.certify import Product, core_settings
from certify_automation.lab.certify.service_config import load, written
from certify_automation.lab.hosts import BuiltHost, local_connection, start, stop, write_connections
from certify_automation.lab.windows import Service, Win32Error
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.services import Idle

Options = Mapping[str, Any]
Fault = Callable[[BuiltHost, int, Options], BuiltHost]

FOREIGN_SERVICE = "ContosoMonitor"
_FOREIGN_IMAGE = "contoso-monitor.exe"


def restarted(host: BuiltHost, edit: Callable[[Product], object] = lambda _: None) -> BuiltHost:
    """The host after a restart of its service, with something done while it was down."""
    if host.product is not None:
        stop(host.computer, host.product)
        edit(host.product)
        start(host.computer, host.product)
    return host


def write_data(product: Product, name: str, content: bytes) -> None:
    """Write a file of the data folder."""
    product.computer.files.write(join(product.data_folder(), name), content)


def set_config(product: Product, **settings: object) -> None:
    """Write serviceconfig.json with what it says, or the defaults, and these settings."""
    known = load(product.computer.files, join(product.data_folder(), "serviceconfig.json"))
    write_data(product, "serviceconfig.json", written({**known.settings, **settings}))


def point_client(product: Product, **settings: object) -> None:
    """Write servers.json with these settings of its one entry changed."""
    path = join(product.data_folder(), "servers.json")
    try:
        (known,) = json.loads(product.computer.files.read(path))
    except (Win32Error, ValueError):
        known = local_connection(9696)
    write_connections(product, [{**known, **settings}])


def unpin(product: Product) -> None:
    """Let serviceconfig.json decide where v7 listens."""
    if product.generation == "v7":
        product.computer.files.write(join(product.install_folder, "appsettings-core.json"), core_settings(None))


def set_core_settings(product: Product, **settings: object) -> None:
    """Write appsettings.json of the data folder with these settings changed."""
    path = join(product.data_folder(), "appsettings.json")
    try:
        read = json.loads(product.computer.files.read(path))
    except (Win32Error, ValueError):
        read = {}
    write_data(product, "appsettings.json", json.dumps({**read, **settings}, indent=2).encode())


def foreign_service(host: BuiltHost, image: str = _FOREIGN_IMAGE) -> Service:
    """Another vendor's service, running."""
    name = FOREIGN_SERVICE if image == _FOREIGN_IMAGE else image.removesuffix(".exe")
    known = host.computer.services.get(name)
    if known is not None and known.state == "Running":
        return known
    service = Service(name, name, f'"C:\\Program Files\\Contoso\\{image}"')
    host.computer.services.install(service, Idle(image))
    host.computer.services.start(name)
    return service
