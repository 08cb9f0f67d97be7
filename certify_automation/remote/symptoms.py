"""From the exceptions of pywinrm, requests, urllib3, ssl and socket to a Symptom."""

from __future__ import annotations

import errno
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from xml.etree.ElementTree import ParseError

import requests
import urllib3.exceptions
from spnego.exceptions import SpnegoError
from winrm.exceptions import (
    AuthenticationError,
    WinRMError,
    WinRMOperationTimeoutError,
    WinRMTransportError,
    WSManFaultError,
)

from certify_automation.remote.faults import Symptom

OPERATION_TIMED_OUT = 2150858793
_SHOWN = 300
"""Characters of the other end's own words that are shown."""

MALFORMED = (
    ParseError,
    StopIteration,
    AssertionError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pywinrm lets through when an answer is not built as it expects; its own mistakes in reading look the same."""

WIRE_ERRORS = (WinRMError, WinRMOperationTimeoutError, WinRMTransportError, OSError, urllib3.exceptions.HTTPError,
               SpnegoError, *MALFORMED)  # fmt: skip
"""Every family of exceptions that a call of pywinrm may end with; requests' own are OSErrors."""


class Noticed(OSError):
    """Our own transport saw this symptom; an OSError, so that it comes through every layer as it is."""

    def __init__(self, name: str, detail: str = "", http_status: int | None = None) -> None:
        super().__init__(name)
        self.symptom = Symptom(name, http_status=http_status, detail=detail)


def symptom_of(error: BaseException) -> Symptom:
    """The symptom in an exception, or in those it was raised from or wraps."""
    chain = list(_chain(error))
    noticed = next((one.symptom for one in chain if isinstance(one, Noticed)), None)
    found = noticed or _of_pywinrm(error)
    for one in chain:
        found = found or next((symptom for read in _READERS if (symptom := read(one))), None)
    return found or Symptom("malformed", detail=type(error).__name__)


def shown(text: str) -> str:
    """Foreign text made fit for a message: one line, no control characters, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Everything an exception wraps, innermost first: the system's own word is the most exact."""
    nested = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    for inner in nested:
        if isinstance(inner, BaseException):
            yield from _chain(inner)
    yield error


def _of_pywinrm(error: BaseException) -> Symptom | None:
    match error:
        case WSManFaultError():
            code = error.wsman_fault_code if error.wsman_fault_code is not None else error.wmierror_code
            subcode = (error.fault_subcode or "").rpartition(":")[2]
            return Symptom(code=code, subcode=subcode or "unnamed", detail=shown(error.reason or ""))
        case WinRMOperationTimeoutError():
            return Symptom(code=OPERATION_TIMED_OUT)
        case WinRMTransportError():
            return Symptom(http_status=error.code)
        case AuthenticationError():
            return Symptom(http_status=401)
    return None


_VERIFY_CODES = {9: "expired", 10: "expired", 62: "name_mismatch", 64: "name_mismatch"}
"""X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH of OpenSSL."""
_PLAIN_TEXT = {
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
}
"""What OpenSSL says when the other end's first bytes are not TLS."""


def _of_tls(error: BaseException) -> Symptom | None:
    match error:
        case ssl.SSLCertVerificationError():
            return Symptom(_VERIFY_CODES.get(error.verify_code, "untrusted"), detail=shown(error.verify_message))
        case ssl.SSLError() if getattr(error, "reason", None) in _PLAIN_TEXT:
            return Symptom("tls_to_plain")
        case ssl.SSLZeroReturnError() | ssl.SSLEOFError():
            return Symptom("connection_lost")
        case ssl.SSLError() if not isinstance(error, TimeoutError):
            return Symptom("tls_failed", detail=shown(str(error)))
    return None


_TLS_ALERT = "\x15\x03"
"""The first bytes of a TLS alert."""
_HTTP: dict[tuple[type[BaseException], ...], str] = {
    (RemoteDisconnected, IncompleteRead, urllib3.exceptions.IncompleteRead): "connection_lost",
    (urllib3.exceptions.NameResolutionError, urllib3.exceptions.LocationParseError): "name_not_resolved",
    (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError): "read_timeout",
    (requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError): "connect_timeout",
}


def _of_http(error: BaseException) -> Symptom | None:
    if isinstance(error, BadStatusLine) and not isinstance(error, RemoteDisconnected):
        return Symptom("plain_to_tls" if _TLS_ALERT in str(error) else "not_winrm")
    if isinstance(error, SpnegoError):
        return Symptom("unsealed", detail=type(error).__name__)
    return next((Symptom(name) for kinds, name in _HTTP.items() if isinstance(error, kinds)), None)


_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ETIMEDOUT}


def _of_system(error: BaseException) -> Symptom | None:
    match error:
        case socket.gaierror():
            return Symptom("name_not_resolved", detail=shown(error.strerror or ""))
        case ConnectionRefusedError():
            return Symptom("refused")
        case ConnectionError():
            return Symptom("connection_lost")
        case OSError() if error.errno in _UNREACHABLE:
            return Symptom("no_route")
    return None


_TICKET_ERRORS = {"GSSError", "KrbError", "KerberosExchangeError", "MutualAuthenticationError"}
"""Of pykerberos and pywinrm's Kerberos part, by name: neither can be imported without the extra."""


def _of_kerberos(error: BaseException) -> Symptom | None:
    return Symptom("no_ticket", detail=shown(str(error))) if type(error).__name__ in _TICKET_ERRORS else None


_READERS: tuple[Callable[[BaseException], Symptom | None], ...] = (
    _of_tls,
    _of_http,
    _of_system,
    _of_kerberos,
)
