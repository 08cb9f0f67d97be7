"""One act on a host: a closed union, one frozen class a kind of docs/contract.md's table.

Each class gives its `kind`, what an undo does with it (`reversal`) and what it means for those who use the host
(`impact`). `inverse()` is the change that takes it back; None for one that is kept, or that only the host itself can
take back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from certify_automation.model.config_files import FileName
from certify_automation.model.http_sys_change import (
    DriverStart,
    DriverStartMode,
    IpListenAdd,
    IpListenRemove,
    UrlReservationAdd,
    UrlReservationRemove,
    UrlReservationReplace,
)
from certify_automation.model.impact import Impact, Reversal
from certify_automation.model.recovery import Recovery
from certify_automation.model.service import StartMode

__all__ = [
    "Change",
    "DataDirectoryAcl",
    "DataStoreRestore",
    "DriverStart",
    "DriverStartMode",
    "FileWrite",
    "FirewallRuleAdd",
    "FirewallRuleRemove",
    "IpListenAdd",
    "IpListenRemove",
    "ServiceAct",
    "ServiceRecovery",
    "ServiceRestart",
    "ServiceStart",
    "ServiceStartMode",
    "ServiceStop",
    "UrlReservationAdd",
    "UrlReservationRemove",
    "UrlReservationReplace",
]


@dataclass(frozen=True, slots=True)
class FirewallRuleAdd:
    """Adds an inbound rule that blocks a TCP port in every profile; what a machine sends itself is not filtered."""

    name: str
    port: int
    kind: ClassVar[str] = "firewall_rule.add"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.SETTING

    def inverse(self) -> FirewallRuleRemove:
        """Removes it again."""
        return FirewallRuleRemove(self.name, self.port)


@dataclass(frozen=True, slots=True)
class FirewallRuleRemove:
    """Removes the inbound block rule of this name; port is the one it had."""

    name: str
    port: int
    kind: ClassVar[str] = "firewall_rule.remove"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.SETTING

    def inverse(self) -> FirewallRuleAdd:
        """Adds it again."""
        return FirewallRuleAdd(self.name, self.port)


@dataclass(frozen=True, slots=True)
class DataDirectoryAcl:
    """Gives the product's data folder another discretionary access list; before and after are SDDL."""

    path: str
    before: str
    after: str
    kind: ClassVar[str] = "data_directory.acl"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.SETTING

    def inverse(self) -> DataDirectoryAcl:
        """Gives it the old list back."""
        return DataDirectoryAcl(self.path, self.after, self.before)


@dataclass(frozen=True, slots=True)
class ServiceStartMode:
    """Start mode of the product's service."""

    service: str
    before: StartMode
    after: StartMode
    kind: ClassVar[str] = "service.start_mode"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.SETTING

    def inverse(self) -> ServiceStartMode:
        """Sets the mode back."""
        return ServiceStartMode(self.service, self.after, self.before)


@dataclass(frozen=True, slots=True)
class ServiceRecovery:
    """What the service control manager does when the product's service fails."""

    service: str
    before: Recovery
    after: Recovery
    kind: ClassVar[str] = "service.recovery"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.SETTING

    def inverse(self) -> ServiceRecovery:
        """Sets it back."""
        return ServiceRecovery(self.service, self.after, self.before)


@dataclass(frozen=True, slots=True)
class FileWrite:
    """Replaces the bytes of one of the product's files.

    Attributes:
        path: full Windows path.
        before: the bytes found; None = the file was absent.
        after: the bytes to write; None = the file is removed, which only an undo or a rollback does.
    """

    file: FileName
    path: str
    before: bytes | None
    after: bytes | None
    kind: ClassVar[str] = "file.write"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.FILE

    def inverse(self) -> FileWrite:
        """The old bytes back, or removed when the file was absent."""
        return FileWrite(self.file, self.path, self.after, self.before)


@dataclass(frozen=True, slots=True)
class DataStoreRestore:
    """Puts a copy of one of the product's own backups in place of its database, while the service is stopped.

    Attributes:
        path: full Windows path of the database.
        backup: the name of a backup beside it.
        backup_bytes, backup_written_utc_ms: its size and write time when the plan was made.
    """

    service: str
    path: str
    backup: str
    backup_bytes: int
    backup_written_utc_ms: int
    kind: ClassVar[str] = "data_store.restore"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.DATA

    def inverse(self) -> None:
        """None: an undo puts back the copies that the run has made on the host."""


@dataclass(frozen=True, slots=True)
class ServiceRestart:
    """Stops and starts the product's service, once."""

    service: str
    kind: ClassVar[str] = "service.restart"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.RESTART

    def inverse(self) -> ServiceRestart:
        """Restarts it again, after everything else is undone."""
        return self


@dataclass(frozen=True, slots=True)
class ServiceStart:
    """Starts the product's service."""

    service: str
    kind: ClassVar[str] = "service.start"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.START

    def inverse(self) -> ServiceStop:
        """Stops it again."""
        return ServiceStop(self.service)


@dataclass(frozen=True, slots=True)
class ServiceStop:
    """Stops the product's service."""

    service: str
    kind: ClassVar[str] = "service.stop"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.STOP

    def inverse(self) -> ServiceStart:
        """Starts it again."""
        return ServiceStart(self.service)


ServiceAct: TypeAlias = ServiceRestart | ServiceStart | ServiceStop
Change: TypeAlias = (
    DriverStartMode
    | DriverStart
    | UrlReservationAdd
    | UrlReservationRemove
    | UrlReservationReplace
    | IpListenAdd
    | IpListenRemove
    | FirewallRuleAdd
    | FirewallRuleRemove
    | DataDirectoryAcl
    | ServiceStartMode
    | ServiceRecovery
    | FileWrite
    | DataStoreRestore
    | ServiceAct
)
