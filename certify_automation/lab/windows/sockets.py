"""TCP listeners of a simulated computer, and the processes that own them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.win32 import Win32Error

SYSTEM_PROCESS = 4
"""The kernel: owner of every http.sys listener."""

_ANY_V4 = ip_address("0.0.0.0")  # noqa: S104 - a simulated listener
_ANY_V6 = ip_address("::")
_ADMINISTERED = (50000, 50059)
"""What a new Windows Server excludes."""


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A listening socket; address is an IP literal without brackets."""

    address: str
    port: int
    process_id: int

    def overlaps(self, other: Listener) -> bool:
        """Whether both claim one address and port; `::` is dual-mode and claims IPv4 too."""
        return self.port == other.port and (self.covers(other.address) or other.covers(self.address))

    def covers(self, address: str) -> bool:
        """Whether a connection to this address arrives here."""
        mine, wanted = ip_address(self.address), ip_address(address)
        return mine in (wanted, _ANY_V6) or (mine == _ANY_V4 and wanted.version == mine.version)


class Sockets:
    """The socket table.

    A bind to one address beside another process's wildcard is refused: Windows allows it only when neither socket
    is exclusive, and both http.sys and current .NET servers were seen to fail there.

    Attributes:
        excluded: first and last port of ranges that Windows keeps from everybody (`netsh int ipv4 show
            excludedportrange`): a program's bind fails with 10013, that of http.sys as if the port were taken.
        administered: those that the same list marks with an asterisk. They are kept from who asks for any port only: a
            bind to one of them by its number is fine.
    """

    def __init__(self, is_local: Callable[[IPv4Address | IPv6Address], bool]) -> None:
        self._is_local = is_local
        self.excluded: list[tuple[int, int]] = []
        self.administered: list[tuple[int, int]] = [_ADMINISTERED]
        self._listeners: list[Listener] = []
        self._kernel: tuple[Listener, ...] = ()

    def listeners(self) -> tuple[Listener, ...]:
        """All listeners, by port, then address."""
        everything = [*self._listeners, *self._kernel]
        return tuple(sorted(everything, key=lambda one: (one.port, ip_address(one.address).packed, one.process_id)))

    def listen(self, address: str, port: int, process_id: int) -> Listener:
        """Open a listener for a process.

        Raises:
            Win32Error: 10049 (the address is not on this machine), 10013 (the port is excluded), 10048 (taken).
        """
        wanted = Listener(address, port, process_id)
        parsed = ip_address(address)
        if not parsed.is_unspecified and not self._is_local(parsed):
            raise Win32Error(win32.ADDRESS_NOT_AVAILABLE, f"{address}:{port}")
        if self.is_excluded(port):
            raise Win32Error(win32.SOCKET_ACCESS_DENIED, f"{address}:{port}")
        if any(wanted.overlaps(other) for other in self.listeners()):
            raise Win32Error(win32.ADDRESS_IN_USE, f"{address}:{port}")
        self._listeners.append(wanted)
        return wanted

    def free_for_kernel(self, wanted: Iterable[Listener]) -> bool:
        """Whether http.sys could open these besides what it holds already."""
        ports = tuple(wanted)
        if any(self.is_excluded(one.port) for one in ports):
            return False
        return not any(one.overlaps(other) for one in ports for other in self._listeners)

    def is_excluded(self, port: int) -> bool:
        """Whether Windows lets nobody listen on the port."""
        return any(first <= port <= last for first, last in self.excluded)

    def set_kernel(self, listeners: Iterable[Listener]) -> None:
        """What http.sys listens on from now on; a listener that is taken by a process is left out."""
        wanted = tuple(dict.fromkeys(listeners))
        self._kernel = tuple(one for one in wanted if self.free_for_kernel([one]))

    def close(self, process_id: int) -> None:
        """Close every listener of a process."""
        self._listeners = [one for one in self._listeners if one.process_id != process_id]

    def accepting(self, address: str, port: int) -> Listener | None:
        """The listener a connection to this address and port reaches: the most specific one.

        Nothing is reached at a text that is no address, or means all of them: Windows does not connect there.
        """
        try:
            anywhere = ip_address(address).is_unspecified
        except ValueError:
            return None
        if anywhere:
            return None
        found = [one for one in self.listeners() if one.port == port and one.covers(address)]
        return max(found, key=lambda one: not ip_address(one.address).is_unspecified, default=None)
