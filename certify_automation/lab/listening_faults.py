"""Faults of where the service listens and where its clients look for it."""

from __future__ import annotations

import contextlib

from certify_automation.lab.certify import Product
from certify_automation.lab.certify.api.messages import ApiResponse
from certify_automation.lab.fault_steps import (
    Fault,
    Options,
    foreign_service,
    point_client,
    restarted,
    set_config,
    unpin,
)
from certify_automation.lab.hosts import BuiltHost, start, stop
from certify_automation.lab.windows import Service, Win32Error
from certify_automation.lab.windows.name_resolution import HOSTS, HOSTS_FOLDER
from certify_automation.lab.windows.services import Idle

_PAGE = b"<!DOCTYPE html><html><head><title>Web protection</title></head><body>The page was blocked.</body></html>"
_SCANNER = "eamonm"


def _port_was_taken(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Another process had the port when the service was started, and is gone since."""
    product = host.product
    if product is None:
        return host
    stop(host.computer, product)
    process = host.computer.services.new_process("contoso-update.exe")
    with contextlib.suppress(Win32Error):
        host.computer.sockets.listen("127.0.0.2", options.get("port", 9696), process)
    start(host.computer, product)
    host.computer.sockets.close(process)
    del host.computer.services.processes[process]
    return host


def _negotiated_port(host: BuiltHost, number: int, options: Options) -> BuiltHost:
    """v6 has gone to the port after next, and what drove it there is gone."""
    if host.product is not None:
        set_config(host.product, EnableAutoPortNegotiation=True)
    return _port_was_taken(host, number, options)


def _localhost_host(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The API is declared at the name localhost, which the hosts file leads elsewhere."""
    lines = "".join(f"{address}\tlocalhost\r\n" for address in options.get("addresses", ["127.0.0.2"]))
    host.computer.files.make_folder(HOSTS_FOLDER)
    host.computer.files.write(HOSTS, b"# Copyright (c) 1993-2009 Microsoft Corp.\r\n" + lines.encode())
    return _moved(host, "localhost", 9696)


def _address_absent(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The address to listen at is none of the computer's."""
    return _moved(host, options.get("host", "10.99.99.99"), 9696)


def _invalid_host(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Host is a text that nobody can listen at."""
    return _moved(host, options.get("host", ""), 9696)


def _moved(host: BuiltHost, address: str, port: int) -> BuiltHost:
    """Both files name another endpoint, and the service was started since."""

    def edit(product: Product) -> None:
        set_config(product, Host=address, Port=port)
        point_client(product, Host=address, Port=port)
        unpin(product)

    return restarted(host, edit)


def _https_on(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """UseHTTPS is on, for the service and for the desktop application."""

    def edit(product: Product) -> None:
        set_config(product, UseHTTPS=True)
        point_client(product, UseHTTPS=True, AllowUntrusted=True)

    return restarted(host, edit)


def _config_not_applied(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Both files have another port, and the service was not restarted."""
    if host.product is not None:
        port = options.get("port", 9797)
        set_config(host.product, Port=port)
        point_client(host.product, Port=port)
        unpin(host.product)
    return host


def _excluded_port(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Windows has reserved a range with the service's port, as virtual networks make it do."""
    first = options.get("port", 9696) // 100 * 100
    return restarted(host, lambda product: product.computer.sockets.excluded.insert(0, (first, first + 99)))


def _negotiation_on(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Port negotiation is on; nothing has come of it yet."""
    return restarted(host, lambda product: set_config(product, EnableAutoPortNegotiation=True))


def _api_hangs(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The process takes connections and answers none, until it is started again."""
    service = host.computer.services.get(host.product.service_name) if host.product else None
    if host.product is not None and service is not None and service.state == "Running":
        host.product.hangs = True
    return host


def _foreign_answer(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """A program between clients and the API answers every request with a page of its own."""
    if host.product is not None:
        host.product.intercepted = ApiResponse(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE)
    return host


def _client_authentication(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """servers.json has the desktop application send a token instead of signing in as Windows does."""
    if host.product is not None:
        point_client(host.product, Authentication="jwt")
    return host


def _start_mode_manual(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The service runs, and does not start with Windows."""
    if host.product is not None and host.computer.services.get(host.product.service_name) is not None:
        host.computer.services.configure(host.product.service_name, "Manual")
    return host


def _service_pending(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody stopped the service, and it does not get out of `Stop Pending`."""
    service = host.computer.services.get(host.product.service_name) if host.product else None
    if service is not None and service.state == "Running":
        service.stuck = True
        host.computer.services.stop(service.name)
    return host


def _virus_scanner(host: BuiltHost, number: int, options: Options) -> BuiltHost:
    """Another vendor's virus scanner is there, and the API's connections are held."""
    filter_driver = Service(
        _SCANNER, "ESET Amon Monitor", f"C:\\Windows\\system32\\drivers\\{_SCANNER}.sys",
        "Running", "System", account=None, exit_code=0, driver=True, group="FSFilter Anti-Virus",
    )  # fmt: skip
    host.computer.services.install(filter_driver, Idle(""))
    return _api_hangs(host, number, options)


def _challenge_port_taken(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """A web server that is no application of http.sys has the port for http-01 challenges."""
    service = foreign_service(host, "nginx.exe")
    with contextlib.suppress(Win32Error):
        host.computer.sockets.listen("0.0.0.0", options.get("port", 80), service.process_id)  # noqa: S104 - simulated
    return host


LISTENING_FAULTS: dict[str, Fault] = {
    "port_was_taken": _port_was_taken,
    "negotiated_port": _negotiated_port,
    "localhost_host": _localhost_host,
    "address_absent": _address_absent,
    "invalid_host": _invalid_host,
    "https_on": _https_on,
    "config_not_applied": _config_not_applied,
    "excluded_port": _excluded_port,
    "negotiation_on": _negotiation_on,
    "client_authentication": _client_authentication,
    "start_mode_manual": _start_mode_manual,
    "challenge_port_taken": _challenge_port_taken,
    "api_hangs": _api_hangs,
    "foreign_answer": _foreign_answer,
    "virus_scanner": _virus_scanner,
    "service_pending": _service_pending,
}
"""Fault -> what it does to a built host."""
