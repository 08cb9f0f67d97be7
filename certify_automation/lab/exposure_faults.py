"""Faults of a host's state that concern who may reach it, and what keeps it safe while it is changed."""

from __future__ import annotations

from certify_automation.lab.certify import core_settings
from certify_automation.lab.certify.framework_service import PRODUCT_ID, FrameworkService
from certify_automation.lab.fault_steps import Fault, Options
from certify_automation.lab.hosts import BuiltHost, start, stop
from certify_automation.lab.onhost.visit import AUTOMATION_FOLDER
from certify_automation.lab.windows import win32
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.tasks import SERVICE as SCHEDULER

_INHERITING = "O:S-1-5-18G:S-1-5-18D:AI"
_STALE_HASH = bytes(range(20))


def _scheduler_disabled(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The task scheduler does not run and cannot be started."""
    services = host.computer.services
    services.stop(SCHEDULER)
    host.computer.clock.advance(60)
    services.settle()
    services.configure(SCHEDULER, "Disabled")
    return host


def _event_log_denied(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Nobody may write to the event log."""
    host.computer.events.refusal = win32.ACCESS_DENIED
    return host


def _event_log_full(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The event log is full and its old entries are not overwritten."""
    host.computer.events.refusal = win32.LOG_FILE_FULL
    return host


def _folder_denied(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The folder for what lasts of runs cannot be made."""
    host.computer.files.denied.add(AUTOMATION_FOLDER.casefold())
    return host


def _api_exposed(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The API listens on every address of the host."""
    product = host.product
    if product is None:
        return host
    stop(host.computer, product)
    if product.generation == "v6":
        host.computer.files.write(join(product.data_folder(), "serviceconfig.json"), b'{"Host": "*", "Port": 9696}')
    else:
        path = join(product.install_folder, "appsettings-core.json")
        host.computer.files.write(path, core_settings("http://*:9696"))
    start(host.computer, product)
    return host


def _data_directory_open(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody made the data folder before the product did: it has the rights of ProgramData, and Users may read it."""
    if host.product is not None:
        host.computer.files.set_security(host.product.data_folder(), _INHERITING)
    return host


def _recovery_missing(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Nothing happens when the service crashes."""
    service = host.computer.services.get(host.product.service_name) if host.product else None
    if service is not None:
        service.failure_actions = None
    return host


def _namedpipe(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """v7 answers on a named pipe and nowhere else."""
    if host.product is None or host.product.generation != "v7":
        return host
    return _with_variable(host, "CERTIFY_SERVICE_TRANSPORT", "namedpipe")


def _auth_mode_none(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The API asks nobody who they are."""
    return _with_variable(host, "CERTIFY_SERVICE_AUTH_MODE", "none")


def _with_variable(host: BuiltHost, name: str, value: str) -> BuiltHost:
    """The service has been started with this variable of its own."""
    product = host.product
    if product is not None:
        stop(host.computer, product)
        host.computer.service_environment.setdefault(product.service_name, {})[name] = value
        start(host.computer, product)
    return host


def _account_changed(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The service runs as another account, a local administrator: secrets stored under the first are unreadable."""
    product = host.product
    service = host.computer.services.get(product.service_name) if product else None
    if product is None or service is None:
        return host
    stop(host.computer, product)
    service.account = options.get("account", ".\\svc-certify")
    if product.generation == "v6":
        administrators = (str(service.account).lower(),)
        host.computer.services.install(service, FrameworkService(product, administrators=administrators))
    start(host.computer, product)
    return host


def _ssl_binding_stale(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """http.sys binds the service's port to a certificate that is not there any more."""
    host.computer.ssl_bindings[f"0.0.0.0:{options.get('port', 9696)}"] = {
        "AppId": PRODUCT_ID.bytes_le,
        "SslCertHash": _STALE_HASH,
        "SslCertStoreName": "MY",
    }
    return host


EXPOSURE_FAULTS: dict[str, Fault] = {
    "scheduler_disabled": _scheduler_disabled,
    "event_log_denied": _event_log_denied,
    "event_log_full": _event_log_full,
    "folder_denied": _folder_denied,
    "api_exposed": _api_exposed,
    "data_directory_open": _data_directory_open,
    "recovery_missing": _recovery_missing,
    "namedpipe": _namedpipe,
    "auth_mode_none": _auth_mode_none,
    "account_changed": _account_changed,
    "ssl_binding_stale": _ssl_binding_stale,
}
"""Fault -> what it does to a built host."""
