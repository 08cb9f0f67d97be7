"""What only an examination asks of a host: the computer around the product, what is installed, what the logs say."""

from __future__ import annotations

from dataclasses import dataclass, field

from certify_automation.model.config_files import FileContent
from certify_automation.model.log_tail import LogTail
from certify_automation.model.service import ServiceState


@dataclass(frozen=True, slots=True)
class Disk:
    """A local disk that holds Windows or the product; uses names what, `system` and `data`."""

    name: str
    uses: tuple[str, ...]
    free_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FilterService:
    """A driver or service of Windows' load order group for virus scanners."""

    name: str
    state: ServiceState


@dataclass(frozen=True, slots=True)
class InstalledProgram:
    """An entry of the product under Windows' Uninstall keys."""

    name: str
    version: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A program or library of the product in its folder; version is the file version, None without one."""

    path: str
    version: str | None
    size: int
    written_utc_ms: int


@dataclass(frozen=True, slots=True)
class ProgramProcess:
    """A running process of the product's."""

    name: str
    process_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file directly in the product's data folder."""

    name: str
    size: int
    written_utc_ms: int


@dataclass(frozen=True, slots=True)
class WindowsEvent:
    """An entry of the System log; values are its properties as texts, which no language changes."""

    provider: str
    event_id: int
    utc_ms: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examination:
    """What a visit of the script Examine brings home besides the facts of every visit.

    Attributes:
        addresses: IP addresses of the computer's network adapters; None = not readable.
        localhost: what the name resolves to, in the order given; None = it does not resolve.
        hosts_file: the lines of the hosts file that name `localhost` and are no comments.
        excluded_ports: first and last port of each range that Windows lets nobody listen on; None = not readable.
        virus_scanners: None = not readable.
        time_source: Type of the time service (`NTP`, `NT5DS`, `NoSync`, `AllSync`); None = not readable.
        time_service: its state; None = there is none.
        account_sid: of the account the product's service runs as; None = no service, or not known to Windows.
        installed: of the product, by the registry; programs: its files where they are found; processes: those that run.
        data_folder: the files directly in the data folder; None = there is no such folder.
        settings: appsettings.json of the data folder.
        errors: lines with [ERR] or FATAL of the product's newest session log; challenges: of httpChallengeServer.log.
        events: of http.sys and of the service control manager about the product, newest first.
    """

    addresses: tuple[str, ...] | None = None
    localhost: tuple[str, ...] | None = None
    hosts_file: tuple[str, ...] = ()
    excluded_ports: tuple[tuple[int, int], ...] | None = None
    disks: tuple[Disk, ...] = ()
    virus_scanners: tuple[FilterService, ...] | None = None
    time_source: str | None = None
    time_service: ServiceState | None = None
    account_sid: str | None = None
    installed: tuple[InstalledProgram, ...] = ()
    programs: tuple[ProgramFile, ...] = ()
    processes: tuple[ProgramProcess, ...] = ()
    data_folder: tuple[FolderFile, ...] | None = None
    settings: FileContent | None = None
    errors: LogTail | None = None
    challenges: LogTail | None = None
    events: tuple[WindowsEvent, ...] = field(default_factory=tuple)
