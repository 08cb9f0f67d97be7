"""Faults of http.sys: its driver, its listen list, reservations of its namespace."""

from __future__ import annotations

from collections.abc import Sequence

from certify_automation.lab.certify import Product
from certify_automation.lab.certify.framework_service import FrameworkService
from certify_automation.lab.fault_steps import Fault, Options, restarted
from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.windows import Win32Error, security
from certify_automation.lab.windows.http_sys import DRIVER

_LOOPBACK, _API = "127.0.0.1", "127.0.0.2"
_GONE = "S-1-5-21-1004336348-1177238915-682003330-1009"
"""The SID of an account that was deleted."""


def _listen_list_lonely(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody made the service's address the first entry of an empty list: every other program is cut off."""
    return _listed(host, [_API])


def _listen_list_without_challenges(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The list has the service's address and not that at which the challenge helper is asked."""
    return _listed(host, [host.computer.installation.address, _API])


def _listen_list_absent_entry(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The list still has an address that the computer has not any more."""
    own = host.computer.installation.address
    return _listed(host, [own, _LOOPBACK, _API, *options.get("addresses", ["10.99.99.98"])])


def _listed(host: BuiltHost, addresses: Sequence[str]) -> BuiltHost:
    for address in addresses:
        try:
            host.computer.http.add_listen(address)
        except Win32Error:
            continue  # It is there, or the driver takes nothing.
    return restarted(host)


def _listen_list_dormant(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody edited the list in the registry, which counts from the driver's next start on."""
    own = host.computer.installation.address
    host.computer.http.registry = list(options.get("addresses", [own, _LOOPBACK, _API]))
    return host


def _listen_list_unreadable(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The list in the registry has nothing that http.sys can convert, so the driver listens everywhere."""
    computer = host.computer
    driver = computer.services.get(DRIVER)
    computer.http.registry = list(options.get("addresses", [f"{computer.installation.address}:80", "localhost"]))
    if driver is not None:
        computer.http.begin(driver, computer.clock.now())
        computer.http.rescope()
    return host


def _driver_stopped(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody stopped the HTTP driver, and with it whatever listens there."""
    if _end_driver(host):
        host.computer.services.stop(DRIVER)
        _wait(host)
    return host


def _driver_stuck(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody stopped the HTTP driver; a process still has a handle of it, so it never gets out of `Stop Pending`."""
    services = host.computer.services
    driver = services.get(DRIVER)
    if driver is not None and _end_driver(host):
        driver.stuck = True
        services.stop(DRIVER)
        host.computer.http.end(driver, host.computer.clock.now())
    return host


def _end_driver(host: BuiltHost) -> bool:
    """Stop the services that depend on the driver; whether it runs."""
    services = host.computer.services
    for service in services.dependents(DRIVER):
        if service.state == "Running":
            services.stop(service.name)
    _wait(host)
    driver = services.get(DRIVER)
    return driver is not None and driver.state == "Running" and not services.dependents(DRIVER)


def _wait(host: BuiltHost) -> None:
    host.computer.clock.advance(5)
    host.computer.services.settle()


def _access_denied(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The service runs as an account that is no administrator, and nobody has reserved its URL for it."""

    def edit(product: Product) -> None:
        service = host.computer.services.get(product.service_name)
        if service is not None:
            service.account = options.get("account", ".\\svc-limited")
            if product.generation == "v6":
                host.computer.services.install(service, FrameworkService(product))

    return restarted(host, edit)


def _reservation_foreign(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The port is reserved for every host name: http.sys gives the API's requests to nobody."""
    return _reserved(host, options.get("url", "http://+:9696/"))


def _reservation_stale(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The API's URL is reserved for an account that was deleted."""
    return _reserved(host, options.get("url", "http://127.0.0.2:9696/"))


def _reserved(host: BuiltHost, url: str) -> BuiltHost:
    try:
        host.computer.http.reserve(url, security.to_bytes(f"D:(A;;GX;;;{_GONE})"))
    except Win32Error:
        return host
    return restarted(host)


HTTP_SYS_FAULTS: dict[str, Fault] = {
    "reservation_foreign": _reservation_foreign,
    "reservation_stale": _reservation_stale,
    "access_denied": _access_denied,
    "listen_list_without_challenges": _listen_list_without_challenges,
    "listen_list_absent_entry": _listen_list_absent_entry,
    "listen_list_dormant": _listen_list_dormant,
    "listen_list_unreadable": _listen_list_unreadable,
    "listen_list_lonely": _listen_list_lonely,
    "driver_stopped": _driver_stopped,
    "driver_stuck": _driver_stuck,
}
"""Fault -> what it does to a built host."""
