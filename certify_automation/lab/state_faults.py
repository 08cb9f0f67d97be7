"""Faults of a host's state: what is wrong on it before anybody visits."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from certify_automation.lab.certificate_faults import CERTIFICATE_FAULTS
from certify_automation.lab.certify import core_settings
from certify_automation.lab.certify.data_store import DATABASE
from certify_automation.lab.certify.item_rows import database
from certify_automation.lab.data_faults import DATA_FAULTS
from certify_automation.lab.exposure_faults import EXPOSURE_FAULTS
from certify_automation.lab.fault_steps import Fault, Options, foreign_service, restarted
from certify_automation.lab.file_faults import FILE_FAULTS
from certify_automation.lab.hosts import BuiltHost, local_connection, rebuild, start, stop, write_connections
from certify_automation.lab.http_sys_faults import HTTP_SYS_FAULTS
from certify_automation.lab.installation_faults import INSTALLATION_FAULTS
from certify_automation.lab.listening_faults import LISTENING_FAULTS
from certify_automation.lab.onhost.lock import HOLDER, LOCK
from certify_automation.lab.onhost.visit import AUTOMATION_FOLDER
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

_MALFORMED = '{\r\n  "Port": 9797,\r\n  "Host": "127.0.0.2"\r\n  "LogLevel": "debug",\r\n}\r\n'
_SLOW = 60.0


def _port_taken(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Another process listens on the service's port; the service was started after it."""
    if host.product is not None:
        stop(host.computer, host.product)
    service = foreign_service(host)
    address, port = options.get("address", "127.0.0.2"), options.get("port", 9696)
    with contextlib.suppress(Win32Error):
        host.computer.sockets.listen(address, port, service.process_id)
    if host.product is not None:
        start(host.computer, host.product)
    return host


def _url_taken(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Another http.sys application has registered the URL; the service was started after it."""
    if host.product is not None:
        stop(host.computer, host.product)
    service = foreign_service(host)
    with contextlib.suppress(Win32Error):
        host.computer.http.register(options["url"], service.process_id, ["S-1-5-18"])
    if host.product is not None:
        start(host.computer, host.product)
    return host


def _listen_list_excludes(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The IP listen list is not empty and lacks the service's address; the service was started after it."""
    for address in options.get("addresses", [host.computer.installation.address]):
        with contextlib.suppress(Win32Error):
            host.computer.http.add_listen(address)
    return restarted(host)


def _driver_disabled(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The HTTP driver is disabled; it runs until the next restart of the computer."""
    host.computer.services.configure("HTTP", "Disabled")
    return host


def _connections_disagree(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """servers.json points to another port than the service's."""
    if host.product is not None:
        write_connections(host.product, [local_connection(options.get("port", 9695))])
    return host


def _malformed_config(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """serviceconfig.json cannot be read; the service started on its defaults and says nothing."""
    if host.product is not None:
        path = join(host.product.data_folder(), "serviceconfig.json")
        host.computer.files.write(path, options.get("content", _MALFORMED).encode())
    return restarted(host)


def _service_stopped(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody stopped the service."""
    if host.product is not None:
        stop(host.computer, host.product)
    return host


def _service_disabled(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody stopped and disabled the service."""
    if host.product is not None:
        stop(host.computer, host.product)
        host.computer.services.configure(host.product.service_name, "Disabled")
    return host


def _service_slow(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The service takes long to start."""
    if host.product is not None:
        host.product.start_seconds = options.get("seconds", _SLOW)
    return host


def _stuck_stopping(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The service never gets out of `Stop Pending`."""
    service = host.computer.services.get(host.product.service_name) if host.product else None
    if service is not None:
        service.stuck = True
    return host


def _database_damaged(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The database is no database any more, and the service was started since."""
    if host.product is not None:
        stop(host.computer, host.product)
        host.computer.files.write(join(host.product.data_folder(), DATABASE), b"\x00" * 8192)
        start(host.computer, host.product)
    return host


def _item_unreadable(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """One row of the database cannot be parsed: the summary answers 500, the version does not."""
    if host.product is not None:
        path = join(host.product.data_folder(), DATABASE)
        host.computer.files.write(path, database({"broken-1": '{"Id": "broken-1", "Name": '}))
    return host


def _disk_full(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Nothing can be written."""
    host.computer.files.disk_full = True
    return host


def _endpoint_pinned(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """appsettings-core.json of v7 fixes another endpoint."""
    if host.product is not None and host.product.generation == "v7":
        path = join(host.product.install_folder, "appsettings-core.json")
        host.computer.files.write(path, core_settings(options["url"]))
        return restarted(host)
    return host


def _culture(host: BuiltHost, number: int, options: Options) -> BuiltHost:
    """Windows in another language and culture."""
    return rebuild(host, number, replace(host.computer.installation, culture=options["culture"]))


def _constrained_language(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """An application control policy lets only constrained PowerShell run."""
    host.computer.installation = replace(host.computer.installation, language_mode="ConstrainedLanguage")
    return host


def _unsupported_windows(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Windows Server 2012 R2."""
    host.computer.installation = replace(host.computer.installation, release="6.3.9600")
    return host


def _not_administrator(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The account may log in and run commands, but its token is not an administrator's."""
    host.administrator = False
    return host


def _pending_reboot(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Windows Update waits for a restart."""
    host.computer.pending_reboot.append("windows_update")
    return host


def _lock_held(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Another run has the lock and keeps it."""
    files = host.computer.files
    files.make_folder(AUTOMATION_FOLDER)
    files.set_security(AUTOMATION_FOLDER, "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    files.open_exclusive(LOCK, "another run")
    files.write(HOLDER, f"{'f' * 32} {host.computer.name}\\somebody".encode())
    return host


def _port_negotiation(host: BuiltHost, number: int, options: Options) -> BuiltHost:
    """v6 with port negotiation on and its port taken: it listens two ports further on."""
    if host.product is not None:
        path = join(host.product.data_folder(), "serviceconfig.json")
        host.computer.files.write(path, b'{"Port": 9696, "EnableAutoPortNegotiation": true}')
    return _port_taken(host, number, options)


_UNTIL_THE_NEXT_START = (
    "renewal_stuck",
    "negotiated_port",
    "port_was_taken",
    "settings_malformed",
    "config_not_applied",
    "api_hangs",
    "virus_scanner",
    "backups_old",
    "driver_stopped",
    "driver_stuck",
    "service_stopped",
    "service_disabled",
    "database_missing",
    "service_pending",
)
_IN_GROUPS: dict[str, Fault] = {
    "culture": _culture,
    "port_taken": _port_taken,
    "url_taken": _url_taken,
    "listen_list_excludes": _listen_list_excludes,
    "driver_disabled": _driver_disabled,
    "connections_disagree": _connections_disagree,
    "malformed_config": _malformed_config,
    "service_stopped": _service_stopped,
    "service_disabled": _service_disabled,
    "service_slow": _service_slow,
    "stuck_stopping": _stuck_stopping,
    "database_damaged": _database_damaged,
    "item_unreadable": _item_unreadable,
    "endpoint_pinned": _endpoint_pinned,
    "constrained_language": _constrained_language,
    "unsupported_windows": _unsupported_windows,
    "not_administrator": _not_administrator,
    "pending_reboot": _pending_reboot,
    "lock_held": _lock_held,
    "port_negotiation": _port_negotiation,
    **FILE_FAULTS,
    **LISTENING_FAULTS,
    **HTTP_SYS_FAULTS,
    **DATA_FAULTS,
    **EXPOSURE_FAULTS,
    **CERTIFICATE_FAULTS,
}
STATE_FAULTS: dict[str, Fault] = {
    **{name: fault for name, fault in _IN_GROUPS.items() if name not in _UNTIL_THE_NEXT_START},
    **{name: _IN_GROUPS[name] for name in _UNTIL_THE_NEXT_START},
    **INSTALLATION_FAULTS,
    "disk_full": _disk_full,
}
"""Fault -> what it does to a built host, in the order in which they strike.

Those that replace the host come first; what the next start of the service would end comes after all that restart it;
what lets nothing be written comes last.
"""
