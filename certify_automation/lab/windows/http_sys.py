"""http.sys: IP listen list, URL reservations, registered URLs, and which of them a request reaches.

Sources: Microsoft's HTTP Server API pages "IP Listen List", "UrlPrefix Strings", "Namespace Reservations,
Registrations, and Routing"; the driver's event texts 15005 and 15015. Where Windows' behaviour is not documented this
follows those pages: without a list the driver opens a port on every address whatever host the URL names, and a change
made through the API (netsh) counts at once for listeners old and new, while a hand edit of the registry stays dormant
until the driver starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from certify_automation.lab.windows import security, win32
from certify_automation.lab.windows.prefixes import Prefix, parse_prefix
from certify_automation.lab.windows.services import RUNNING, Ending, Service, ServiceControlManager
from certify_automation.lab.windows.sockets import SYSTEM_PROCESS, Listener, Sockets
from certify_automation.lab.windows.system_log import CANNOT_BIND, ENTRY_NOT_CONVERTIBLE, NO_ENTRY_CONVERTIBLE
from certify_automation.lab.windows.win32 import Win32Error

DRIVER = "HTTP"
_ANY_V4 = ip_address("0.0.0.0")  # noqa: S104 - an entry of the simulated list
_ANY_V6 = ip_address("::")
_ADMINISTRATORS = "S-1-5-32-544"
_SYSTEM = "S-1-5-18"
_MAY_REGISTER = security.GENERIC_EXECUTE | security.GENERIC_ALL

Address = IPv4Address | IPv6Address


def listen_address(text: str) -> Address | None:
    """The address of a list entry, brackets tolerated; None if the driver cannot convert it."""
    try:
        return ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Registration:
    """A URL that a process listens on; `url` as the process gave it."""

    url: str
    process_id: int
    prefix: Prefix
    queue: str = ""

    @property
    def shown(self) -> str:
        """The URL as `netsh http show servicestate` shows it: upper case, an address bound to repeated."""
        prefix = self.prefix
        if prefix.bucket != "address":
            return prefix.url.upper()
        host = f"[{prefix.host}]" if ":" in prefix.host else prefix.host
        return f"{prefix.scheme}://{host}:{prefix.port}:{prefix.host}{prefix.path}".upper()


@dataclass(slots=True)
class HttpSys:
    """The driver's configuration and state.

    Attributes:
        live: the listen list the driver works with, as netsh shows it.
        registry: ListenOnlyList; None = the value is absent.
        reservations: URL as reserved -> self-relative security descriptor (UrlAclInfo).
        registrations: URLs with a listener.
    """

    services: ServiceControlManager
    sockets: Sockets
    is_local: Callable[[Address], bool]
    live: list[str] = field(default_factory=list)
    registry: list[str] | None = None
    reservations: dict[str, bytes] = field(default_factory=dict)
    registrations: list[Registration] = field(default_factory=list)
    image: str = ""

    def begin(self, service: Service, now: datetime) -> float:  # noqa: ARG002 - the protocol's shape
        """The driver starts: it takes the list as the registry has it."""
        self.live = list(self.registry or ())
        garbled = [entry for entry in self.live if listen_address(entry) is None]
        for entry in garbled:
            self.services.log.http(ENTRY_NOT_CONVERTIBLE, entry)
        if garbled and not self.effective():
            self.services.log.http(NO_ENTRY_CONVERTIBLE)
        return 0.0

    def ready(self, service: Service, now: datetime) -> Ending:  # noqa: ARG002 - the protocol's shape
        """Its start never fails."""
        self.rescope()
        return Ending(running=True)

    def end(self, service: Service, now: datetime) -> None:  # noqa: ARG002 - the protocol's shape
        """The driver is unloaded: nobody is registered any more."""
        self.registrations.clear()
        self.rescope()

    def running(self) -> bool:
        """Whether the driver runs."""
        driver = self.services.get(DRIVER)
        return driver is not None and driver.state == RUNNING

    def usable(self) -> bool:
        """Whether the configuration API works: the driver runs, or would start on demand."""
        driver = self.services.get(DRIVER)
        return driver is not None and (driver.state == RUNNING or driver.start_mode != "Disabled")

    def effective(self) -> tuple[Address, ...]:
        """The entries of the live list the driver can convert; none of them = it listens everywhere (event 15015)."""
        return tuple(a for a in map(listen_address, self.live) if a is not None)

    def listens_on(self, address: str) -> bool:
        """Whether a request to this address of the machine would be taken, as far as the list goes."""
        entries = self.effective()
        if not entries:
            return True
        wanted = ip_address(address)
        return wanted in entries or (_ANY_V4 if wanted.version == 4 else _ANY_V6) in entries  # noqa: PLR2004

    def add_listen(self, address: str) -> None:
        """Add to live list and registry; raises Win32Error 87 (no address), 183 (present), 6 (no driver)."""
        wanted = self._configurable(address)
        if any(listen_address(entry) == wanted for entry in self.live):
            raise Win32Error(win32.ALREADY_EXISTS, address)
        self.live.append(str(wanted))
        self.registry = list(self.live)
        self.rescope()
        self._note_unbindable({one.prefix.port for one in self.registrations}, [wanted])

    def delete_listen(self, address: str) -> None:
        """Delete from live list and registry; raises Win32Error 87, 2 (not there), 6."""
        wanted = self._configurable(address)
        kept = [entry for entry in self.live if listen_address(entry) != wanted]
        if len(kept) == len(self.live):
            raise Win32Error(win32.FILE_NOT_FOUND, address)
        self.live = kept
        self.registry = list(kept) or None
        self.rescope()

    def reserve(self, url: str, descriptor: bytes) -> None:
        """Add a reservation; raises Win32Error 87 (URL or descriptor), 183 (reserved, ignoring case), 6."""
        self._require_driver(url)
        parse_prefix(url)
        security.entries(descriptor)
        if self.reservation(url) is not None:
            raise Win32Error(win32.ALREADY_EXISTS, url)
        self.reservations[url] = descriptor

    def unreserve(self, url: str) -> None:
        """Delete a reservation; raises Win32Error 2 (none), 6."""
        self._require_driver(url)
        found = self.reservation(url)
        if found is None:
            raise Win32Error(win32.FILE_NOT_FOUND, url)
        del self.reservations[found]

    def reservation(self, url: str) -> str | None:
        """The reserved URL that equals this one ignoring case, as it was reserved."""
        return next((known for known in self.reservations if known.lower() == url.lower()), None)

    def register(self, url: str, process_id: int, sids: Iterable[str], queue: str = "") -> Registration:
        """A process starts to listen; the driver is started on demand.

        Args:
            url: a URL prefix.
            process_id: of the process.
            sids: the groups of its token, itself included.
            queue: the name of its request queue; empty for an unnamed one.

        Raises:
            Win32Error: 1058 (the driver is disabled: applications see "not supported on this platform"), 87 (no URL
                prefix), 50 (host 0.0.0.0), 5 (not reserved for the caller), 1232 (the address is not local, or the
                list excludes it), 183 (registered), 32 (another process listens on the port).
        """
        if not self.running():
            self.services.start(DRIVER)
        prefix = parse_prefix(url)
        if prefix.host == "0.0.0.0":  # noqa: S104 - refused
            raise Win32Error(win32.NOT_SUPPORTED, url)
        self._check_access(prefix, frozenset(sids))
        if prefix.address is not None and not (self.is_local(prefix.address) and self.listens_on(prefix.host)):
            raise Win32Error(win32.HOST_UNREACHABLE, url)
        if any(prefix.conflicts(other.prefix) for other in self.registrations):
            raise Win32Error(win32.ALREADY_EXISTS, url)
        wanted = self._listeners([prefix.port])
        if not self.sockets.free_for_kernel(wanted):
            for one in wanted:
                self.services.log.http(CANNOT_BIND, _endpoint(one.address, one.port))
            raise Win32Error(win32.SHARING_VIOLATION, url)
        registration = Registration(url, process_id, prefix, queue)
        self.registrations.append(registration)
        self.rescope()
        self._note_unbindable([prefix.port], self.effective())
        return registration

    def unregister(self, process_id: int) -> None:
        """A process ends: its URLs are free."""
        self.registrations = [one for one in self.registrations if one.process_id != process_id]
        self.rescope()

    def route(self, address: str, port: int, host: str, path: str) -> Registration | int:
        """Whom a request reaches: a registration, or the status the driver itself answers with.

        Buckets are searched in the order `+`, explicit name, IP literal, `*`; the first with a match ends the search,
        the longest path wins in it. A match that is only reserved is answered 400.
        """
        reserved = [parse_prefix(url) for url in self.reservations]
        for bucket in ("+", "name", "address", "*"):
            candidates: list[tuple[int, Registration | int]] = [
                (len(one.prefix.path), one)
                for one in self.registrations
                if one.prefix.bucket == bucket and one.prefix.matches(address, port, host, path)
            ]
            candidates += [
                (len(one.path), 400)
                for one in reserved
                if one.bucket == bucket and one.matches(address, port, host, path)
            ]
            if candidates:
                longest = max(length for length, _ in candidates)
                registered = [one for length, one in candidates if length == longest and not isinstance(one, int)]
                return registered[0] if registered else 400
        return 400 if any(one.prefix.port == port for one in self.registrations) else 404

    def rescope(self) -> None:
        """Open and close the driver's sockets as list and registrations ask for."""
        ports = sorted({one.prefix.port for one in self.registrations})
        self.sockets.set_kernel(self._listeners(ports))

    def _note_unbindable(self, ports: Iterable[int], entries: Iterable[Address]) -> None:
        """Log the entries of the list that are no address of this machine."""
        for address in entries:
            if not address.is_unspecified and not self.is_local(address):
                for port in sorted(ports):
                    self.services.log.http(CANNOT_BIND, _endpoint(str(address), port))

    def _listeners(self, ports: Iterable[int]) -> list[Listener]:
        entries = self.effective() or (_ANY_V4, _ANY_V6)
        local = [a for a in entries if a.is_unspecified or self.is_local(a)]
        return [Listener(str(address), port, SYSTEM_PROCESS) for port in ports for address in local]

    def _check_access(self, prefix: Prefix, sids: frozenset[str]) -> None:
        if sids & {_ADMINISTRATORS, _SYSTEM}:
            return
        covering = [
            (len(parsed.path), descriptor)
            for url, descriptor in self.reservations.items()
            if (parsed := parse_prefix(url)).contains(prefix)
        ]
        if covering:
            _, descriptor = max(covering, key=lambda one: one[0])
            if any(
                k == "A" and sid in sids and mask & _MAY_REGISTER for k, _, mask, sid in security.entries(descriptor)
            ):
                return
        raise Win32Error(win32.ACCESS_DENIED, prefix.url)

    def _configurable(self, address: str) -> Address:
        self._require_driver(address)
        wanted = listen_address(address)
        if wanted is None:
            raise Win32Error(win32.INVALID_PARAMETER, address)
        return wanted

    def _require_driver(self, subject: str) -> None:
        """The API starts the driver on demand; a disabled one leaves its handle invalid."""
        if self.running():
            return
        try:
            self.services.start(DRIVER)
        except Win32Error as error:
            raise Win32Error(win32.INVALID_HANDLE, subject) from error


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
