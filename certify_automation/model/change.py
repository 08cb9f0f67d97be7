"""One act on a host: a closed union, one frozen class a kind of docs/contract.md's table."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

from certify_automation.model.config_files import FileName
from certify_automation.model.service import StartMode

JsonObject: TypeAlias = "dict[str, object]"


class Reversal(StrEnum):
    """What an undo does with a change."""

    REVERSIBLE = "reversible"
    KEPT = "kept"
    AFTER_COMMIT = "after_commit"


class Impact(StrEnum):
    """What a change means for those who use the host; the value is the label shown."""

    FILE = "file only"
    SETTING = "setting only"
    LISTENER = "listener change"
    START = "service start"
    STOP = "service stop"
    RESTART = "service restart"
    LOCKOUT = "lockout risk"


@dataclass(frozen=True, slots=True)
class DriverStartMode:
    """Start mode of the HTTP driver; takes effect at its next start."""

    before: StartMode
    after: StartMode
    kind: ClassVar[str] = "driver.start_mode"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.SETTING

    def inverse(self) -> DriverStartMode:
        """Sets the mode back."""
        return DriverStartMode(self.after, self.before)

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "before": self.before.value, "after": self.after.value}


@dataclass(frozen=True, slots=True)
class DriverStart:
    """Starts the HTTP driver; left running by an undo, because others may have begun to use it."""

    kind: ClassVar[str] = "driver.start"
    reversal: ClassVar[Reversal] = Reversal.KEPT
    impact: ClassVar[Impact] = Impact.LISTENER

    def inverse(self) -> None:
        """None: kept."""

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind}


@dataclass(frozen=True, slots=True)
class UrlReservationAdd:
    """Reserves a URL namespace."""

    url: str
    sddl: str
    kind: ClassVar[str] = "url_reservation.add"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.LISTENER

    def inverse(self) -> UrlReservationRemove:
        """Removes it again."""
        return UrlReservationRemove(self.url, self.sddl)

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "url": self.url, "sddl": self.sddl}


@dataclass(frozen=True, slots=True)
class UrlReservationRemove:
    """Removes a reservation; sddl is the one it had."""

    url: str
    sddl: str
    kind: ClassVar[str] = "url_reservation.remove"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.LISTENER

    def inverse(self) -> UrlReservationAdd:
        """Reserves it as it was."""
        return UrlReservationAdd(self.url, self.sddl)

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "url": self.url, "sddl": self.sddl}


@dataclass(frozen=True, slots=True)
class UrlReservationReplace:
    """Gives a reservation another security descriptor; before and after are SDDL."""

    url: str
    before: str
    after: str
    kind: ClassVar[str] = "url_reservation.replace"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.LISTENER

    def inverse(self) -> UrlReservationReplace:
        """Gives it the old descriptor back."""
        return UrlReservationReplace(self.url, self.after, self.before)

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "url": self.url, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class IpListenAdd:
    """Adds an address to the IP listen list."""

    address: str
    kind: ClassVar[str] = "ip_listen.add"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.LISTENER

    def inverse(self) -> IpListenRemove:
        """Takes it off again."""
        return IpListenRemove(self.address)

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "address": self.address}


@dataclass(frozen=True, slots=True)
class IpListenRemove:
    """Takes an address off the IP listen list: every HTTP application on the machine may lose it."""

    address: str
    kind: ClassVar[str] = "ip_listen.remove"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE
    impact: ClassVar[Impact] = Impact.LOCKOUT

    def inverse(self) -> IpListenAdd:
        """Puts it back."""
        return IpListenAdd(self.address)

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "address": self.address}


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

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "service": self.service, "before": self.before.value, "after": self.after.value}


@dataclass(frozen=True, slots=True)
class FileWrite:
    """Replaces the bytes of one of the product's files.

    Attributes:
        path: full Windows path.
        before: the bytes found; None = the file was absent.
        after: the bytes to write; None = the file is removed, which only an undo does.
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

    def to_json(self) -> JsonObject:
        """The change as the contract writes it.

        Raises:
            ValueError: the change removes the file, which a plan cannot ask for.
        """
        if self.after is None:
            raise ValueError(f"a plan cannot remove {self.path}")
        return {
            "kind": self.kind,
            "file": self.file.value,
            "path": self.path,
            "before_sha256": None if self.before is None else hashlib.sha256(self.before).hexdigest(),
            "after_sha256": hashlib.sha256(self.after).hexdigest(),
            "content": base64.b64encode(self.after).decode("ascii"),
        }


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

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "service": self.service}


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

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "service": self.service}


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

    def to_json(self) -> JsonObject:
        """The change as the contract writes it."""
        return {"kind": self.kind, "service": self.service}


ServiceAct: TypeAlias = ServiceRestart | ServiceStart | ServiceStop
Change: TypeAlias = (
    DriverStartMode
    | DriverStart
    | UrlReservationAdd
    | UrlReservationRemove
    | UrlReservationReplace
    | IpListenAdd
    | IpListenRemove
    | ServiceStartMode
    | FileWrite
    | ServiceAct
)
