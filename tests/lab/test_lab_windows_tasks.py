"""The task scheduler of a simulated computer: what it registers, refuses, runs, and what survives a restart."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest
from win32_codes import code_of

from certify_automation.lab.windows import Computer, Installation, Instance, StillClock, make_computer
from certify_automation.lab.windows.power import boot, lose_power
from certify_automation.lab.windows.task_definition import NAMESPACE, parse_definition

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
SETTINGS = (
    "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
    "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries><ExecutionTimeLimit>PT0S</ExecutionTimeLimit>"
)


def xml(*, triggers: str = "<BootTrigger/>", settings: str = SETTINGS, actions: str | None = None) -> str:
    action = "<Exec><Command>powershell.exe</Command><Arguments>-Command 'x'</Arguments></Exec>"
    return (
        '<?xml version="1.0" encoding="UTF-16"?>'
        f'<Task version="1.2" xmlns="{NAMESPACE}"><Triggers>{triggers}</Triggers>'
        "<Principals><Principal><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>"
        f"<Settings>{settings}</Settings><Actions>{actions or action}</Actions></Task>"
    )


@pytest.fixture
def computer() -> Computer:
    computer = make_computer(Installation("WEB01"), StillClock(NOW))
    computer.files.make_folder("C:\\Data")
    computer.tasks.runner = lambda instance: ticking(computer, instance)
    return computer


def ticking(computer: Computer, instance: Instance) -> Generator[float, None, None]:
    """Holds a file and writes the time into another one every second, three times."""
    computer.files.open_exclusive("C:\\Data\\alive", instance.holder)
    for _ in range(3):
        computer.files.append("C:\\Data\\ticks", f"{computer.clock.elapsed():g} ".encode())
        yield 1.0


def ticks(computer: Computer) -> str:
    return computer.files.read("C:\\Data\\ticks").decode()


def test_what_a_definition_says() -> None:
    found = parse_definition(xml())
    assert (found.command, found.arguments, found.user) == ("powershell.exe", "-Command 'x'", "S-1-5-18")
    assert (found.highest, found.at_boot, found.on_batteries, found.enabled) == (True, True, True, True)
    assert found.time_limit == "PT0S"


def test_the_harmful_defaults_are_there() -> None:
    found = parse_definition(xml(triggers="", settings=""))
    assert (found.at_boot, found.on_batteries, found.time_limit) == (False, False, "PT72H")
    assert not parse_definition(xml(triggers="<BootTrigger><Enabled>false</Enabled></BootTrigger>")).at_boot


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<Task", 0x8004131A),
        ("<Task><Actions/></Task>", 0x80041317),
        (xml(settings="<Batteries>false</Batteries>"), 0x80041316),
        (xml(settings="<Enabled>maybe</Enabled>"), 0x80041318),
        (xml(actions="<Exec><Arguments>x</Arguments></Exec>"), 0x80041319),
    ],
)
def test_definitions_that_are_refused(computer: Computer, text: str, code: int) -> None:
    assert code_of(computer.tasks.register, "t", text) == code
    assert computer.tasks.names() == ()


class TestRunning:
    def test_a_process_goes_on_as_time_passes(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())
        instance = computer.tasks.run("T")
        assert computer.process_name(instance.process_id) == "powershell.exe"
        computer.pass_time(1.5)
        assert ticks(computer) == "0 1 "
        assert computer.files.holder("C:\\Data\\alive") == instance.holder
        assert computer.tasks.run("t") is instance, "it runs already"
        computer.pass_time(10)
        assert ticks(computer) == "0 1 2 "
        assert not instance.running
        assert computer.process_name(instance.process_id) is None
        assert computer.files.holder("C:\\Data\\alive") is None
        assert computer.tasks.get("t").last_result == 0

    def test_the_time_of_day_does_not_matter(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())
        computer.tasks.run("t")
        computer.pass_time(0.5)
        computer.clock.set(NOW - timedelta(days=1))
        computer.pass_time(2)
        assert ticks(computer) == "0 1 2 "
        assert computer.clock.now() == NOW - timedelta(days=1) + timedelta(seconds=2)

    def test_two_processes_take_turns_by_their_times(self, computer: Computer) -> None:
        for name in ("a", "b"):
            computer.tasks.register(name, xml())

        def named(instance: Instance) -> Generator[float, None, None]:
            for _ in range(2):
                computer.files.append("C:\\Data\\ticks", instance.task.name.encode())
                yield 1.0

        computer.tasks.runner = named
        computer.tasks.run("a")
        computer.pass_time(0.5)
        computer.tasks.run("b")
        computer.pass_time(5)
        assert ticks(computer) == "abab"

    def test_an_end_takes_the_handles(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())
        computer.tasks.run("t")
        computer.pass_time(0.5)
        computer.tasks.end("t")
        computer.pass_time(10)
        assert ticks(computer) == "0 "
        assert computer.files.holder("C:\\Data\\alive") is None
        assert computer.tasks.get("t").last_result == 267014
        assert code_of(computer.tasks.end, "t") == 0x8004130B

    def test_a_deleted_task_runs_to_its_end(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())
        computer.tasks.run("t")
        computer.tasks.delete("t")
        computer.pass_time(10)
        assert ticks(computer) == "0 1 2 "

    def test_without_a_runner_there_is_nothing_to_do(self, computer: Computer) -> None:
        computer.tasks.runner = None
        computer.tasks.register("t", xml())
        assert not computer.tasks.run("t").running
        assert computer.tasks.get("t").last_result == 0

    def test_somebody_else_may_carry_it_on(self, computer: Computer) -> None:
        begun: list[Instance] = []
        computer.tasks.started = begun.append
        computer.tasks.register("t", xml())
        instance = computer.tasks.run("t")
        computer.pass_time(10)
        assert begun == [instance]
        assert not computer.files.exists("C:\\Data\\ticks")
        waits = [computer.tasks.step(instance) for _ in range(5)]
        assert waits == [1.0, 1.0, 1.0, None, None]

    def test_a_process_that_fails_is_over(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())

        def failing(_: Instance) -> Generator[float, None, None]:
            yield 1.0
            raise OSError("broken")

        computer.tasks.runner = failing
        instance = computer.tasks.run("t")
        with pytest.raises(OSError, match="broken"):
            computer.pass_time(5)
        assert not instance.running
        assert computer.tasks.get("t").last_result == 1067

    def test_a_process_may_end_itself(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())

        def suicidal(_: Instance) -> Generator[float, None, None]:
            computer.tasks.end("t")
            yield 1.0
            raise AssertionError("it goes on")

        computer.tasks.runner = suicidal
        instance = computer.tasks.run("t")
        computer.pass_time(5)
        assert not instance.running


class TestRefusals:
    def test_names(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())
        assert code_of(computer.tasks.register, "T", xml()) == 183
        computer.tasks.register("T", xml(triggers=""), replace=True)
        assert computer.tasks.names() == ("T",)
        assert code_of(computer.tasks.run, "u") == 2
        assert code_of(computer.tasks.delete, "u") == 2

    def test_a_disabled_task(self, computer: Computer) -> None:
        computer.tasks.register("t", xml(settings="<Enabled>false</Enabled>"))
        assert code_of(computer.tasks.run, "t") == 0x80041326

    def test_without_the_service(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())
        computer.services.configure("Schedule", "Disabled")
        boot(computer)
        assert code_of(computer.tasks.register, "u", xml()) == 0x80041315
        assert code_of(computer.tasks.run, "t") == 0x80041315
        computer.pass_time(5)
        assert not computer.files.exists("C:\\Data\\ticks")


class TestRestart:
    def test_a_boot_trigger_starts_it_anew(self, computer: Computer) -> None:
        computer.tasks.register("t", xml())
        computer.tasks.register("not at boot", xml(triggers=""))
        computer.tasks.run("t")
        computer.pass_time(1.5)
        lose_power(computer)
        computer.pass_time(60)
        assert ticks(computer) == "0 1 "
        boot(computer)
        computer.pass_time(10)
        assert ticks(computer) == "0 1 61.5 62.5 63.5 "

    def test_a_dump_has_the_tasks(self, computer: Computer) -> None:
        before = computer.dump()
        computer.tasks.register("t", xml())
        assert computer.dump() != before
        computer.tasks.delete("t")
        assert computer.dump() == before
