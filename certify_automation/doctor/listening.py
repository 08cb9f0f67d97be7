"""Whether the service runs, and whether it listens at all and where its files say. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.diff import content_of
from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.doctor.places import configured_evidence, negotiated, same_place, usable_host
from certify_automation.doctor.ports import IN_USE, taken
from certify_automation.doctor.starts import (
    failed_start,
    not_yet_started,
    start_evidence,
    start_said,
    starting,
    success_evidence,
)
from certify_automation.model.config_files import FileName
from certify_automation.model.facts import ServiceFacts
from certify_automation.model.finding import Evidence, Finding
from certify_automation.model.service import ServiceState, StartMode

_STUCK = {
    ServiceState.START_PENDING: "while it starts",
    ServiceState.STOP_PENDING: "while it stops",
    ServiceState.PAUSE_PENDING: "while it pauses",
    ServiceState.CONTINUE_PENDING: "while it goes on",
}
_FINE_EXITS = frozenset({0, 1077})


def _state(service: ServiceFacts) -> Evidence:
    mode = service.start_mode.value if service.start_mode else "unknown"
    exit_code = f", exit code {service.exit_code}" if service.exit_code not in _FINE_EXITS else ""
    return Evidence(f"service {service.name}", f"state {service.state.value}, start mode {mode}{exit_code}")


def _service_not_running(case: Case) -> Iterator[Finding]:
    service = case.service
    down = service is not None and service.state in {ServiceState.STOPPED, ServiceState.PAUSED}
    meant = case.declared.service.state is ServiceState.STOPPED
    if service is None or not down or meant or not_yet_started(case) or case.facts.lock.held:
        return
    crashed = service.exit_code not in _FINE_EXITS
    how = f" and ended with exit code {service.exit_code}" if crashed else ""
    over = _was_taken(case) and not taken(case)
    gone = "; its last start found its port taken, which it is not any more" if over else ""
    yield finding(
        "CA6106",
        f"the service {service.name} is {service.state.value}{how}: nothing is renewed, and nobody can connect{gone}",
        (_state(service), *start_evidence(case), *_events(case)),
    )


def _events(case: Case) -> Iterator[Evidence]:
    """The newest entry of the service control manager about the product."""
    of_services = (e for e in case.examination.events if e.provider == "Service Control Manager")
    for event in list(of_services)[:1]:
        yield Evidence(f"System log, {event.provider}, event {event.event_id}", ", ".join(event.values))


def _was_taken(case: Case) -> bool:
    """Whether the last start failed because others had the port or the URL."""
    return start_said(case, *IN_USE, "conflicts with an existing registration")


def _start_died(case: Case) -> Iterator[Finding]:
    service = case.service
    meant = case.declared.service.state is ServiceState.STOPPED
    if service is None or service.state is not ServiceState.STOPPED or meant or not failed_start(case):
        return
    if _was_taken(case) and not taken(case):
        return  # it starts when it is started
    told = start_evidence(case)
    yield finding(
        "CA6116",
        f"the last start of {service.name} failed: {told[-1].text if told else 'its log ends before it listened'}",
        (*told, _state(service)),
        Remedy(person="what the exception names has to be put right first; starting it again ends the same way"),
    )


def _service_disabled(case: Case) -> Iterator[Finding]:
    service = case.service
    if service is None or service.start_mode is not StartMode.DISABLED:
        return
    if case.declared.service.start_mode is StartMode.DISABLED:
        return
    later = "it runs, and does not come back once it has ended" if case.running else "it cannot be started"
    yield finding(
        "CA6107",
        f"the start mode of {service.name} is disabled: {later}",
        (_state(service),),
        Remedy(
            f"set the start mode of {service.name} to automatic (delayed) and start it; by hand: "
            f"sc.exe config {service.name} start= delayed-auto, then net start {service.name}"
        ),
    )


def _start_mode_manual(case: Case) -> Iterator[Finding]:
    service = case.service
    if service is None or service.start_mode is not StartMode.MANUAL:
        return
    if case.declared.service.start_mode is StartMode.MANUAL:
        return
    yield finding(
        "CA6123",
        f"the start mode of {service.name} is manual: after the next restart of Windows it does not run",
        (_state(service),),
        Remedy(
            f"set the start mode of {service.name} to automatic (delayed); by hand: "
            f"sc.exe config {service.name} start= delayed-auto"
        ),
    )


def _service_pending(case: Case) -> Iterator[Finding]:
    service = case.service
    # Whoever holds the lock may be restarting it right now.
    if service is None or service.state not in _STUCK or case.facts.lock.held:
        return
    if service.state is ServiceState.START_PENDING and starting(case):
        return
    yield finding(
        "CA6108",
        f"the service {service.name} is {service.state.value}: it hangs {_STUCK[service.state]}",
        (_state(service), *start_evidence(case)),
        Remedy(person="Windows lets nobody start or stop a service in this state"),
    )


def _not_listening(case: Case) -> Iterator[Finding]:
    service = case.service
    if service is None or not case.running or case.effective or case.pipe or starting(case):
        return
    failed = start_evidence(case)
    why = (
        "its last start could not listen, and it has run on without its API"
        if failed
        else "http.sys has no URL of it"
        if case.generation == "v6"
        else "its process has no listening socket"
    )
    if failed and case.generation == "v6" and not start_said(case, "data store", "managed item"):
        why += " (renewals may go on all the same)"
    places = ", ".join(case.wanted)
    evidence = (_state(service), *failed, Evidence("listeners", f"none of process {service.process_id}"))
    yield finding("CA6105", f"{service.name} runs and does not listen at {places}: {why}", evidence)


def _endpoint_differs(case: Case) -> Iterator[Finding]:
    if not case.effective or case.pipe or negotiated(case):
        return
    reached = all(any(same_place(case, url, found) for found in case.effective) for url in case.wanted)
    if reached or content_of(case.facts, FileName.SERVICE_CONFIG) is None:
        return
    if case.configured is not None and not usable_host(case.configured.host, case.generation):
        return
    yield finding(
        "CA6112",
        f"the service listens at {', '.join(case.effective)}, and its files say {', '.join(case.wanted)}: they were "
        "changed after its last start",
        (*success_evidence(case), *configured_evidence(case, "Host", "Port")),
    )


LISTENING: tuple[Rule, ...] = (
    _service_not_running,
    _start_died,
    _service_disabled,
    _start_mode_manual,
    _service_pending,
    _not_listening,
    _endpoint_differs,
)
