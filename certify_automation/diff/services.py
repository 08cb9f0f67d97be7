"""The product's service and the HTTP driver, as declared and as found, and what the service runs with."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.evidence import effective_variable
from certify_automation.model.accounts import same_account
from certify_automation.model.config_files import JsonValue
from certify_automation.model.facts import DriverFacts, Facts, ServiceFacts
from certify_automation.model.host import HostState
from certify_automation.model.plan import Difference
from certify_automation.model.recovery import Recovery, recovery_of
from certify_automation.model.service import WindowsService

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"))


def service_differences(desired: HostState, facts: Facts) -> Iterator[Difference]:
    """State, start mode, recovery and account of the service, state and start mode of the driver."""
    yield from _windows_service("service", desired.service, facts.service)
    yield from _recovery(desired.recovery, facts)
    yield from _account(desired.account, facts)
    yield from _windows_service("http_sys.driver", desired.driver, facts.driver)


def _windows_service(
    path: str, declared: WindowsService, observed: ServiceFacts | DriverFacts | None
) -> Iterator[Difference]:
    found = WindowsService(observed.state, observed.start_mode) if observed else WindowsService()
    for name, wanted, is_ in (
        ("state", declared.state, found.state),
        ("start_mode", declared.start_mode, found.start_mode),
    ):
        if wanted is not None and wanted is not is_:
            yield Difference(f"{path}.{name}", wanted.value, None if is_ is None else is_.value)


def observed_recovery(facts: Facts) -> Recovery | None:
    """What happens when the service fails; None when there is no one service.

    Raises:
        ValueError: the registry's value cannot be read.
    """
    service = facts.service
    return recovery_of(service.failure_actions, flag=service.failure_flag) if service else None


def _recovery(declared: Recovery | None, facts: Facts) -> Iterator[Difference]:
    if declared is None:
        return
    try:
        found = observed_recovery(facts)
    except ValueError as error:
        yield Difference("service.recovery", _shown(declared), None, f"cannot be read: {error}")
        return
    if found is None or not declared.same_as(found):
        yield Difference("service.recovery", _shown(declared), None if found is None else _shown(found))


def _shown(recovery: Recovery) -> JsonValue:
    actions = [f"{one.action.word} after {_time(one.delay_ms)}" for one in recovery.actions]
    reset = recovery.reset_seconds
    return {
        "actions": actions,
        "reset_after": "never" if reset is None else _time(reset * 1000),
        "on_stop_with_error": recovery.on_stop_with_error,
    }


def _time(milliseconds: int) -> str:
    """As state files write it, in the largest unit that leaves no rest: `24d`, `90s`; `500ms` where none does."""
    size, unit = next((one for one in _UNITS if milliseconds and milliseconds % one[0] == 0), (1, "ms"))
    return f"{milliseconds // size}{unit}" if milliseconds else "0s"


def _account(declared: str | None, facts: Facts) -> Iterator[Difference]:
    service = facts.service
    if declared is None or service is None:
        return
    if service.account is None or not same_account(declared, service.account, facts.host.name):
        yield Difference("service.account", declared, service.account)


def environment_differences(desired: HostState, facts: Facts) -> Iterator[Difference]:
    """Variables that are not as expected; the service's own beats the machine's."""
    for declared in desired.environment:
        found = effective_variable(facts, declared.name)
        value = found.value if found else None
        if value != declared.value:
            note = f"variable of the {found.scope}" if found else ""
            yield Difference(f"environment.{declared.name}", declared.value, value, note)
