"""A host that could not be examined: what its error proves, and where that leaves its reader. Pure."""

from __future__ import annotations

from certify_automation.doctor.catalogue import catalogue
from certify_automation.doctor.diagnosis import Remedy, finding
from certify_automation.errors import AuthenticationRefused, HostError, NotTrusted, Unreachable
from certify_automation.model.finding import Evidence, Finding

_NO_NAME, _TURNED_AWAY = "CA2001", "CA2025"
_MAY_CUT = (
    "on a server that is on, these cut WinRM off: the HTTP driver (stopped, disabled or stuck), an IP listen list "
    "without the address that was asked, a firewall, a WinRM listener whose certificate is gone"
)
_ELSEWHERE = (
    "whatever is wrong is in front of the product: it has to be seen at the server's console, or in the network"
)
_SIGN_IN = "accounts, passwords and certificates are nobody else's to change"
_TO_RUN = "the account, or the server's PowerShell, has to be allowed what a visit needs"


def unreached(error: HostError) -> tuple[Finding, ...]:
    """The one finding of a host whose visit ended with this error."""
    if isinstance(error, AuthenticationRefused | NotTrusted) or error.id == _TURNED_AWAY:
        return (_of("CA6002", error, "", _SIGN_IN),)
    if isinstance(error, Unreachable):
        return (_of("CA6001", error, "" if error.id == _NO_NAME else _MAY_CUT, _ELSEWHERE),)
    return (_of("CA6003", error, "", _TO_RUN),)


def _of(finding_id: str, error: HostError, known: str, person: str) -> Finding:
    usual = catalogue()[finding_id].fix
    hint = error.hint[:1].upper() + error.hint[1:]
    fix = f"{hint}{'' if hint.endswith(('.', '?')) else '.'} {usual}" if hint else usual
    cause = f"{error.message}; {known}" if known else error.message
    return finding(finding_id, cause, (Evidence("the visit", str(error)),), Remedy(fix, person))
