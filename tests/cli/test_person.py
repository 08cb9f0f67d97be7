from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from certify_automation.cli.console import make_console
from certify_automation.cli.person import Typist

HOST = "web01.example.com"


@contextmanager
def keyboard(*lines: str) -> Iterator[IO[str]]:
    """These lines typed, and nothing after them for as long as the block lasts."""
    ours, theirs = os.pipe()
    with os.fdopen(ours) as reading:
        os.write(theirs, "".join(f"{line}\n" for line in lines).encode())
        try:
            yield reading
        finally:
            os.close(theirs)


@pytest.mark.parametrize("typed", [[HOST], [f" {HOST.upper()} "], ["yes", "", HOST]])
def test_the_hosts_name_confirms(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with keyboard(*typed) as keys:
        assert Typist(make_console(), lambda: False, keys)(HOST, 60)
    out, err = capsys.readouterr()
    assert out == ""
    assert "puts everything back in 60 s" in err
    assert err.count(f"that is not {HOST}") == len(typed) - 1


def test_time_passes(capsys: pytest.CaptureFixture[str]) -> None:
    with keyboard("y") as keys:
        assert not Typist(make_console(), lambda: False, keys)(HOST, 0)
    assert f"{HOST} is not confirmed" in capsys.readouterr().err


def test_an_interrupt_ends_the_question() -> None:
    stop = threading.Event()
    done: list[bool] = []
    with keyboard() as keys:
        asking = threading.Thread(target=lambda: done.append(Typist(make_console(), stop.is_set, keys)(HOST, 600)))
        asking.start()
        stop.set()
        asking.join()
    assert done == [False]


def test_a_keyboard_that_goes_away_confirms_nothing() -> None:
    assert not Typist(make_console(), lambda: False, io.StringIO(""))(HOST, 600)


def test_a_keyboard_that_has_gone_away_ends_every_later_question_at_once() -> None:
    typist = Typist(make_console(), lambda: False, io.StringIO(""))
    assert [typist(host, 600) for host in ("web01", "web02", "web03")] == [False] * 3


def test_one_question_after_the_other() -> None:
    with keyboard("web01", "web02") as keys:
        typist = Typist(make_console(), lambda: False, keys)
        assert [typist("web01", 60), typist("web02", 60)] == [True, True]
