from __future__ import annotations

import io
import re
import signal
import threading
from collections.abc import Iterator

import pytest
from rich.console import Console as RichConsole
from rich.text import Text

from certify_automation.cli.console import Console, make_console
from certify_automation.cli.following import Interruption, follow, interruptible, terminable
from certify_automation.fleet.pool import Event, HostFinished, HostStarted, RunFinished
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode

HOSTS = tuple(f"web{number:02}" for number in range(1, 6))


def events() -> Iterator[Event]:
    for host in HOSTS:
        yield HostStarted(host)
    for host in reversed(HOSTS):
        yield HostFinished(HostReport(host, HostStatus.OK))
    yield RunFinished({HostStatus.OK: len(HOSTS)}, ExitCode.DONE, "")


def test_every_report_is_handed_on_as_it_comes() -> None:
    taken: list[HostReport] = []
    finished = follow(make_console(), "planning", len(HOSTS), events(), taken.append)
    assert [report.host for report in taken] == list(reversed(HOSTS))
    assert finished.exit_code is ExitCode.DONE


@pytest.mark.parametrize(("verbosity", "lines"), [(-1, 0), (0, 0), (1, len(HOSTS))])
def test_without_a_terminal_lines_are_shown_when_asked_for(
    verbosity: int, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    follow(make_console(verbosity=verbosity), "planning", len(HOSTS), events(), lambda _: None)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == lines
    if lines:
        assert err.splitlines()[0] == "[1/5] web05: ok"


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "120", "TTY_INTERACTIVE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    follow(make_console(), "planning", len(HOSTS), events(), lambda _: None)
    shown = capsys.readouterr().err
    assert "planning" in shown
    assert "5/5" in shown


@pytest.mark.parametrize("total", [5, 5000])
def test_a_bar_on_a_narrow_terminal_leaves_out_names_and_nothing_else(
    total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    shown = io.StringIO()
    narrow = RichConsole(file=shown, width=80, force_terminal=True, force_interactive=True, soft_wrap=True)
    started = [HostStarted(f"web{number:03}.department.branch.example.com") for number in range(9)]
    end = RunFinished({HostStatus.NOT_RUN: total}, ExitCode.INTERRUPTED, "cancelled")
    follow(Console(narrow, narrow), "planning", total, [*started, end], lambda _: None)
    last = [line for line in Text.from_ansi(shown.getvalue()).plain.splitlines() if "planning" in line][-1]
    count = f"0/{total}".rjust(len(f"{total}/{total}"))
    assert re.fullmatch(rf"planning ━{{20}} {count} 0:00:\d\d web000\.department\.b.*…", last.rstrip())
    assert len(last) <= 80


def test_events_that_stop_without_an_end_are_a_defect() -> None:
    with pytest.raises(RuntimeError):
        follow(make_console(), "planning", 1, iter([HostStarted("web01")]), lambda _: None)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Those of the test run, put back whatever the test has made of them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_asks_the_second_aborts_and_no_other_is_heard(
    number: signal.Signals, handlers: None
) -> None:
    del handlers
    asked = Interruption()
    with terminable():
        with interruptible(asked):
            signal.raise_signal(number)
            assert (asked.cancelled.is_set(), asked.aborted.is_set()) == (True, False)
            signal.raise_signal(number)
            assert asked.aborted.is_set()
            signal.raise_signal(number)
        signal.raise_signal(number)
    signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_IGN


@pytest.mark.parametrize("signals", [0, 1])
def test_who_was_not_aborted_is_interrupted_as_before(signals: int) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    asked = Interruption()
    with interruptible(asked):
        for _ in range(signals):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_job_that_is_terminated_ends_as_by_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_the_flag_is_only_a_flag() -> None:
    found: list[bool] = []

    def work() -> None:
        asked = Interruption()
        with terminable(), interruptible(asked):
            found.append(asked.cancelled.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
