"""A host that is reached without a network, confirmed at the terminal: from the question to the word that is sent."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from planning.guarded_host import PLAN, GuardedHost

from certify_automation.cli.carrying_out import APPLY_FILE, ask_and_carry_out, carry_out
from certify_automation.cli.console import make_console
from certify_automation.cli.visits import RunFlags, Visits
from certify_automation.desired import DesiredHost, Settings
from certify_automation.errors import UsageError
from certify_automation.fleet.guarding import Guard
from certify_automation.fleet.runs import Ledger
from certify_automation.guard.limits import read_limits
from certify_automation.model.host_report import HostReport
from certify_automation.model.outcome import ExitCode
from certify_automation.remote import Session

from .test_lockout import host, whole_fleet

END_OF_INPUT = "\x04"
PLANNED = [HostReport.of_plan(PLAN)]
needs_terminals = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo terminal is a thing of Unix")


@dataclass(slots=True)
class VisitsToOne(Visits):
    """Visits that lead to this host, whatever transport it is declared with."""

    found: GuardedHost = field(kw_only=True)

    def session(self, host: DesiredHost) -> Session:
        assert host.name == PLAN.host
        return self.found


def visits(folder: Path, transport: str = "local") -> tuple[VisitsToOne, GuardedHost]:
    flags = RunFlags.of({"forks": None, "max_failures": None, "deadline": None}, Settings())
    found = GuardedHost()
    fleet = whole_fleet(folder, transport=transport)
    return VisitsToOne(console=make_console(), fleet=fleet, flags=flags, found=found), found


def guard(folder: Path) -> Guard:
    """One that has counted nothing."""
    return Guard(Ledger(folder / "state"), read_limits({}))


@contextmanager
def terminal(typed: str) -> Iterator[None]:
    """A terminal as stdin, at which this was typed, and nothing after it for as long as the block lasts."""
    ours, theirs = os.openpty()
    before = sys.stdin
    with os.fdopen(theirs) as keyboard:
        os.write(ours, typed.encode())
        sys.stdin = keyboard
        try:
            yield
        finally:
            sys.stdin = before
            os.write(ours, END_OF_INPUT.encode())
            os.close(ours)


def test_a_local_host_is_confirmed_by_the_one_at_the_terminal_and_no_other(tmp_path: Path) -> None:
    local, _ = visits(tmp_path)
    assert local.confirmation(local.fleet.hosts[PLAN.host]).person is local.typist
    far, _ = visits(tmp_path, "winrm")
    assert far.confirmation(far.fleet.hosts[PLAN.host]).person is None


@pytest.mark.parametrize("transport", ["local", "winrm"])
def test_the_patience_is_that_of_the_deadlines(transport: str, tmp_path: Path) -> None:
    made, _ = visits(tmp_path, transport)
    deadlines, patience = made.flags.deadlines, made.confirmation(host(tmp_path, transport=transport)).patience
    assert (patience.act, patience.start) == (deadlines.act, deadlines.start)
    assert patience.back == deadlines.undo + deadlines.start


@needs_terminals
def test_typed_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with terminal(f"yes\n{PLAN.host}\n"):
        made, found = visits(tmp_path)
        assert ask_and_carry_out(made, APPLY_FILE, PLANNED, guard(tmp_path), yes=True) == ExitCode.DONE
    assert found.said == ["apply", "confirm"]
    assert "type its name to keep the change" in capsys.readouterr().err


@needs_terminals
def test_not_typed_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at_once = [HostReport.of_plan(replace(PLAN, confirm_seconds=0))]
    with terminal(""):
        made, found = visits(tmp_path)
        assert carry_out(made, APPLY_FILE, at_once, guard(tmp_path)) == ExitCode.ROLLED_BACK
    assert found.said == ["apply", "undo"]
    out, err = capsys.readouterr()
    assert f"{PLAN.host} is not confirmed: it is put back" in err
    assert "CA4026" in out


@needs_terminals
def test_a_terminal_that_goes_away_confirms_nothing(tmp_path: Path) -> None:
    with terminal(f"somebody else\n{END_OF_INPUT}"):
        made, found = visits(tmp_path)
        assert ask_and_carry_out(made, APPLY_FILE, PLANNED, guard(tmp_path), yes=True) == ExitCode.ROLLED_BACK
    assert found.said == ["apply", "undo"]


def test_without_a_terminal_nothing_is_sent(tmp_path: Path) -> None:
    made, found = visits(tmp_path)
    with pytest.raises(UsageError, match="CA5022"):
        ask_and_carry_out(made, APPLY_FILE, PLANNED, guard(tmp_path), yes=True)
    assert found.said == []


@needs_terminals
def test_over_the_network_nobody_is_asked(tmp_path: Path) -> None:
    with terminal("no such name\n"):
        made, found = visits(tmp_path, "winrm")
        assert ask_and_carry_out(made, APPLY_FILE, PLANNED, guard(tmp_path), yes=True) == ExitCode.DONE
    assert found.said == ["apply", "confirm"]
