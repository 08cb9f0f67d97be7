"""Starting, stopping and configuring services and drivers."""

from __future__ import annotations

from certify_automation.lab.onhost.journal import carry_out
from certify_automation.lab.onhost.service import DRIVER, named_service, process_of, start_mode
from certify_automation.lab.onhost.visit import ChangeFailed, Waiting
from certify_automation.lab.onhost.wait import Run, wait_for
from certify_automation.lab.windows import Win32Error, win32

_PENDING_SECONDS = 60
_PROCESS_SECONDS = 10
_DRIVER_SECONDS = 30
_POLL_SECONDS = 0.5
_WORDS = {"automatic": "auto", "automatic-delayed": "delayed-auto", "manual": "demand"}
_MODES = {
    "automatic": ("Auto", False),
    "automatic-delayed": ("Auto", True),
    "manual": ("Manual", False),
    "disabled": ("Disabled", False),
    "boot": ("Boot", False),
    "system": ("System", False),
}


def set_start_mode(run: Run, name: str, mode: str) -> None:
    """Type and delay of a service or the driver; raises ChangeFailed `service_config`."""
    if start_mode(run.visit.computer, name) == mode:
        return
    word, delayed = _MODES[mode]
    services = run.visit.computer.services
    try:
        carry_out(run, f"sc.exe config {name}", lambda: services.configure(name, word, delayed=delayed))
    except Win32Error as error:
        command = f"sc.exe config {name} start= {_WORDS.get(mode, mode)}"
        raise ChangeFailed("service_config", f"{command}: {error.code}") from error
    run.acted = True
    now = start_mode(run.visit.computer, name)
    if now != mode:
        raise ChangeFailed("service_config", f"The start mode of {name} reads {now}.")


def stop_service(run: Run, name: str) -> Waiting[None]:
    """Stop and wait until the process is gone; raises ChangeFailed `service_stop`, `service_pending`, `deadline`."""
    services = run.visit.computer.services
    # One that is starting takes no stop; the computer itself may have just started.
    yield from _settle(run, name, "Start Pending")
    process = process_of(run.visit.computer, name)
    code = yield from _ask(run, name, start=False)
    if code not in (0, win32.SERVICE_CANNOT_ACCEPT_CTRL, win32.SERVICE_NOT_ACTIVE):
        raise ChangeFailed("service_stop", f"sc.exe stop {name}: {code}")
    run.acted = run.acted or code != win32.SERVICE_NOT_ACTIVE
    yield from _settle(run, name, "Stop Pending")
    state = named_service(run.visit.computer, name).state
    if state != "Stopped":
        raise ChangeFailed("service_stop", f"{name} is in the state {state}.")
    if process:
        yield from wait_for(run.visit, lambda: process not in services.processes, run.limit(_PROCESS_SECONDS))


def start_service(run: Run, name: str) -> Waiting[None]:
    """Start and wait until it runs; raises ChangeFailed `service_start`, `service_pending`, `deadline`."""
    # One that is stopping takes no start.
    yield from _settle(run, name, "Stop Pending")
    entries = {path: run.visit.computer.files.stat(path) for path in run.logs}
    run.log_lengths = {path: entry.size if entry else 0 for path, entry in entries.items()}
    code = yield from _ask(run, name, start=True)
    if code not in (0, win32.SERVICE_ALREADY_RUNNING):
        raise ChangeFailed("service_start", f"sc.exe start {name}: {code}")
    run.acted = run.acted or code == 0
    yield from _settle(run, name, "Start Pending")
    service = named_service(run.visit.computer, name)
    if service.state != "Running":
        codes = f"{service.exit_code}/{service.service_exit_code}"
        raise ChangeFailed("service_start", f"{name} is in the state {service.state}, exit codes {codes}.")


def stop_running_service(run: Run, name: str) -> Waiting[None]:
    """Stop unless it is stopped or not there."""
    service = run.visit.computer.services.get(name)
    if service is not None and service.state != "Stopped":
        yield from stop_service(run, name)


def restart_service(run: Run, name: str) -> Waiting[None]:
    """Stop unless it is stopped or not there, then start."""
    yield from stop_running_service(run, name)
    yield from start_service(run, name)


def start_driver(run: Run) -> Waiting[None]:
    """Start the HTTP driver; raises ChangeFailed `driver_start`, `deadline`."""
    if named_service(run.visit.computer, DRIVER).state == "Running":
        return
    code = yield from _ask(run, DRIVER, start=True)
    if code not in (0, win32.SERVICE_ALREADY_RUNNING):
        raise ChangeFailed("driver_start", f"sc.exe start HTTP: {code}")

    def running() -> bool:
        return named_service(run.visit.computer, DRIVER).state == "Running"

    if (yield from wait_for(run.visit, running, run.limit(_DRIVER_SECONDS))):
        return
    run.check_deadline()
    raise ChangeFailed(
        "driver_start", f"The HTTP driver is in the state {named_service(run.visit.computer, DRIVER).state}."
    )


def _settle(run: Run, name: str, pending: str) -> Waiting[None]:
    def settled() -> bool:
        service = run.visit.computer.services.get(name)  # one that is not there has settled
        return service is None or service.state != pending

    if (yield from wait_for(run.visit, settled, run.limit(_PENDING_SECONDS))):
        return
    run.check_deadline()
    raise ChangeFailed("service_pending", f"{name} stays in the state {pending}.")


def _ask(run: Run, name: str, *, start: bool) -> Waiting[int]:
    """The exit code of sc.exe.

    A manager that is busy is asked again, one that has not heard of the service in time once more only: every start of
    the product costs a backup of its data.
    """
    services = run.visit.computer.services
    ask, word = (services.start, "start") if start else (services.stop, "stop")
    late, until = False, run.limit(_PENDING_SECONDS)
    while True:
        try:
            carry_out(run, f"sc.exe {word} {name}", lambda: ask(name))
        except Win32Error as error:
            code = error.code
        else:
            return 0
        again = code == win32.SERVICE_DATABASE_LOCKED or (code == win32.SERVICE_REQUEST_TIMEOUT and not late)
        if not again or run.visit.monotonic_ms() >= until:
            return code
        late = late or code == win32.SERVICE_REQUEST_TIMEOUT
        yield _POLL_SECONDS
