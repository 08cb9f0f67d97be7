"""Acts on what http.sys keeps for every application of a computer: its driver, URL reservations, the IP listen list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from certify_automation.model.impact import Impact, Reversal
from certify_automation.model.service import StartMode


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


@dataclass(frozen=True, slots=True)
class DriverStart:
    """Starts the HTTP driver; left running by an undo, because others may have begun to use it."""

    kind: ClassVar[str] = "driver.start"
    reversal: ClassVar[Reversal] = Reversal.KEPT
    impact: ClassVar[Impact] = Impact.LISTENER

    def inverse(self) -> None:
        """None: kept."""


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


@dataclass(frozen=True, slots=True)
class IpListenAdd:
    """Adds an address to the IP listen list.

    Attributes:
        first: the list has no entry in force yet, so that http.sys leaves every other address.
    """

    address: str
    first: bool = False
    kind: ClassVar[str] = "ip_listen.add"
    reversal: ClassVar[Reversal] = Reversal.REVERSIBLE

    @property
    def impact(self) -> Impact:
        """A first entry can cut the host off."""
        return Impact.LOCKOUT if self.first else Impact.LISTENER

    def inverse(self) -> IpListenRemove:
        """Takes it off again."""
        return IpListenRemove(self.address)


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
