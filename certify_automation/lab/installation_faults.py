"""Faults of what is installed: half an upgrade, two products, files that do not belong together."""

from __future__ import annotations

from datetime import timedelta

from certify_automation.lab.certify import VERSIONS, Setup, install
from certify_automation.lab.fault_steps import Fault, Options
from certify_automation.lab.hosts import BuiltHost, stop
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.surroundings import UninstallEntry

_YEARS = timedelta(days=900)
_OLD_CORE_LIBRARY = ("e_sqlite3.dll", "3.35.5.0")
_DESKTOP_SESSION = 2
_INTERFACES = {"v6": "Certify.UI.exe", "v7": "Certify.UI.Desktop.exe"}


def _not_installed(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The product was uninstalled; its data folder is still there."""
    if host.product is not None:
        _remove_service(host)
        if host.computer.files.exists(host.product.install_folder):
            host.computer.files.delete_folder(host.product.install_folder)
        host.computer.surroundings.uninstall.clear()
    host.product = None
    return host


def _half_installed(host: BuiltHost, number: int, options: Options) -> BuiltHost:
    """An upgrade removed the service and ended before it made the new one: the desktop application was open."""
    if host.product is not None:
        _interface_open(host, number, options)
        _remove_service(host)
        entry = UninstallEntry("Certify Certificate Manager", VERSIONS["v7"], host.product.install_folder)
        host.computer.surroundings.uninstall[:] = [entry]
    host.product = None
    return host


def _remove_service(host: BuiltHost) -> None:
    product = host.product
    if product is None:
        return
    service = host.computer.services.get(product.service_name)
    if service is not None:
        service.stuck = False
        stop(host.computer, product)
        host.computer.services.remove(product.service_name)


def _two_services(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Both generations are installed; the second one is stopped."""
    if host.product is not None:
        other = "v7" if host.product.generation == "v6" else "v6"
        install(host.computer, Setup(other))
    return host


def _mixed_versions(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The command line and the desktop application are of another major version than the service."""
    product = host.product
    if product is not None:
        other = VERSIONS["v7" if product.generation == "v6" else "v6"]
        for name in ("Certify.exe", _INTERFACES[product.generation]):
            host.computer.file_versions[join(product.install_folder, name).casefold()] = other
    return host


def _sqlite_stale(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """An upgrade has left the native SQLite library of years ago: v6 beside .NET's newer half of it, v7 a copy."""
    product = host.product
    if product is not None:
        name, version = ("x64\\SQLite.Interop.dll", "1.0.105.2") if product.generation == "v6" else _OLD_CORE_LIBRARY
        path = join(product.install_folder, name)
        host.computer.files.write(path, b"MZ")
        host.computer.files.set_written(path, host.computer.clock.now() - _YEARS)
        host.computer.file_versions[path.casefold()] = version
    return host


def _program_missing(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody, or a virus scanner, took the service's program away."""
    product = host.product
    if product is not None:
        stop(host.computer, product)
        image = "Certify.Service.exe" if product.generation == "v6" else "Certify.Server.Core.exe"
        path = join(product.install_folder, image)
        if host.computer.files.exists(path):
            host.computer.files.delete(path)
            host.computer.file_versions.pop(path.casefold(), None)
    return host


def _interface_open(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody has the desktop application open in a session of their own."""
    if host.product is not None:
        process = host.computer.services.new_process(_INTERFACES[host.product.generation])
        host.computer.surroundings.sessions[process] = _DESKTOP_SESSION
    return host


INSTALLATION_FAULTS: dict[str, Fault] = {
    "sqlite_stale": _sqlite_stale,
    "mixed_versions": _mixed_versions,
    "two_services": _two_services,
    "interface_open": _interface_open,
    "program_missing": _program_missing,
    "half_installed": _half_installed,
    "not_installed": _not_installed,
}
"""Fault -> what it does to a built host; those after which there is no product come last."""
