"""Installing the product on a simulated computer."""

from __future__ import annotations

import json
from dataclasses import dataclass

from certify_automation.lab.certify import core_service, framework_service
from certify_automation.lab.certify.core_service import CoreService
from certify_automation.lab.certify.framework_service import FrameworkService
from certify_automation.lab.certify.product import Product
from certify_automation.lab.windows import failures
from certify_automation.lab.windows.computer import PROGRAM_FILES, Computer
from certify_automation.lab.windows.files import join, split
from certify_automation.lab.windows.services import Service
from certify_automation.lab.windows.surroundings import UninstallEntry

INSTALL_FOLDER = join(PROGRAM_FILES, "CertifyTheWeb")
SHIPPED_ENDPOINT = "http://127.0.0.2:9696"
"""What the v7 installer's appsettings-core.json pins the API to."""

VERSIONS = {"v6": "6.1.10.0", "v7": "7.0.2.0"}
_FRAMEWORK_RECOVERY = failures.pack(86_400, [(failures.RESTART, 600_000)])
"""As the v6 installer sets it: restart after ten minutes when it crashed, count reset after a day."""

_START_SECONDS = {"v6": 6.0, "v7": 4.0}


@dataclass(frozen=True, slots=True)
class Setup:
    """Choices of an installation; empty texts mean the generation's own.

    Attributes:
        generation: `v6` or `v7`.
        version: four numbers.
        service_name: v7 installations are seen under `Certify.Server.Core` and `Certify Management Agent`.
        account: of the service.
        pinned_endpoint: v7 only: the URL in appsettings-core.json; None for a file without one.
        delayed: delayed automatic start; None = as the installer sets it (v6 delayed, v7 not).
    """

    generation: str
    version: str = ""
    service_name: str = ""
    account: str = "LocalSystem"
    pinned_endpoint: str | None = SHIPPED_ENDPOINT
    delayed: bool | None = None


def install(computer: Computer, setup: Setup) -> Product:
    """Copy the program's files and create its service, stopped; `product_of` finds it again.

    Raises:
        ValueError: no such generation.
    """
    if setup.generation not in VERSIONS:
        raise ValueError(f"no such generation: {setup.generation}")
    product = Product(
        computer,
        setup.generation,
        setup.version or VERSIONS[setup.generation],
        INSTALL_FOLDER,
        _START_SECONDS[setup.generation],
    )
    computer.files.make_folder(INSTALL_FOLDER)
    if setup.generation == "v6":
        _install_framework(product, setup)
    else:
        _install_core(product, setup)
    return product


def product_of(computer: Computer, service_name: str) -> Product | None:
    """The product behind a service, or None when that service is something else."""
    program = computer.services.program(service_name)
    return program.product if isinstance(program, FrameworkService | CoreService) else None


def settle(computer: Computer) -> None:
    """Let every product on the computer do what is due by now: ask before looking at its stores and bindings."""
    for service in computer.services.services():
        product = product_of(computer, service.name)
        if product is not None:
            product.settle()


def core_settings(url: str | None) -> bytes:
    """The content of an appsettings-core.json that pins the API to a URL, or to none."""
    endpoints = {} if url is None else {"SvcHttpEndpoint": {"Url": url}}
    document = {"AllowedHosts": "*", "Kestrel": {"Endpoints": endpoints}}
    return json.dumps(document, indent=2).replace("\n", "\r\n").encode()


def _install_framework(product: Product, setup: Setup) -> None:
    name = setup.service_name or "Certify.Service"
    display = "Certify Certificate Manager Service"
    program = _copy_program(product, framework_service.IMAGE)
    _copy_companions(product, "Certify.UI.exe", "x64\\SQLite.Interop.dll", "1.0.118.0")
    _copy(product, join(INSTALL_FOLDER, "System.Data.SQLite.dll"), "1.0.118.0")
    _list_as_installed(product, "Certify The Web")
    path_name = f'"{program}"  -displayname "{display}" -servicename "{name}"'
    product.service_name = name
    service = Service(
        name, display, path_name,
        account=setup.account, delayed=setup.delayed is not False, failure_actions=_FRAMEWORK_RECOVERY,
    )  # fmt: skip
    product.computer.services.install(service, FrameworkService(product))


def _install_core(product: Product, setup: Setup) -> None:
    name = setup.service_name or "Certify.Server.Core"
    program = _copy_program(product, core_service.IMAGE)
    _copy_companions(product, "Certify.UI.Desktop.exe", "runtimes\\win-x64\\native\\e_sqlite3.dll", "3.46.1.0")
    _list_as_installed(product, "Certify Certificate Manager")
    product.service_name = name
    delayed = setup.delayed is True
    service = Service(name, "Certify Management Agent", f'"{program}"', account=setup.account, delayed=delayed)
    product.computer.services.install(service, CoreService(product))
    path = join(product.install_folder, "appsettings-core.json")
    product.computer.files.write(path, core_settings(setup.pinned_endpoint))


def _copy_program(product: Product, image: str) -> str:
    path = join(product.install_folder, image)
    _copy(product, path, product.version)
    return path


def _copy_companions(product: Product, interface: str, library: str, library_version: str) -> None:
    """The command line, the user interface, and the native SQLite library in a folder below."""
    folder = product.install_folder
    for name in ("Certify.exe", interface):
        _copy(product, join(folder, name), product.version)
    path = join(folder, library)
    product.computer.files.make_folder(split(path)[0])
    _copy(product, path, library_version)


def _copy(product: Product, path: str, version: str) -> None:
    product.computer.files.write(path, b"MZ")
    product.computer.file_versions[path.casefold()] = version


def _list_as_installed(product: Product, name: str) -> None:
    entries = product.computer.surroundings.uninstall
    entries[:] = [one for one in entries if one.name != name]
    entries.append(UninstallEntry(name, product.version, product.install_folder))
