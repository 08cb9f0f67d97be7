"""What a person sees while hosts are visited: a progress bar on a terminal, lines elsewhere; and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from certify_automation.cli.console import Console
from certify_automation.fleet.pool import Event, HostFinished, HostStarted, RunFinished, WaveFinished
from certify_automation.model.host_report import HostReport

_NAMES_SHOWN = 3
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_BAR_WIDTH = 20
_STDERR = 2
_CANCELLED = b"\ninterrupted: the hosts in hand are finished, no other starts; once more aborts\n"
_ABORTED = b"\naborted: the hosts in hand are not waited for\n"


def follow(
    console: Console, title: str, total: int, events: Iterable[Event], taken: Callable[[HostReport], None]
) -> RunFinished:
    """Show a run's progress on stderr until it ends, and hand every host's report on as soon as it is there.

    On a terminal this is a bar with the hosts in hand, gone when the run is over; elsewhere a line a host, with -v.

    Raises:
        RuntimeError: the events ended without RunFinished.
    """
    in_hand: dict[str, None] = {}
    with _bar(console) as bar:
        task = bar.add_task(title, total=total, hosts="")
        for event in events:
            if isinstance(event, RunFinished):
                return event
            if isinstance(event, HostStarted):
                in_hand[event.host] = None
            elif isinstance(event, WaveFinished):
                console.say(f"wave {event.number} has ended: {event.ran} of {event.ran + event.waiting} hosts")
            elif isinstance(event, HostFinished):
                in_hand.pop(event.report.host, None)
                bar.advance(task)
                _line(console, bar, task, event.report)
                taken(event.report)
            bar.update(task, hosts=_names(in_hand))
    raise RuntimeError("the run ended without saying so")


@dataclass(frozen=True, slots=True)
class Interruption:
    """What Ctrl-C has asked for so far.

    Attributes:
        cancelled: start no further host, finish those in hand.
        aborted: do not wait for those in hand either.
    """

    cancelled: threading.Event = field(default_factory=threading.Event)
    aborted: threading.Event = field(default_factory=threading.Event)


@contextmanager
def interruptible(asked: Interruption) -> Iterator[None]:
    """Turns the first Ctrl-C or SIGTERM into `cancelled`, the second into `aborted`.

    From then on both are ignored, also when this has been left: the command is on its way out, and what it says of the
    hosts in hand, and its exit code, must not be lost to a third.
    Outside the main thread, where Python delivers no signals, nothing sets them.
    """
    heard = count(asked.cancelled.is_set() + asked.aborted.is_set())

    def handle(_number: int, _frame: FrameType | None) -> None:
        turn = next(heard)  # one signal may come while another is being handled
        if turn == 0:
            asked.cancelled.set()
            _tell(_CANCELLED)
        elif turn == 1:
            for each in _STOPPING:
                signal.signal(each, signal.SIG_IGN)
            asked.aborted.set()
            _tell(_ABORTED)

    with _handled(dict.fromkeys(_STOPPING, handle)):
        yield


@contextmanager
def terminable() -> Iterator[None]:
    """Turns SIGTERM into the KeyboardInterrupt that Ctrl-C is: whoever stops a job ends it as a person would."""
    with _handled({signal.SIGTERM: signal.default_int_handler}):
        yield


@contextmanager
def _handled(handlers: Mapping[signal.Signals, Callable[[int, FrameType | None], object]]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


def _tell(message: bytes) -> None:
    """Straight to the descriptor: the stream may be in the middle of a write when a signal comes."""
    with suppress(OSError):
        os.write(_STDERR, message)


def _bar(console: Console) -> Progress:
    rest_of_the_line = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(_BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[hosts]}", markup=False, table_column=rest_of_the_line),
        console=console.err,
        expand=True,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=console.verbosity < 0 or not console.err.is_interactive,
    )


def _line(console: Console, bar: Progress, task: TaskID, report: HostReport) -> None:
    if bar.disable:
        state = bar.tasks[task]
        console.say(f"[{int(state.completed)}/{int(state.total or 0)}] {report.host}: {report.status}", at=1)


def _names(hosts: Iterable[str]) -> str:
    names = list(hosts)
    more = f" +{len(names) - _NAMES_SHOWN}" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
