"""The product's data: managed certificates in SQLite, core settings, stores, and what a start makes of damage.

Backups: every start renames `manageditems.db.bak` to `.bak.old` (when it is over 1 KB) and copies the database to
`.bak`, whatever its condition; so two starts on a bad database leave no good copy, as the vendor's recovery notes warn.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from certify_automation.lab.certify.item_rows import ItemRows, Row, UnreadableItem, database, empty_database
from certify_automation.lab.certify.json_reader import MalformedJson, Members, decode_text, read_json
from certify_automation.lab.windows.files import Files, join
from certify_automation.lab.windows.win32 import Win32Error

DATABASE = "manageditems.db"
BACKUP = "manageditems.db.bak"
OLDER_BACKUP = "manageditems.db.bak.old"
DEFAULT_STORE = "(default)"

_KEPT_BACKUP = 1024
_NO_SERVER = (
    "Microsoft.Data.SqlClient.SqlException (0x80131904): A network-related or instance-specific error occurred while "
    "establishing a connection to SQL Server. The server was not found or was not accessible."
)
_FAILED = "Certify Manager failed to start. Failed to load datastore"


class DataStoreFailure(Exception):
    """The start's exception when the data cannot be opened; `log` is the line of session.log."""

    def __init__(self, store: str, cause: str) -> None:
        self.log = f"FATAL: Managed Item Store {store} could not connect or load. Service will not start."
        self.text = (
            f"System.Exception: {_FAILED} System.Exception: Failed to open or upgrade the managed items data store. "
            f"{cause}"
        )
        super().__init__(self.text)


class DataStore:
    """One data folder.

    Attributes:
        settings: core settings in memory, as read from appsettings.json.
    """

    def __init__(self, files: Files, folder: str, machine: str) -> None:
        self._files = files
        self._folder = folder
        self._machine = machine
        self.settings: dict[str, Any] = {}
        self._rows = ItemRows()

    def path(self, name: str) -> str:
        """Where a file of the folder is."""
        return join(self._folder, name)

    def open(self, version: str) -> list[tuple[str, str]]:
        """What a start does with the data.

        Returns:
            Lines for session.log as (level, text), besides those of a failure.

        Raises:
            DataStoreFailure: the service cannot work.
        """
        lines = self._load_settings(version)
        self._rotate_backups()
        self._check_stores()
        if not self._files.exists(self.path(DATABASE)):
            self._write(DATABASE, empty_database())
        try:
            self.items()
        except UnreadableItem:
            pass
        except (sqlite3.DatabaseError, Win32Error) as error:
            raise DataStoreFailure(DEFAULT_STORE, f"SQLite Error 26: '{error}'.") from error
        if self._files.disk_full:
            raise DataStoreFailure(DEFAULT_STORE, "Data store write failed. database or disk is full")
        if self._unparsable("ca.json"):
            lines.append(("ERR", "Failed to load custom certificate authorities"))
        return lines

    def items(self) -> tuple[Row, ...]:
        """The managed certificates as stored, by Name.

        Raises:
            UnreadableItem: a row the product cannot parse.
            sqlite3.DatabaseError: the database is unusable.
        """
        return self._read().by_name()

    def items_as_written(self) -> tuple[Row, ...]:
        """The same, the one written last comes last; raises as `items`."""
        return self._read().in_order()

    def item(self, item_id: str) -> Row | None:
        """The item of this id, or None; raises UnreadableItem when its own row is unreadable."""
        return self._read().one(item_id)

    def put_items(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Replace all managed certificates."""
        self._write(DATABASE, database({str(item["Id"]): json.dumps(item) for item in items}))

    def change(self, put: Iterable[Row], removed: Iterable[str] = ()) -> None:
        """Store these items, in place of those of their ids, and remove others; raises Win32Error, the disk is full."""
        self._write(DATABASE, self._read().changed(put, removed))

    def refresh(self) -> None:
        """Read appsettings.json again, as GET preferences does.

        A file that cannot be parsed leaves the settings but invents another InstanceId; a blank or missing one is
        written anew with defaults.
        """
        read = self._read_settings()
        if read is None:
            self.settings["InstanceId"] = self._new_id("reread")
        elif not read:
            self.settings = self._default_settings()
            self.save()
        else:
            self.settings = {**self._default_settings(), **read}

    def save(self) -> None:
        """Write appsettings.json."""
        self._write("appsettings.json", json.dumps(self.settings, indent=2).encode())

    def _read(self) -> ItemRows:
        self._rows.load(self._files.read(self.path(DATABASE)))
        return self._rows

    def _default_settings(self) -> dict[str, Any]:
        return {**CORE_SETTINGS, "InstanceId": self._new_id("first")}

    def _load_settings(self, version: str) -> list[tuple[str, str]]:
        read = self._read_settings()
        self.settings = {**self._default_settings(), **(read or {})}
        if self.settings.get("CurrentServiceVersion") == version:
            return []
        self.settings["CurrentServiceVersion"] = version
        if not self._files.disk_full:
            self.save()
        return [("ERR", "Service version has changed. Performing upgrade checks.")]

    def _read_settings(self) -> dict[str, Any] | None:
        """The file's settings; {} when blank or missing, None when it cannot be parsed."""
        if not self._files.exists(self.path("appsettings.json")):
            return {}
        try:
            text = decode_text(self._files.read(self.path("appsettings.json")))
            document = read_json(text) if text.strip() else Members()
        except (MalformedJson, Win32Error):
            return None
        if document is None:
            return {}
        return {m.name: plain(m.value) for m in document} if isinstance(document, Members) else None

    def back_up(self) -> None:
        """What the daily job does: the database is copied, and the copy before it is kept."""
        self._rotate_backups()

    def _rotate_backups(self) -> None:
        if self._files.disk_full or not self._files.exists(self.path(DATABASE)):
            return
        known = self._files.stat(self.path(BACKUP))
        if known is not None and known.size > _KEPT_BACKUP:
            self._files.move(self.path(BACKUP), self.path(OLDER_BACKUP), overwrite=True)
        self._files.copy(self.path(DATABASE), self.path(BACKUP))

    def _check_stores(self) -> None:
        wanted = self.settings.get("ConfigDataStoreConnectionId") or DEFAULT_STORE
        stores: Any = []
        if self._files.exists(self.path("datastores.json")):
            if self._unparsable("datastores.json"):
                raise DataStoreFailure(str(wanted), "Unexpected character encountered while parsing datastores.json.")
            stores = read_json(decode_text(self._files.read(self.path("datastores.json"))))
        known = {DEFAULT_STORE} | {store.last("Id") for store in stores or () if isinstance(store, Members)}
        if wanted not in known:
            raise DataStoreFailure(str(wanted), f"No data store connection matches the id {wanted}.")
        if wanted != DEFAULT_STORE:
            raise DataStoreFailure(str(wanted), _NO_SERVER)

    def _unparsable(self, name: str) -> bool:
        if not self._files.exists(self.path(name)):
            return False
        try:
            read_json(decode_text(self._files.read(self.path(name))))
        except (MalformedJson, Win32Error):
            return True
        return False

    def _new_id(self, occasion: str) -> str:
        entry = self._files.stat(self.path("appsettings.json"))
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self._machine}/{occasion}/{entry}/{self.settings}"))

    def _write(self, name: str, content: bytes) -> None:
        self._files.make_folder(self._folder)
        self._files.write(self.path(name), content)


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A value read from JSON with its objects as dictionaries; of a repeated name the last counts."""
    if isinstance(value, Members):
        return {member.name: plain(member.value) for member in value}
    return [plain(item) for item in value] if isinstance(value, list) else value


CORE_SETTINGS: dict[str, Any] = {
    "SettingsSchemaVersion": 1,
    "CheckForUpdatesAtStartup": True,
    "EnableAppTelematics": True,
    "IgnoreStoppedSites": True,
    "EnableValidationProxyAPI": True,
    "EnableEFS": False,
    "EnableDNSValidationChecks": False,
    "RenewalIntervalMode": "PercentageLifetime",
    "RenewalIntervalDays": 75,
    "MaxRenewalRequests": 0,
    "IsInstanceRegistered": False,
    "Language": None,
    "EnableHttpChallengeServer": True,
    "EnableCertificateCleanup": True,
    "CertificateCleanupMode": 1,
    "DefaultCertificateStore": None,
    "EnableStatusReporting": True,
    "DefaultCertificateAuthority": "letsencrypt.org",
    "DefaultKeyCredentials": None,
    "EnableAutomaticCAFailover": True,
    "UseModernPFXAlgs": False,
    "IncludeExternalPlugins": False,
    "FeatureFlags": None,
    "NtpServer": "pool.ntp.org",
    "EnableExternalCertManagers": True,
    "ConfigDataStoreConnectionId": None,
    "DefaultKeyType": "RS256",
    "EnableParallelRenewals": False,
    "DefaultACMERetryInterval": 0,
    "EnableIssuerCache": False,
}
"""What a first start stores (CoreAppSettings), in the order GET preferences answers it."""
