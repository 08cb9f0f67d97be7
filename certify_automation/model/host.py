"""A host: how to reach it, and the state that is declared for it or found on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from certify_automation.model.config_files import FileName, JsonValue, ServerConnection, ServiceConfig
from certify_automation.model.http_sys import IpListen, UrlReservation
from certify_automation.model.recovery import Recovery
from certify_automation.model.renewal import RenewalPolicy
from certify_automation.model.secret import Secret
from certify_automation.model.security import ApiExposure, DeclaredVariable
from certify_automation.model.service import WindowsService


class Transport(StrEnum):
    """How a visit is made."""

    WINRM = "winrm"
    LOCAL = "local"


class Scheme(StrEnum):
    """The scheme of the WinRM listener."""

    HTTP = "http"
    HTTPS = "https"


class Auth(StrEnum):
    """The authentication of the WinRM connection; `negotiate` is NTLM unless Kerberos is installed."""

    NEGOTIATE = "negotiate"
    KERBEROS = "kerberos"
    NTLM = "ntlm"
    CREDSSP = "credssp"
    BASIC = "basic"
    CERTIFICATE = "certificate"


class ApiAccess(StrEnum):
    """Who asks the product's API during a visit; a network logon has no credentials that it accepts."""

    AUTO = "auto"
    CALLER = "caller"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class Connection:
    """How one host is reached.

    Attributes:
        address: DNS name or IP literal the connection goes to.
        path: URL path of the listener.
        ca_file: PEM bundle to verify an https listener with; None = the system's trust store.
        verify: False = the server's certificate is not checked (warned about once a run).
        certificate_file, certificate_key_file: PEM files for auth `certificate`.
        api_access: who asks the product's API; `auto` is for `api_caller` to settle.
    """

    address: str
    transport: Transport = Transport.WINRM
    scheme: Scheme = Scheme.HTTPS
    port: int = 5986
    path: str = "/wsman"
    auth: Auth = Auth.NEGOTIATE
    username: str = ""
    password: Secret | None = None
    ca_file: str | None = None
    verify: bool = True
    certificate_file: str | None = None
    certificate_key_file: str | None = None
    api_access: ApiAccess = ApiAccess.AUTO

    @property
    def api_caller(self) -> ApiAccess:
        """CALLER where the visit's own logon can prove who it is on the host (local, CredSSP), otherwise TASK."""
        if self.api_access is not ApiAccess.AUTO:
            return self.api_access
        delegated = self.transport is Transport.LOCAL or self.auth is Auth.CREDSSP
        return ApiAccess.CALLER if delegated else ApiAccess.TASK


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the product's API is declared to listen; host is an IP literal, or `localhost`."""

    host: str
    port: int
    https: bool = False

    @property
    def url(self) -> str:
        """`http://127.0.0.2:9696`, IPv6 literals bracketed, no trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.https else 'http'}://{host}:{self.port}"


class KestrelRule(StrEnum):
    """What to do with an endpoint that appsettings-core.json pins over serviceconfig.json."""

    ALIGN = "align"
    LEAVE = "leave"
    ERROR = "error"


USUAL_KESTREL_RULE = KestrelRule.ALIGN
"""Where nothing else is declared."""


@dataclass(frozen=True, slots=True)
class HostState:
    """Everything managed on a host; desired and observed are this same type.

    Desired: None = not managed. Observed: None = not there, or not readable.

    Attributes:
        connections: servers.json; declared entries only, or all that were found.
        endpoint: where the API listens: declared, or the effective one that evidence proves.
        http_01: whether the host answers http-01 challenges (the helper on 127.0.0.1 is then needed).
        allow_https: `force_https` was declared; refused for v7 when planned.
        kestrel_endpoint: what to do where appsettings-core.json of v7 pins another endpoint than the declared one.
        account: the account the service is expected to run as; never changed.
        data_directory_restricted: the data folder is to be closed to Users, Everyone and other groups of everybody.
        environment: what variables are expected to be; never changed.
        preferences: declared preferences by the product's own names, or all that GET answers.
        renewals: when certificates are renewed; only declared, never observed.
        data_directory_acl: the data folder's access list as SDDL. This and the following only a rollback asks for.
        kestrel_urls: Url of endpoints that appsettings-core.json pins, by name; endpoints that are not there stay so.
        whole_files: files that are to have exactly these bytes, None = are not to be there; such a file is not declared
            in any other way.
        data_backup: the name of the backup that is to take the database's place. This and the following only
            `remediate` asks for.
        data_store_id: the data store that the product is to open, ConfigDataStoreConnectionId of appsettings.json.
    """

    service: WindowsService = field(default_factory=WindowsService)
    driver: WindowsService = field(default_factory=WindowsService)
    service_config: ServiceConfig | None = None
    connections: tuple[ServerConnection, ...] | None = None
    ip_listen: IpListen | None = None
    url_reservations: tuple[UrlReservation, ...] | None = None
    endpoint: Endpoint | None = None
    http_01: bool = True
    allow_https: bool = False
    kestrel_endpoint: KestrelRule = USUAL_KESTREL_RULE
    recovery: Recovery | None = None
    account: str | None = None
    data_directory_restricted: bool = False
    api_exposure: ApiExposure | None = None
    environment: tuple[DeclaredVariable, ...] = ()
    preferences: Mapping[str, JsonValue] | None = None
    renewals: RenewalPolicy | None = None
    data_directory_acl: str | None = None
    kestrel_urls: Mapping[str, str] = field(default_factory=dict)
    whole_files: Mapping[FileName, bytes | None] = field(default_factory=dict)
    data_backup: str | None = None
    data_store_id: str | None = None

    @property
    def concerns_certificates(self) -> bool:
        """Whether something is declared that only the product's API can tell."""
        return self.preferences is not None or self.renewals is not None
