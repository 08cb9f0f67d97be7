"""Win32 error codes, the task scheduler's among them (HRESULTs), and their English system texts."""

from __future__ import annotations

FILE_NOT_FOUND = 2
PATH_NOT_FOUND = 3
ACCESS_DENIED = 5
INVALID_HANDLE = 6
SHARING_VIOLATION = 32
NOT_SUPPORTED = 50
FILE_EXISTS = 80
INVALID_PARAMETER = 87
DISK_FULL = 112
ALREADY_EXISTS = 183
DEPENDENT_SERVICES_RUNNING = 1051
SERVICE_REQUEST_TIMEOUT = 1053
SERVICE_DATABASE_LOCKED = 1055
SERVICE_ALREADY_RUNNING = 1056
SERVICE_DISABLED = 1058
SERVICE_DOES_NOT_EXIST = 1060
SERVICE_CANNOT_ACCEPT_CTRL = 1061
SERVICE_NOT_ACTIVE = 1062
EXCEPTION_IN_SERVICE = 1064
SERVICE_SPECIFIC_ERROR = 1066
PROCESS_ABORTED = 1067
SERVICE_DEPENDENCY_FAIL = 1068
SERVICE_NEVER_STARTED = 1077
BAD_NET_NAME_FORMAT = 1214
NETWORK_UNREACHABLE = 1231
HOST_UNREACHABLE = 1232
LOG_FILE_FULL = 1502
NO_ENDPOINT = 1753
SOCKET_ACCESS_DENIED = 10013
ADDRESS_IN_USE = 10048
ADDRESS_NOT_AVAILABLE = 10049
CONNECTION_REFUSED = 10061

SCHED_TASK_NOT_RUNNING = 0x8004130B
SCHED_SERVICE_NOT_RUNNING = 0x80041315
SCHED_UNEXPECTED_NODE = 0x80041316
SCHED_NAMESPACE = 0x80041317
SCHED_INVALID_VALUE = 0x80041318
SCHED_MISSING_NODE = 0x80041319
SCHED_MALFORMED_XML = 0x8004131A
SCHED_TASK_DISABLED = 0x80041326
SCHED_HAS_NOT_RUN = 267011
SCHED_TERMINATED = 267014

TEXTS = {
    FILE_NOT_FOUND: "The system cannot find the file specified.",
    PATH_NOT_FOUND: "The system cannot find the path specified.",
    ACCESS_DENIED: "Access is denied.",
    INVALID_HANDLE: "The handle is invalid.",
    SHARING_VIOLATION: "The process cannot access the file because it is being used by another process.",
    NOT_SUPPORTED: "The request is not supported.",
    FILE_EXISTS: "The file exists.",
    INVALID_PARAMETER: "The parameter is incorrect.",
    DISK_FULL: "There is not enough space on the disk.",
    ALREADY_EXISTS: "Cannot create a file when that file already exists.",
    DEPENDENT_SERVICES_RUNNING: "A stop control has been sent to a service that other running services are "
    "dependent on.",
    SERVICE_REQUEST_TIMEOUT: "The service did not respond to the start or control request in a timely fashion.",
    SERVICE_DATABASE_LOCKED: "The service database is locked.",
    SERVICE_ALREADY_RUNNING: "An instance of the service is already running.",
    SERVICE_DISABLED: "The service cannot be started, either because it is disabled or because it has no enabled "
    "devices associated with it.",
    SERVICE_DOES_NOT_EXIST: "The specified service does not exist as an installed service.",
    SERVICE_CANNOT_ACCEPT_CTRL: "The service cannot accept control messages at this time.",
    SERVICE_NOT_ACTIVE: "The service has not been started.",
    EXCEPTION_IN_SERVICE: "An exception occurred in the service when handling the control request.",
    PROCESS_ABORTED: "The process terminated unexpectedly.",
    SERVICE_DEPENDENCY_FAIL: "The dependency service or group failed to start.",
    SERVICE_NEVER_STARTED: "No attempts to start the service have been made since the last boot.",
    LOG_FILE_FULL: "The event log file is full.",
    SCHED_TASK_NOT_RUNNING: "There is no running instance of the task.",
    SCHED_SERVICE_NOT_RUNNING: "The Task Scheduler service is not running.",
    SCHED_UNEXPECTED_NODE: "The task XML contains an unexpected node.",
    SCHED_NAMESPACE: "The task XML contains an element or attribute from an unexpected namespace.",
    SCHED_INVALID_VALUE: "The task XML contains a value which is incorrectly formatted or out of range.",
    SCHED_MISSING_NODE: "The task XML is missing a required element or attribute.",
    SCHED_MALFORMED_XML: "The task XML is malformed.",
    SCHED_TASK_DISABLED: "The task is disabled.",
    BAD_NET_NAME_FORMAT: "The format of the specified network name is invalid.",
    HOST_UNREACHABLE: "The network location cannot be reached. For information about network troubleshooting, see "
    "Windows Help.",
    NO_ENDPOINT: "There are no more endpoints available from the endpoint mapper.",
    SOCKET_ACCESS_DENIED: "An attempt was made to access a socket in a way forbidden by its access permissions.",
    ADDRESS_IN_USE: "Only one usage of each socket address (protocol/network address/port) is normally permitted.",
    ADDRESS_NOT_AVAILABLE: "The requested address is not valid in its context.",
    CONNECTION_REFUSED: "No connection could be made because the target machine actively refused it.",
}


class Win32Error(Exception):
    """A Windows function failed.

    Attributes:
        code: the Win32 error code.
        text: the system's text for it.
        subject: what it failed on: a path, a URL, a service name; may be empty.
    """

    def __init__(self, code: int, subject: str = "") -> None:
        self.code = code
        self.text = TEXTS.get(code, f"Unknown error (0x{code:x}).")
        self.subject = subject
        super().__init__(f"{subject}: {self.text} ({code})" if subject else f"{self.text} ({code})")
