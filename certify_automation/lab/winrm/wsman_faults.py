"""The SOAP faults a WinRM service answers with.

Codes are those of wsmerror.h and winerror.h; subcodes those of DSP0226. Clients classify by code, never by text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Whose mistake a fault is, as SOAP codes it."""

    SENDER = "Sender"
    RECEIVER = "Receiver"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault: its code, its SOAP subcode, whose mistake it is, and its text.

    `wmi` says that the code stands in an MSFT_WmiError element, where Windows puts some quota faults, rather than in
    WSManFault.
    """

    code: int
    subcode: str
    side: Side
    text: str
    wmi: bool = False


class WsmanFault(Exception):
    """The operation ends with this fault."""

    def __init__(self, kind: FaultKind, detail: str = "") -> None:
        super().__init__(kind.code)
        self.kind = kind
        self.text = f"{kind.text} {detail}".rstrip()


ACCESS_DENIED = FaultKind(5, "w:AccessDenied", Side.SENDER, "Access is denied.")
NOT_SUPPORTED = FaultKind(50, "w:UnsupportedFeature", Side.SENDER, "The request is not supported.")
BROKEN_PIPE = FaultKind(109, "w:InternalError", Side.RECEIVER, "The pipe has been ended.")
BUSY = FaultKind(170, "w:InternalError", Side.RECEIVER, "The requested resource is in use.")
ABORTED = FaultKind(
    995,
    "w:InternalError",
    Side.RECEIVER,
    "The I/O operation has been aborted because of either a thread exit or an application request.",
)
INVALID_ACTION = FaultKind(
    2150858753,
    "a:ActionNotSupported",
    Side.SENDER,
    "The WS-Management service cannot process the request because the action is not supported.",
)
OPERATION_TIMED_OUT = FaultKind(
    2150858793,
    "w:TimedOut",
    Side.RECEIVER,
    "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
)
CONCURRENCY = FaultKind(
    2150858802,
    "w:Concurrency",
    Side.SENDER,
    "The WS-Management service cannot complete the request because the resource was already in use.",
)
ENCODING_LIMIT = FaultKind(
    2150858805,
    "w:EncodingLimit",
    Side.SENDER,
    "The WS-Management service cannot process the request because MaxEnvelopeSize is below 8192 octets.",
)
INVALID_RESOURCE_URI = FaultKind(
    2150858811,
    "a:DestinationUnreachable",
    Side.SENDER,
    "The WS-Management service cannot process the request because the resource URI is unknown.",
)
SCHEMA_VALIDATION = FaultKind(
    2150858817,
    "w:SchemaValidationError",
    Side.SENDER,
    "The SOAP XML in the message does not match the corresponding XML schema definition.",
)
INVALID_XML = FaultKind(
    2150858819,
    "w:SchemaValidationError",
    Side.SENDER,
    "The WS-Management service cannot process the request because the XML is invalid.",
)
UNEXPECTED_SELECTORS = FaultKind(
    2150858843,
    "w:InvalidSelectors",
    Side.SENDER,
    "The request for the Windows Remote Shell failed because the shell was not found on the server. "
    "Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server.",
)
MAX_SHELLS = FaultKind(
    2150859173,
    "w:QuotaLimit",
    Side.SENDER,
    "The WS-Management service cannot process the request. This user is allowed a maximum number of concurrent "
    "shells, which has been exceeded.",
)
MAX_OPERATIONS = FaultKind(
    2150859174,
    "w:QuotaLimit",
    Side.SENDER,
    "The WS-Management service cannot process the request. The maximum number of concurrent operations for this user "
    "has been exceeded.",
    wmi=True,
)
DIFFERENT_AUTHZ_TOKEN = FaultKind(
    2150859177,
    "w:AccessDenied",
    Side.SENDER,
    "The authorization token of the user does not match the one the shell was created with.",
)
MAX_SHELL_USERS = FaultKind(
    2150859179,
    "w:QuotaLimit",
    Side.SENDER,
    "The WS-Management service cannot process the request. The maximum number of users with open shells has been "
    "exceeded.",
)
MAX_PROCESSES = FaultKind(
    2150859241,
    "w:QuotaLimit",
    Side.SENDER,
    "The WS-Management service cannot process the request. The maximum number of processes of this shell has been "
    "exceeded.",
)
