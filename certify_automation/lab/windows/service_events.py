"""What the service control manager writes to the event log System when a service fails."""

from __future__ import annotations

from datetime import datetime

from certify_automation.lab.windows import failures, win32
from certify_automation.lab.windows.failures import Failures
from certify_automation.lab.windows.service import Service
from certify_automation.lab.windows.system_log import (
    DEPENDENCY_DID_NOT_START,
    SERVICE_CRASHED,
    SERVICE_CRASHED_AND_RESTARTS,
    SERVICE_DID_NOT_CONNECT,
    SERVICE_DID_NOT_START,
    SERVICE_ENDED_WITH_ERROR,
    SERVICE_ENDED_WITH_ITS_OWN_ERROR,
    SystemLog,
)

_TIMEOUT_MS = "30000"
_RESTART = "Restart the service"


def ended(log: SystemLog, service: Service, failed: Failures, at: datetime) -> None:
    """The end of a service's process, in the words of its exit codes; a clean one is not logged.

    Args:
        log: where to.
        service: with the exit codes of its end.
        failed: its failures, this one counted.
        at: when, aware.
    """
    name, code = service.display_name, service.exit_code
    if code == win32.PROCESS_ABORTED and failed.restart_at is not None:
        delay = round((failed.restart_at - failed.last) * 1000)
        values = (name, str(failed.count), str(delay), str(failures.RESTART), _RESTART)
        log.service(SERVICE_CRASHED_AND_RESTARTS, *values, at=at)
    elif code == win32.PROCESS_ABORTED:
        log.service(SERVICE_CRASHED, name, str(failed.count), at=at)
    elif code == win32.SERVICE_SPECIFIC_ERROR:
        log.service(SERVICE_ENDED_WITH_ITS_OWN_ERROR, name, f"%%{service.service_exit_code}", at=at)
    elif code != 0:
        log.service(SERVICE_ENDED_WITH_ERROR, name, f"%%{code}", at=at)


def not_started(log: SystemLog, service: Service, at: datetime) -> None:
    """A start that failed before the process had reported, with the exit code it left."""
    if service.exit_code == win32.SERVICE_REQUEST_TIMEOUT:
        log.service(SERVICE_DID_NOT_CONNECT, _TIMEOUT_MS, service.display_name, at=at)
    log.service(SERVICE_DID_NOT_START, service.display_name, f"%%{service.exit_code}", at=at)


def dependency_failed(log: SystemLog, service: Service, needed: Service, code: int) -> None:
    """A service that another one needs did not start."""
    log.service(DEPENDENCY_DID_NOT_START, service.display_name, needed.display_name, f"%%{code}")
