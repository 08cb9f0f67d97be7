"""Faults of the product's data: its database, backups, data stores and stored credentials."""

from __future__ import annotations

from datetime import timedelta

from certify_automation.lab.certificates import CertificateSpec, install_certificates
from certify_automation.lab.certify import Product
from certify_automation.lab.certify.data_store import BACKUP, DATABASE, OLDER_BACKUP
from certify_automation.lab.certify.item_rows import UnreadableItem
from certify_automation.lab.fault_steps import Fault, Options, restarted, set_core_settings, write_data
from certify_automation.lab.hosts import BuiltHost, stop
from certify_automation.lab.windows.files import join

_LOST = 60
_DAYS = 10
_STORE = "sql-central"
_STORES = (
    b'[{"Id": "sql-central", "Title": "Central SQL", "TypeId": "certify.providers.sqlserver", '
    b'"ConnectionConfig": "Server=sql01;Database=certify;Integrated Security=true"}]'
)
_UNDECRYPTABLE = (
    "Credentials failed to decrypt or load: System.Security.Cryptography.CryptographicException: Key not valid for use "
    "in specified state."
)


def _database_missing(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody stopped the service and moved the database away."""
    if host.product is not None:
        stop(host.computer, host.product)
        _remove_database(host.product)
    return host


def _database_emptied(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The database was moved away and the service started since, which made an empty one and said nothing."""
    product = host.product
    if product is None:
        return host
    if product.store is not None and not _has_items(product):
        names = [f"lost{one:03}.{host.spec.name}" for one in range(_LOST)]
        install_certificates(product, [CertificateSpec(name) for name in names])
        product.store.back_up()
    return restarted(host, _remove_database)


def _has_items(product: Product) -> bool:
    try:
        return product.store is not None and bool(product.store.items())
    except UnreadableItem:
        return True


def _remove_database(product: Product) -> None:
    path = join(product.data_folder(), DATABASE)
    if product.computer.files.exists(path):
        product.computer.files.delete(path)


def _backups_old(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The service has run for many days, and has made no backup of the database since it was started."""
    if host.product is None:
        return host
    computer = host.computer
    files, then = computer.files, computer.clock.now() - timedelta(days=options.get("days", _DAYS))
    service = computer.services.get(host.product.service_name)
    if service is not None and service.process_id:
        computer.services.begun[service.process_id] = then
        computer.booted = min(computer.booted, then)
    for name in (BACKUP, OLDER_BACKUP):
        path = join(host.product.data_folder(), name)
        if files.exists(path):
            files.set_written(path, then)
    return host


def _data_store_id(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """appsettings.json names a data store that nobody has defined."""
    return restarted(host, lambda product: set_core_settings(product, ConfigDataStoreConnectionId="0"))


def _data_store_unreachable(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The data is in a database server that does not answer."""

    def edit(product: Product) -> None:
        write_data(product, "datastores.json", _STORES)
        set_core_settings(product, ConfigDataStoreConnectionId=_STORE)

    return restarted(host, edit)


def _data_stores_malformed(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """datastores.json breaks off."""
    return restarted(host, lambda product: write_data(product, "datastores.json", b'[{"Id": "sql-central", "Title": '))


def _credentials_undecryptable(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The data folder came from another computer: a request that needed a stored credential could not read it."""
    if host.product is not None:
        host.product.log("session.log").session(host.computer.clock.now(), "ERR", _UNDECRYPTABLE)
    return host


DATA_FAULTS: dict[str, Fault] = {
    "data_store_id": _data_store_id,
    "data_store_unreachable": _data_store_unreachable,
    "data_stores_malformed": _data_stores_malformed,
    "credentials_undecryptable": _credentials_undecryptable,
    "backups_old": _backups_old,
    "database_emptied": _database_emptied,
    "database_missing": _database_missing,
}
"""Fault -> what it does to a built host."""
