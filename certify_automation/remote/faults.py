"""What a symptom on the wire means: whether to try again and how, and the error that it is otherwise.

Codes are those of wsmerror.h (decimal, 0x8033xxxx) and winerror.h; the texts that come with them are in the host's
language and never looked at. Which of them may be repeated follows MS-WSMV 3.1.4 and what WinRb and Ansible do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from certify_automation.errors import (
    AuthenticationRefused,
    HostError,
    NotTrusted,
    ProtocolError,
    ScriptRefused,
    TimedOut,
    Unreachable,
)


class Retry(StrEnum):
    """What may be done about a symptom."""

    POLL = "poll"
    """Nothing is wrong: ask again."""
    RETRY_SAME = "retry_same"
    """Refused without being carried out: the same call again after a pause."""
    RECONNECT = "reconnect"
    """The connection is gone or its security context is: the same message over a new one."""
    NEW_SHELL = "new_shell"
    """The shell is gone, nothing ran in it: another one."""
    BACKOFF_HOST = "backoff_host"
    """The host has too much in hand: again after a pause."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    """It may or may not have been carried out."""
    PERMANENT = "permanent"
    """Trying again ends the same way, or does harm."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """What was seen, without interpretation.

    Attributes:
        name: of what was no answer at all, or no proper one (the keys of `_BY_NAME`).
        http_status: of an answer without a SOAP fault.
        code: WSManFault's Code, or MSFT_WmiError's error_Code.
        subcode: of a SOAP fault, without its prefix.
        detail: the host's or the library's own words; only shown.
    """

    name: str = ""
    http_status: int | None = None
    code: int | None = None
    subcode: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a symptom means; `error`, `id`, `message` and `hint` are what is raised when nothing may be repeated."""

    retry: Retry
    error: type[HostError]
    id: str
    message: str
    hint: str = ""


_BUSY = Fault(Retry.RETRY_SAME, Unreachable, "CA2006", "the host is too busy to answer", "try again later")
_SLOW = "look at the load of the host, or give it longer with --deadline; then run `status`, then `apply`"
_TIMEOUT = Fault(Retry.UNKNOWN_OUTCOME, TimedOut, "CA2005", "the host did not answer in time", _SLOW)
_POLL = Fault(Retry.POLL, TimedOut, "CA2005", _TIMEOUT.message, _TIMEOUT.hint)
_SHELLS = Fault(
    Retry.BACKOFF_HOST,
    Unreachable,
    "CA2007",
    "the account has as many remote shells open there as the host allows",
    "close what else uses the account, or raise MaxShellsPerUser (winrm get winrm/config/winrs); an abandoned shell "
    "ends by itself at its IdleTimeout",
)
_QUOTA = Fault(
    Retry.BACKOFF_HOST,
    Unreachable,
    "CA2008",
    "a WinRM quota of the host is used up",
    "see `winrm get winrm/config/winrs` on the host",
)
_OPERATIONS = Fault(Retry.NEW_SHELL, Unreachable, "CA2008", _QUOTA.message, _QUOTA.hint)
_SHELL_GONE = Fault(Retry.NEW_SHELL, Unreachable, "CA2009", "the host has deleted the remote shell")
_ABORTED = Fault(
    Retry.UNKNOWN_OUTCOME, Unreachable, "CA2039", "the host broke the operation off; it may be shutting down"
)
_REFUSED_CREDENTIAL = Fault(
    Retry.PERMANENT,
    AuthenticationRefused,
    "CA2010",
    "the host refused the user name or the password",
    "check the account by hand once; it is not used again in this run, so that it is not locked out",
)
_ACCESS = Fault(
    Retry.PERMANENT,
    ScriptRefused,
    "CA2102",
    "the account may log in but not open a remote shell: it is no administrator there",
    "make it a member of Administrators; a local account other than the built-in one also needs "
    "LocalAccountTokenFilterPolicy = 1",
)
_TOO_LARGE = Fault(
    Retry.PERMANENT,
    ProtocolError,
    "CA2024",
    "the host accepts only smaller messages than the request needs",
    'set MaxEnvelopeSizekb to its default of 500 or more: winrm set winrm/config @{MaxEnvelopeSizekb="500"}',
)
_NO_SHELLS = Fault(
    Retry.PERMANENT,
    ScriptRefused,
    "CA2103",
    "the host allows no remote shells",
    "the policy `Allow Remote Shell Access` is off: see `winrm get winrm/config/winrs`",
)
_NOT_WINRM = Fault(
    Retry.PERMANENT,
    ProtocolError,
    "CA2021",
    "what answers there is not a WinRM service",
    "check address, port and path: WinRM listens on 5985 (http) and 5986 (https) under /wsman",
)
_GATEWAY = Fault(Retry.PERMANENT, Unreachable, "CA2026", "something in between answers instead of the host")
_REJECTED = Fault(Retry.PERMANENT, ProtocolError, "CA2029", "the WinRM service refused the request")

_CODES: dict[Fault, tuple[int, ...]] = {
    _ACCESS: (5, 2150859177),
    _BUSY: (170, 1722, 1726, 2150859026),
    _ABORTED: (995, 1115),
    _POLL: (2150858793,),
    _REFUSED_CREDENTIAL: (2150858806,),
    _TOO_LARGE: (2150858790,),
    _NO_SHELLS: (2150859180,),
    _SHELLS: (2150859173, 2150859236),
    _QUOTA: (2150858815, 2150859175, 2150859176, 2150859179, 2150859237, 2150859238, 2150859239, 2150859240),
    _OPERATIONS: (2150859174, 2150859241),
    _SHELL_GONE: (2150858843, 2147943418),  # the latter is 0x800703FA: the user's profile is being unloaded
    _REJECTED: (50, 2150858752, 2150858753, 2150858811, 2150858817, 2150858819),
}
_BY_CODE = {code: fault for fault, codes in _CODES.items() for code in codes}

_BY_SUBCODE = {"TimedOut": _POLL, "QuotaLimit": _QUOTA, "AccessDenied": _ACCESS, "EncodingLimit": _TOO_LARGE}

_BY_STATUS: dict[int, Fault] = {
    401: _REFUSED_CREDENTIAL,
    403: Fault(
        Retry.PERMANENT,
        Unreachable,
        "CA2025",
        "the listener turns this computer away (HTTP 403)",
        "check its IPv4Filter and IPv6Filter",
    ),
    408: _TIMEOUT,
    413: _TOO_LARGE,
    502: _GATEWAY,
    503: _BUSY,
    504: _GATEWAY,
    407: _GATEWAY,
}

_BY_NAME: dict[str, Fault] = {
    "name_not_resolved": Fault(
        Retry.PERMANENT,
        Unreachable,
        "CA2001",
        "the name has no address",
        "check the spelling and the DNS of this computer, or give the host an `address`",
    ),
    "refused": Fault(
        Retry.PERMANENT,
        Unreachable,
        "CA2002",
        "nothing listens there: the connection was refused",
        "is WinRM set up (winrm enumerate winrm/config/listener), and is it this port?",
    ),
    "connect_timeout": Fault(
        Retry.PERMANENT,
        Unreachable,
        "CA2003",
        "no connection came about in time",
        "is the host on, and do the firewalls let this port through?",
    ),
    "no_route": Fault(Retry.PERMANENT, Unreachable, "CA2037", "there is no way through the network to the host"),
    "closed_idle": Fault(
        Retry.RECONNECT, Unreachable, "CA2004", "the host closed the connection before the request was sent"
    ),
    "connection_lost": Fault(Retry.RECONNECT, Unreachable, "CA2004", "the host broke the connection off"),
    "logon_broken_off": Fault(
        Retry.RETRY_SAME, Unreachable, "CA2014", "the host broke the logon off halfway", "try again later"
    ),
    "undecryptable": Fault(
        Retry.RECONNECT, ProtocolError, "CA2038", "the host could not decrypt the request (HTTP 400)"
    ),
    "deadline": Fault(Retry.PERMANENT, TimedOut, "CA2005", "the visit took longer than its deadline", _SLOW),
    "read_timeout": _TIMEOUT,
    "refused_elsewhere": Fault(
        Retry.PERMANENT,
        AuthenticationRefused,
        "CA2011",
        "not tried, so that the account is not locked out",
        "correct the credential, then run again",
    ),
    "scheme_not_offered": Fault(
        Retry.PERMANENT,
        AuthenticationRefused,
        "CA2012",
        "the listener does not offer this kind of authentication",
        "see `winrm get winrm/config/service/auth`, and set `auth` in the inventory to one that it offers",
    ),
    "no_ticket": Fault(
        Retry.PERMANENT,
        AuthenticationRefused,
        "CA2013",
        "no Kerberos ticket was given for the host",
        "run kinit and klist; the host's name must be the one the domain knows; or set auth: ntlm",
    ),
    "untrusted": Fault(
        Retry.PERMANENT,
        NotTrusted,
        "CA2015",
        "the server's certificate was issued by nobody this computer trusts",
        "name the issuing authority's certificate as `ca_file`",
    ),
    "name_mismatch": Fault(
        Retry.PERMANENT,
        NotTrusted,
        "CA2016",
        "the server's certificate is for another name",
        "connect by the name in the certificate, or issue one for this name",
    ),
    "expired": Fault(
        Retry.PERMANENT,
        NotTrusted,
        "CA2017",
        "the server's certificate has expired or is not valid yet",
        "renew it, and look at both clocks",
    ),
    "tls_failed": Fault(Retry.PERMANENT, ProtocolError, "CA2018", "no TLS connection came about"),
    "tls_to_plain": Fault(
        Retry.PERMANENT,
        ProtocolError,
        "CA2019",
        "the port speaks http, not https",
        "WinRM speaks http on 5985 and https on 5986: change `scheme` or `port`",
    ),
    "plain_to_tls": Fault(
        Retry.PERMANENT,
        ProtocolError,
        "CA2020",
        "the port speaks https, not http",
        "WinRM speaks http on 5985 and https on 5986: change `scheme` or `port`",
    ),
    "not_winrm": _NOT_WINRM,
    "unsealed": Fault(
        Retry.PERMANENT,
        ProtocolError,
        "CA2022",
        "an answer came unencrypted, or encrypted by somebody else, on an encrypted connection",
        "something in between may be answering in the host's place",
    ),
    "malformed": Fault(
        Retry.PERMANENT, ProtocolError, "CA2023", "the answer is not a WS-Management message for the request"
    ),
    "too_much": Fault(Retry.PERMANENT, ProtocolError, "CA2027", "the host sent more output than any script writes"),
}


def fault_of(symptom: Symptom) -> Fault:
    """What the symptom means; every symptom means something."""
    if symptom.name:
        return _BY_NAME[symptom.name]
    if symptom.code is not None or symptom.subcode:
        known = _BY_CODE.get(symptom.code or 0) or _BY_SUBCODE.get(symptom.subcode)
        return known or _REJECTED
    return _BY_STATUS.get(symptom.http_status or 0, _NOT_WINRM)


def explained(symptom: Symptom) -> str:
    """What the other end itself said, ready to follow a sentence; empty when it said nothing."""
    said = [f"HTTP {symptom.http_status}"] if symptom.http_status else []
    said += [f"code {symptom.code}"] if symptom.code is not None else []
    said += [symptom.detail] if symptom.detail else []
    return f" ({'; '.join(said)})" if said else ""


def error_of(symptom: Symptom, url: str) -> HostError:
    """The error to raise for a symptom that nothing more can be done about."""
    fault = fault_of(symptom)
    return fault.error(fault.id, f"{url}: {fault.message}{explained(symptom)}", hint=fault.hint)
