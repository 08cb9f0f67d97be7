"""What one visit brings home: the evidence as the host gave it, typed but not interpreted."""

from __future__ import annotations

from dataclasses import dataclass, field

from certify_automation.model.certificate import CertificateInventory
from certify_automation.model.config_files import FileContent
from certify_automation.model.examination import Examination
from certify_automation.model.log_tail import LogTail
from certify_automation.model.runs import OpenRun, Records
from certify_automation.model.service import ServiceState, StartMode


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The computer; times in milliseconds since 1970-01-01 UTC, pending_reboot names what asks for one."""

    name: str
    os_version: str
    powershell: str
    edition: str
    language_mode: str
    administrator: bool
    culture: str
    clock_utc_ms: int
    boot_utc_ms: int | None = None
    pending_reboot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service of the product as Win32_Service shows it, and what the registry says of its failures.

    Attributes:
        failure_actions: the value FailureActions; None = there is none.
        failure_flag: FailureActionsOnNonCrashFailures.
    """

    name: str
    display_name: str | None
    state: ServiceState
    start_mode: StartMode | None
    account: str | None
    path_name: str | None
    exit_code: int
    service_exit_code: int
    process_id: int
    failure_actions: bytes | None = None
    failure_flag: bool = False


@dataclass(frozen=True, slots=True)
class DriverFacts:
    """The HTTP kernel driver."""

    state: ServiceState
    start_mode: StartMode | None
    exit_code: int


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """One of the variables the product reads; scope is `machine` or `service`."""

    scope: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """The product's installation; generation is `v6`, `v7` or None when not installed or not one."""

    services: tuple[ServiceFacts, ...] = ()
    generation: str | None = None
    version: str | None = None
    executable: str | None = None
    install_dir: str | None = None
    data_dir: str | None = None
    environment: tuple[EnvironmentVariable, ...] = ()


@dataclass(frozen=True, slots=True)
class ListenListFacts:
    """The IP listen list: live as netsh gives it, and as the registry keeps it; None = not readable."""

    live: tuple[str, ...] | None
    registry: tuple[str, ...] | None
    exit_code: int


@dataclass(frozen=True, slots=True)
class ReservationFacts:
    """A URL reservation with its self-relative security descriptor."""

    url: str
    descriptor: bytes


@dataclass(frozen=True, slots=True)
class UrlOwner:
    """A URL registered with http.sys and the processes of its request queue."""

    url: str
    process_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SocketFacts:
    """A TCP listener; process 4 is the kernel, that is http.sys."""

    address: str
    port: int
    process_id: int
    process_name: str | None


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """What the product's API answered on the host itself; status None = no answer (see error).

    Untrusted: a listener was met whose certificate does not validate, as the one the product makes for itself.
    """

    url: str
    status: int | None
    authenticate: tuple[str, ...] = ()
    body: str | None = None
    error: str | None = None
    untrusted: bool = False
    summary_status: int | None = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """A database file or one of its backups, or a copy of it."""

    name: str
    size: int
    written_utc_ms: int


@dataclass(frozen=True, slots=True)
class FolderAccess:
    """Owner (SID) and security descriptor (SDDL) of the product's data folder."""

    owner: str | None
    sddl: str


@dataclass(frozen=True, slots=True)
class LockFacts:
    """The host's apply lock."""

    held: bool
    holder: str | None


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """One inbound rule as the registry keeps it: `v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=...|`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SslBinding:
    """A certificate bound to `address:port` in http.sys; store None = the default, LocalMachine My."""

    name: str
    cert_hash: str | None
    store: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything one visit observed.

    Attributes:
        files: by FileName value; a missing key = the place of the file is not known.
        logs: `startup`, `unhandled`, `session`, those that apply to the generation.
        firewall_rules: inbound rules for the ports of the request, and this program's own; None = not readable.
        ssl_bindings: those of the ports of the request.
        managed: raw name -> value, what a plan may depend on (docs/contract.md).
        certificates: preferences and certificates; None = not asked for.
        examination: what only Examine asks; None = it was another script. With it, `sockets` are all TCP listeners.
    """

    host: HostFacts
    product: ProductFacts
    driver: DriverFacts | None
    files: dict[str, FileContent]
    ip_listen: ListenListFacts
    url_reservations: tuple[ReservationFacts, ...]
    url_owners: tuple[UrlOwner, ...]
    sockets: tuple[SocketFacts, ...]
    logs: dict[str, LogTail]
    api: tuple[ApiFacts, ...]
    data_files: tuple[DataFile, ...]
    data_copies: tuple[DataFile, ...]
    data_access: FolderAccess | None
    lock: LockFacts
    firewall_rules: tuple[FirewallRule, ...] | None = None
    ssl_bindings: tuple[SslBinding, ...] = ()
    open_run: OpenRun | None = None
    records: Records | None = None
    managed: dict[str, str] = field(default_factory=dict)
    certificates: CertificateInventory | None = None
    examination: Examination | None = None

    @property
    def service(self) -> ServiceFacts | None:
        """The product's service when there is exactly one."""
        return self.product.services[0] if len(self.product.services) == 1 else None
