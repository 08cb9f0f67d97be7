"""Deadlines that hold whatever the other end does."""

from __future__ import annotations

import threading

from certify_automation.remote.session import Deadline
from certify_automation.remote.watchdog import Watchdog


def test_what_outlives_its_deadline_is_cut_off() -> None:
    cut = threading.Event()
    with Watchdog().watching(Deadline(0.02), cut.set):
        assert cut.wait(10)


def test_an_earlier_deadline_does_not_wait_for_a_later_one() -> None:
    watchdog, late, soon = Watchdog(), threading.Event(), threading.Event()
    with watchdog.watching(Deadline(1000), late.set), watchdog.watching(Deadline(0.02), soon.set):
        assert soon.wait(10)
    assert not late.is_set()


def test_what_ended_in_time_is_left_alone() -> None:
    watchdog, cut, last = Watchdog(), threading.Event(), threading.Event()
    with watchdog.watching(Deadline(0.02), cut.set):
        pass
    with watchdog.watching(Deadline(0.05), last.set):
        assert last.wait(10)
    assert not cut.is_set()


def test_many_deadlines_pass_in_their_order() -> None:
    watchdog, order, done = Watchdog(), [], threading.Event()
    entered = [
        watchdog.watching(Deadline(0.2 + number / 100), lambda number=number: order.append(number))
        for number in (3, 1, 2, 0)
    ]
    for one in entered:
        one.__enter__()
    with watchdog.watching(Deadline(0.3), done.set):
        assert done.wait(10)
    assert order == [0, 1, 2, 3]
