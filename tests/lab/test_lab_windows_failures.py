"""What becomes of a service that fails: FailureActions of the service control manager."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.lab.certify import Setup, install
from certify_automation.lab.windows import Computer, Installation, Service, StillClock, make_computer
from certify_automation.lab.windows.failures import NEVER_RESET, pack, unpack
from certify_automation.lab.windows.power import boot
from certify_automation.lab.windows.services import Ending, Idle

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
INBOX = "805101000000000000000000010000001400000001000000 60EA0000"
"""What Windows writes for a restart after a minute, reset after a day."""


class Failing(Idle):
    """Stops with an error of its own as soon as it is ready."""

    def ready(self, service: Service, now: datetime) -> Ending:  # noqa: ARG002 - the protocol's shape
        return Ending(running=False, exit_code=1064)


@pytest.fixture
def computer() -> Computer:
    return make_computer(Installation("WEB01"), StillClock(NOW))


def add(
    computer: Computer, actions: list[tuple[int, int]], reset: int = 86_400, program: Idle | None = None
) -> Service:
    service = Service("Contoso", "Contoso", "C:\\contoso.exe")
    computer.services.install(service, program or Idle())
    computer.services.set_failure_actions("Contoso", reset, actions)
    return service


def crash(computer: Computer) -> None:
    computer.services.start("Contoso")
    computer.services.crash("Contoso")


def state_after(computer: Computer, seconds: float) -> str:
    computer.pass_time(seconds)
    found = computer.services.get("Contoso")
    assert found is not None
    return found.state


def test_the_bytes_are_those_of_windows() -> None:
    assert pack(86_400, [(1, 60_000)]) == bytes.fromhex(INBOX)
    assert unpack(bytes.fromhex(INBOX)) == (86_400, ((1, 60_000),))
    assert unpack(None) == (NEVER_RESET, ())


@given(st.binary(max_size=60))
def test_damaged_bytes_are_no_actions(data: bytes) -> None:
    _, actions = unpack(data)
    assert len(actions) * 8 <= len(data)


def test_a_service_whose_process_is_gone_comes_back_after_the_delay(computer: Computer) -> None:
    service = add(computer, [(1, 60_000)])
    computer.services.start("Contoso")
    before = service.process_id
    computer.services.crash("Contoso")
    assert state_after(computer, 59) == "Stopped"
    assert state_after(computer, 1) == "Running"
    assert service.process_id not in (0, before)


def test_a_stop_is_no_failure(computer: Computer) -> None:
    add(computer, [(1, 0)])
    computer.services.start("Contoso")
    computer.services.stop("Contoso")
    assert state_after(computer, 100) == "Stopped"


def test_each_failure_has_its_action_and_the_last_one_repeats(computer: Computer) -> None:
    add(computer, [(0, 0), (1, 5_000)])
    crash(computer)
    assert state_after(computer, 100) == "Stopped"
    for _ in range(2):
        crash(computer)
        assert state_after(computer, 5) == "Running"
        computer.services.stop("Contoso")
        computer.pass_time(5)


def test_the_count_is_reset(computer: Computer) -> None:
    add(computer, [(1, 5_000), (0, 0)], reset=60)
    crash(computer)
    assert state_after(computer, 5) == "Running"
    computer.pass_time(60)
    computer.services.crash("Contoso")
    assert state_after(computer, 5) == "Running"
    computer.services.crash("Contoso")
    assert state_after(computer, 100) == "Stopped"


def test_only_disabled_prevents_a_queued_restart(computer: Computer) -> None:
    add(computer, [(1, 60_000)])
    crash(computer)
    computer.services.start("Contoso")
    computer.services.stop("Contoso")
    assert state_after(computer, 60) == "Running"
    computer.services.crash("Contoso")
    computer.services.configure("Contoso", "Disabled")
    assert state_after(computer, 60) == "Stopped"


def test_the_flag_counts_from_the_next_start_of_the_system(computer: Computer) -> None:
    add(computer, [(1, 5_000)], program=Failing())
    computer.services.start("Contoso")
    computer.services.set_failure_flag("Contoso", on=True)
    computer.services.start("Contoso")
    assert state_after(computer, 100) == "Stopped"
    boot(computer)
    count = computer.services.new_process("probe.exe")
    computer.pass_time(5)
    computer.services.settle()
    assert computer.services.new_process("probe.exe") > count + 4, "it was started again"


def test_the_product_as_installed(computer: Computer) -> None:
    install(computer, Setup("v6"))
    service = computer.services.get("Certify.Service")
    assert service is not None
    assert unpack(service.failure_actions) == (86_400, ((1, 600_000),))
    assert service.failure_flag is False
