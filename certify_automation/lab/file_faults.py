"""Faults of the product's configuration files."""

from __future__ import annotations

from certify_automation.lab.certify import Product
from certify_automation.lab.fault_steps import Fault, Options, restarted, set_config, write_data
from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.windows.files import join

_STALE_MESSAGE = "The service could not start: port 9696 is in use. Contact support."
_BROKEN_SERVERS = b'{"Id": "1", "Host": "127.0.0.2", "Port": 9696'
_BROKEN_CORE = (
    b'{\r\n  "Kestrel": {\r\n    "Endpoints": {\r\n      "SvcHttpEndpoint": { "Url": "http://127.0.0.2:9696" \r\n'
)
_BROKEN_SETTINGS = (
    b'{\r\n  "SettingsSchemaVersion": 1,\r\n  "RenewalIntervalDays": 60\r\n  "MaxRenewalRequests": 10\r\n}'
)


def _blank_config(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """serviceconfig.json has nothing but a line end; the service started on its defaults."""
    return restarted(host, lambda product: write_data(product, "serviceconfig.json", b"\r\n"))


def _servers_malformed(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """servers.json breaks off."""
    if host.product is not None:
        write_data(host.product, "servers.json", options.get("content", "").encode() or _BROKEN_SERVERS)
    return host


def _fault_message(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """serviceconfig.json still has the message of a fault that is over."""
    return restarted(host, lambda product: set_config(product, ServiceFaultMsg=_STALE_MESSAGE))


def _ignored_values(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """serviceconfig.json has a log level and an authentication mode that the product does not know."""
    return restarted(host, lambda product: set_config(product, LogLevel="warning", AuthenticationModes="jwt"))


def _execution_policy(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """PowershellExecutionPolicy is misspelt."""
    return restarted(host, lambda product: set_config(product, PowershellExecutionPolicy="Unrestrictd"))


def _core_settings_malformed(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """appsettings-core.json breaks off: v7 ends before it reports to the service control manager."""
    if host.product is None or host.product.generation != "v7":
        return host

    def edit(product: Product) -> None:
        path = join(product.install_folder, "appsettings-core.json")
        product.computer.files.write(path, options.get("content", "").encode() or _BROKEN_CORE)

    return restarted(host, edit)


def _settings_malformed(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody broke appsettings.json while the service runs, which goes on with what it has read."""
    if host.product is not None:
        write_data(host.product, "appsettings.json", options.get("content", "").encode() or _BROKEN_SETTINGS)
    return host


def _data_root_variables(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The service alone has a variable that moves its data folder: its clients read the files of another one."""
    product = host.product
    if product is None:
        return host
    own = host.computer.service_environment.setdefault(product.service_name, {})
    return restarted(host, lambda _: own.__setitem__("CERTIFY_ENABLE_PER_INSTANCE_SETTINGS", "true"))


FILE_FAULTS: dict[str, Fault] = {
    "blank_config": _blank_config,
    "fault_message": _fault_message,
    "ignored_values": _ignored_values,
    "execution_policy": _execution_policy,
    "servers_malformed": _servers_malformed,
    "core_settings_malformed": _core_settings_malformed,
    "settings_malformed": _settings_malformed,
    "data_root_variables": _data_root_variables,
}
"""Fault -> what it does to a built host."""
