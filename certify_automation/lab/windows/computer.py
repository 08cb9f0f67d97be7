"""A simulated Windows server: everything a script on it could read or change, kept in memory or in a folder."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from certify_automation.lab.windows import inheritance, security
from certify_automation.lab.windows.certificates import MachineStores
from certify_automation.lab.windows.clock import Clock
from certify_automation.lab.windows.disks import MemoryFiles
from certify_automation.lab.windows.events import EventLog
from certify_automation.lab.windows.files import Files
from certify_automation.lab.windows.firewall import SERVICE as FIREWALL_SERVICE
from certify_automation.lab.windows.firewall import Firewall
from certify_automation.lab.windows.http_sys import DRIVER, HttpSys
from certify_automation.lab.windows.services import RUNNING, Idle, Service, ServiceControlManager
from certify_automation.lab.windows.sockets import SYSTEM_PROCESS, Sockets
from certify_automation.lab.windows.surroundings import Surroundings
from certify_automation.lab.windows.system_log import SystemLog
from certify_automation.lab.windows.tasks import SERVICE as SCHEDULER
from certify_automation.lab.windows.tasks import TaskScheduler

OS_VERSIONS = {"2016": "10.0.14393", "2019": "10.0.17763", "2022": "10.0.20348", "2025": "10.0.26100"}
"""Windows Server release -> version and build."""

PROGRAM_DATA = "C:\\ProgramData"
PROGRAM_FILES = "C:\\Program Files"
SYSTEM_ROOT = "C:\\Windows"
SCANNERS = "FSFilter Anti-Virus"
"""The load order group of virus scanners' file system filters."""

_SCANNER_FILE = f"{SYSTEM_ROOT}\\system32\\drivers\\wd\\WdFilter.sys"
_UPTIME = timedelta(days=12)
_WINRM_SID = "S-1-5-80-569256582-2953403351-2909559716-1301513147-412116970"
_WECSVC_SID = "S-1-5-80-4059739203-877974739-1245631912-527174227-2996563517"
_WSMAN = f"D:(A;;GX;;;{_WINRM_SID})(A;;GX;;;{_WECSVC_SID})"
_DEFAULT_RESERVATIONS = {
    "http://+:5985/wsman/": _WSMAN,
    "http://+:47001/wsman/": _WSMAN,
    "https://+:5986/wsman/": _WSMAN,
    "http://+:80/Temporary_Listen_Addresses/": "D:(A;;GX;;;WD)",
    "http://*:5357/": "D:(A;;GX;;;BU)(A;;GX;;;LS)",
    "https://*:5358/": "D:(A;;GX;;;BU)(A;;GX;;;LS)",
}


Bindings = dict[str, dict[str, bytes | str]]
"""Name of a registry key -> its values."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What Windows it is.

    Attributes:
        release: `2016`, `2019`, `2022` or `2025`.
        powershell: $PSVersionTable.PSVersion.
        culture: of the machine and its service accounts, for example `de-DE`.
        language_mode: of an interactive or remote PowerShell: `FullLanguage` or `ConstrainedLanguage`.
        address: the machine's own address, at which WinRM is reached.
    """

    name: str
    release: str = "2022"
    powershell: str = ""
    culture: str = "en-US"
    language_mode: str = "FullLanguage"
    address: str = "192.0.2.10"

    @property
    def os_version(self) -> str:
        """`10.0.20348`."""
        return OS_VERSIONS.get(self.release, self.release)

    @property
    def powershell_version(self) -> str:
        """What is installed with the system, unless another was given."""
        return self.powershell or f"5.1.{self.os_version.removeprefix('10.0.')}.1"


@dataclass(slots=True)
class Computer:
    """One machine.

    Attributes:
        environment: machine variables.
        service_environment: service name -> the variables of its `Environment` registry value.
        file_versions: path (lower case) -> version resource of an executable.
        ssl_bindings: name of the subkey, for example `0.0.0.0:443` -> its registry values, bytes or text.
        sni_bindings: the same for names (`www.example.com:443`).
        ccs_bindings: the same for ports whose certificates come from the central store; they name none.
        certificates: the stores of LocalMachine.
        pending_reboot: what asks for one: `cbs`, `windows_update`, `file_rename`.
        surroundings: disks, time service, what is installed, sessions.
        powered: False = it lost power: nothing answers, the state stays as it was.
    """

    installation: Installation
    clock: Clock
    files: Files
    services: ServiceControlManager
    sockets: Sockets
    http: HttpSys
    tasks: TaskScheduler
    booted: datetime
    environment: dict[str, str] = field(default_factory=dict)
    service_environment: dict[str, dict[str, str]] = field(default_factory=dict)
    file_versions: dict[str, str] = field(default_factory=dict)
    ssl_bindings: Bindings = field(default_factory=dict)
    sni_bindings: Bindings = field(default_factory=dict)
    ccs_bindings: Bindings = field(default_factory=dict)
    certificates: MachineStores = field(default_factory=MachineStores)
    pending_reboot: list[str] = field(default_factory=list)
    powered: bool = True
    surroundings: Surroundings = field(default_factory=Surroundings)
    firewall: Firewall = field(init=False)
    events: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self.firewall = Firewall(self.services)
        self.events = EventLog(self.clock)

    @property
    def name(self) -> str:
        """The computer's name."""
        return self.installation.name

    @property
    def system_log(self) -> SystemLog:
        """The event log System; `events` is the log Application."""
        return self.services.log

    def reachable(self) -> bool:
        """Whether its WinRM service answers: an http.sys application, so driver and listen list decide.

        That goes for connections that are open, too. Whether Windows keeps those when the list changes is not
        documented; a controller has to be right when it does not.
        """
        winrm = self.services.get("WinRM")
        served = winrm is not None and winrm.state == RUNNING and self.http.running()
        return self.powered and served and self.http.listens_on(self.installation.address)

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once, with what processes of tasks do in it, each at its time."""
        end = self.clock.elapsed() + seconds
        while self._carry_on(end):
            pass
        self.clock.advance(end - self.clock.elapsed())

    def _carry_on(self, end: float) -> bool:
        """Let the task's process go on, or start again, that is the next to; whether there is one until `end`."""
        instance, again = self.tasks.next_due(), self.tasks.next_repetition()
        if again is not None and again[0] <= end and (instance is None or again[0] < instance.due):
            self.clock.advance(again[0] - self.clock.elapsed())
            return self.tasks.repeat(again[1])
        if instance is None or instance.due > end:
            return False
        self.clock.advance(instance.due - self.clock.elapsed())
        self.tasks.step(instance)
        return True

    def process_name(self, process_id: int) -> str | None:
        """Win32_Process.Name of a process, or None if there is no such process."""
        return self.services.processes.get(process_id)

    def dump(self) -> dict[str, Any]:
        """Everything that lasts on the machine, as plain data; two dumps are equal when nothing changed."""
        self.services.settle()
        return {
            "services": [one.row() for one in self.services.services()],
            "drivers": [one.row() for one in self.services.services(drivers=True)],
            "processes": dict(sorted(self.services.processes.items())),
            "files": {
                path: None if content is None else base64.b64encode(content).decode()
                for path, content in self.files.walk().items()
            },
            "file_security": self.files.securities(),
            "listen_live": list(self.http.live),
            "listen_registry": None if self.http.registry is None else list(self.http.registry),
            "reservations": {url: base64.b64encode(sd).decode() for url, sd in sorted(self.http.reservations.items())},
            "registrations": [(one.url, one.process_id, one.queue) for one in self.http.registrations],
            "listeners": [asdict(one) for one in self.sockets.listeners()],
            "environment": dict(self.environment),
            "service_environment": {name: dict(values) for name, values in self.service_environment.items()},
            "tasks": self.tasks.rows(),
            "firewall": None if self.firewall.rules is None else dict(self.firewall.rules),
            "ssl_bindings": _shown(self.ssl_bindings),
            "sni_bindings": _shown(self.sni_bindings),
            "ccs_bindings": _shown(self.ccs_bindings),
            "certificates": self.certificates.rows(),
            "events": self.events.rows(),
            "surroundings": self.surroundings.rows(),
            "excluded_ports": list(self.sockets.excluded),
            "pending_reboot": list(self.pending_reboot),
            "powered": self.powered,
        }


def _shown(bindings: Bindings) -> dict[str, dict[str, str]]:
    return {name: {key: str(value) for key, value in values.items()} for name, values in bindings.items()}


def make_computer(installation: Installation, clock: Clock, files: Files | None = None) -> Computer:
    """A fresh server with WinRM set up, its HTTP driver running and nothing else installed."""
    own = ip_address(installation.address)

    def is_local(address: IPv4Address | IPv6Address) -> bool:
        return address.is_loopback or address == own

    services = ServiceControlManager(clock, {SYSTEM_PROCESS: "System"})
    sockets = Sockets(is_local)
    http = HttpSys(services, sockets, is_local)
    disk = files if files is not None else MemoryFiles(clock)
    tasks = TaskScheduler(clock, services, disk)
    computer = Computer(installation, clock, disk, services, sockets, http, tasks, clock.now() - _UPTIME)
    _install_windows(computer)
    for folder in (PROGRAM_DATA, PROGRAM_FILES, SYSTEM_ROOT):
        disk.make_folder(folder)
    disk.set_security(PROGRAM_DATA, inheritance.PROGRAM_DATA)
    return computer


def _install_windows(computer: Computer) -> None:
    driver = Service(
        DRIVER, "HTTP Service", "C:\\Windows\\system32\\drivers\\HTTP.sys", RUNNING, "Manual",
        account=None, exit_code=0, driver=True,
    )  # fmt: skip
    computer.services.install(driver, computer.http)
    for url, sddl in _DEFAULT_RESERVATIONS.items():
        computer.http.reservations[url] = security.to_bytes(sddl)
    host = "C:\\Windows\\System32\\svchost.exe -k NetworkService -p"
    winrm = Service(
        "WinRM", "Windows Remote Management (WS-Management)", host,
        account="NT AUTHORITY\\NetworkService", depends_on=("RPCSS", DRIVER),
    )  # fmt: skip
    computer.services.install(winrm, WinRm(computer.http))
    computer.services.install(Service("RPCSS", "Remote Procedure Call (RPC)", host), Idle())
    netsvcs = "C:\\Windows\\system32\\svchost.exe -k netsvcs -p"
    computer.services.install(Service(SCHEDULER, "Task Scheduler", netsvcs, depends_on=("RPCSS",)), Idle())
    firewall = Service(FIREWALL_SERVICE, "Windows Defender Firewall", netsvcs, depends_on=("RPCSS",))
    computer.services.install(firewall, Idle())
    computer.services.install(Service("W32Time", "Windows Time", netsvcs), Idle())
    scanner = Service(
        "WdFilter", "Microsoft Defender Antivirus Mini-Filter Driver", _SCANNER_FILE,
        RUNNING, "Boot", account=None, exit_code=0, driver=True, group=SCANNERS,
    )  # fmt: skip
    computer.services.install(scanner, Idle(""))
    for name in ("WinRM", SCHEDULER, FIREWALL_SERVICE, "W32Time"):
        computer.services.start(name)


class WinRm(Idle):
    """The WinRM service as an http.sys application."""

    def __init__(self, http: HttpSys) -> None:
        super().__init__()
        self._http = http

    def begin(self, service: Service, now: datetime) -> float:
        """Register its URLs."""
        for url in ("http://+:5985/wsman/", "https://+:5986/wsman/", "http://+:47001/wsman/"):
            self._http.register(url, service.process_id, [_WINRM_SID])
        return super().begin(service, now)

    def end(self, service: Service, now: datetime) -> None:
        """Give them back."""
        self._http.unregister(service.process_id)
        super().end(service, now)
