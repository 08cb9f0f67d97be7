"""Which authentication a connection gets, and whether this computer can do it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Literal

from requests.auth import AuthBase, HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth
from winrm import transport

from certify_automation.errors import UsageError
from certify_automation.model.host import Auth, Connection, Scheme
from certify_automation.remote.line import endpoint_url

_pywinrm: Any = transport  # what the extras add to it is there, or not, since it was imported

MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
"""The Authorization header of a client whose TLS certificate is its logon (DSP0226)."""
PYWINRM_NAMES: dict[Auth, Literal["ntlm", "kerberos", "credssp", "basic", "certificate"]] = {
    Auth.NTLM: "ntlm",
    Auth.KERBEROS: "kerberos",
    Auth.CREDSSP: "credssp",
    Auth.BASIC: "basic",
    Auth.CERTIFICATE: "certificate",
}
_COMPILED = {Auth.KERBEROS: "; on Linux it is compiled: apt install build-essential python3-dev libkrb5-dev first"}
_ENCRYPTING = {Auth.NTLM, Auth.KERBEROS, Auth.CREDSSP}
_SCHEMES = {
    Auth.NTLM: ("negotiate", "ntlm"),
    Auth.KERBEROS: ("kerberos", "negotiate"),
    Auth.CREDSSP: ("credssp",),
    Auth.BASIC: ("basic",),
    Auth.CERTIFICATE: ("",),
}
"""What WWW-Authenticate calls each kind; a client certificate goes without a scheme."""


def effective_auth(connection: Connection) -> Auth:
    """What `negotiate` means for this connection; any other kind is itself.

    As Windows does it: Kerberos for a domain account (`user@REALM`, or none: the ticket says who) and a host that goes
    by a name, if the `kerberos` extra is installed; NTLM otherwise.
    """
    if connection.auth is not Auth.NEGOTIATE:
        return connection.auth
    domain_account = not connection.username or "@" in connection.username
    kerberos = _pywinrm.HAVE_KERBEROS and domain_account and not _is_literal(connection.address)
    return Auth.KERBEROS if kerberos else Auth.NTLM


def offered(auth: Auth, www_authenticate: str) -> bool:
    """Whether a 401 that says this leaves the chance that another credential would be accepted; so does one without."""
    said = www_authenticate.lower()
    return not said or any(scheme in said for scheme in _SCHEMES[auth])


def login(connection: Connection) -> AuthBase | None:
    """The handler that logs on; None for a client certificate."""
    auth = effective_auth(connection)
    name, password = connection.username, connection.password.reveal() if connection.password else ""
    handler: AuthBase | None = None
    if auth is Auth.NTLM:
        handler = HttpNtlmAuth(name, password)
    elif auth is Auth.BASIC:
        handler = HTTPBasicAuth(name, password)
    elif auth is Auth.CREDSSP:
        handler = _pywinrm.HttpCredSSPAuth(name, password)
    elif auth is Auth.KERBEROS:
        handler = _pywinrm.HTTPKerberosAuth(
            mutual_authentication=_pywinrm.REQUIRED,
            force_preemptive=True,
            principal=name or None,
            sanitize_mutual_error_response=False,
            service="HTTP",
        )
    return handler


def check_connection(connection: Connection) -> None:
    """Refuse what cannot work, or would show the password to the network.

    Raises:
        UsageError: CA2034 no encryption, CA2035 an extra is not installed, CA2036 nobody to log on as.
    """
    auth = effective_auth(connection)
    if connection.scheme is Scheme.HTTP and auth not in _ENCRYPTING:
        raise UsageError(
            "CA2034",
            f"{endpoint_url(connection)}: auth {auth} over http is not encrypted",
            hint="use scheme https, or auth negotiate",
        )
    installed = {Auth.KERBEROS: _pywinrm.HAVE_KERBEROS, Auth.CREDSSP: _pywinrm.HAVE_CREDSSP}
    if not installed.get(auth, True):
        raise UsageError(
            "CA2035",
            f"{endpoint_url(connection)}: auth {auth} needs a package that is not installed",
            hint=f"in the clone: pip install '.[{auth}]'" + _COMPILED.get(auth, ""),
        )
    if not _complete(connection, auth):
        needs = "certificate_file and certificate_key_file" if auth is Auth.CERTIFICATE else "username and password"
        raise UsageError("CA2036", f"{endpoint_url(connection)}: auth {auth} needs {needs}")


def _complete(connection: Connection, auth: Auth) -> bool:
    if auth is Auth.CERTIFICATE:
        return bool(connection.certificate_file and connection.certificate_key_file)
    return auth is Auth.KERBEROS or bool(connection.username and connection.password)


def _is_literal(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True
