"""From flags and files to a run over hosts: which ones, how they are reached, how many at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import SystemRandom
from typing import Any, TypeAlias

import click

from certify_automation.cli.console import Console
from certify_automation.cli.following import Interruption, follow, interruptible
from certify_automation.cli.options import Call, Command, Duration
from certify_automation.cli.person import Typist
from certify_automation.confirmation import Confirmation, Patience
from certify_automation.desired import DesiredHost, Fleet, Settings, connect_secrets
from certify_automation.errors import ConfigurationError
from certify_automation.fleet.pool import FleetOptions, RunFinished, run_fleet
from certify_automation.fleet.rollout import Budget, Pace, gaps
from certify_automation.model.host import Transport
from certify_automation.model.host_report import HostReport
from certify_automation.model.renewal_request import WAIT_SECONDS
from certify_automation.remote import Credentials, Deadlines, Session, connect
from certify_automation.remote.renew import waiting
from certify_automation.renewing import Renewing

Work: TypeAlias = Callable[[DesiredHost], HostReport]
Taken: TypeAlias = Callable[[HostReport], None]

_USUAL = Deadlines()
_FORKS = click.option(
    "-f",
    "--forks",
    type=click.IntRange(1, 500),
    metavar="N",
    help="Visit so many hosts at the same time; default 16.",
)
_MAX_FAILURES = click.option(
    "--max-failures",
    metavar="N|P%",
    help="Change no further host after so many failed ones; default 3. Looking at hosts goes on.",
)
_LOOK_DEADLINE = click.option(
    "--deadline",
    type=Duration(),
    metavar="TIME",
    help=f"The longest a visit may take (90s, 5m); default {_USUAL.read:g}s.",
)
_DEADLINE = click.option(
    "--deadline",
    type=Duration(),
    metavar="TIME",
    help="The longest a visit may take (90s, 5m), with the time of an undo on top where it acts; default"
    f" {_USUAL.read:g}s to look, {_USUAL.act - _USUAL.undo - _USUAL.start:g}s to act.",
)


def rollout_options(function: Command) -> Command:
    """Give a command --forks, --max-failures and --deadline."""
    return _FORKS(_MAX_FAILURES(_DEADLINE(function)))


def look_options(function: Command) -> Command:
    """Give a command that only ever looks --forks and --deadline."""
    return _FORKS(_LOOK_DEADLINE(function))


_WAIT_RENEWALS = click.option(
    "--wait-renewals",
    type=Duration(),
    metavar="TIME",
    help="How long to wait for certificates that a server is asked to renew (90s, 20m); default"
    f" {WAIT_SECONDS // 60}m. Waiting less renews no less.",
)


def renewal_options(function: Command) -> Command:
    """Give a command --wait-renewals."""
    return _WAIT_RENEWALS(function)


@dataclass(frozen=True, slots=True)
class RunFlags:
    """How the flags, and then the repository's settings, want a run to go.

    Attributes:
        wait_seconds: how long certificates that were requested are waited for.
        pause_seconds: between one wave and the next.
        jitter_seconds: each host starts up to so much later than the one before.
    """

    forks: int
    budget: Budget
    deadlines: Deadlines
    wait_seconds: int = WAIT_SECONDS
    pause_seconds: float = 0.0
    jitter_seconds: float = 0.0

    @classmethod
    def of(cls, flags: Mapping[str, Any], settings: Settings) -> RunFlags:
        """From the flags of `rollout_options` or `look_options`, and of `renewal_options` where the command has them.

        Raises:
            UsageError: CA5001 --max-failures is neither a number nor a share.
        """
        budget = flags.get("max_failures") or settings.max_failures
        return cls(
            forks=flags["forks"] or settings.forks or FleetOptions().forks,
            budget=Budget.parse(budget) if budget else Budget(),
            deadlines=_deadlines(flags["deadline"]),
            wait_seconds=_whole_seconds(flags.get("wait_renewals")) or WAIT_SECONDS,
        )


@dataclass(slots=True)
class Visits:
    """One command's visits: every host with the same credentials record and deadlines.

    Attributes:
        interruption: what Ctrl-C has asked for; once cancelled, no further host is visited.
        typist: who confirms hosts that are reached without a network.
    """

    console: Console
    fleet: Fleet
    flags: RunFlags
    credentials: Credentials = field(default_factory=Credentials)
    interruption: Interruption = field(default_factory=Interruption)
    typist: Typist = field(init=False)

    def __post_init__(self) -> None:
        self.typist = Typist(self.console, self.interruption.cancelled.is_set)

    def session(self, host: DesiredHost) -> Session:
        """The session for one host, its secrets read now.

        Raises:
            ConfigurationError: CA1501 a secret is missing.
            UsageError: CA2040 the host is to be reached locally, and this is not Windows.
        """
        connection = connect_secrets(host, os.environ)
        return connect(connection, credentials=self.credentials, deadlines=self.flags.deadlines)

    def renewal_session(self, host: DesiredHost) -> Session:
        """As session, for visits that wait for certificates."""
        deadlines = waiting(self.flags.deadlines, self.flags.wait_seconds)
        return connect(connect_secrets(host, os.environ), credentials=self.credentials, deadlines=deadlines)

    def renewing(self, host: DesiredHost) -> Renewing:
        """How what follows a run of this host is carried out."""
        return Renewing(host.connection.api_caller, self.flags.wait_seconds)

    def waiting(self, seconds: int) -> Visits:
        """The same, where certificates that are requested are waited for so long; 0 = not at all."""
        return replace(self, flags=replace(self.flags, wait_seconds=seconds))

    def look(self, title: str, hosts: Sequence[str], work: Work, taken: Taken) -> RunFinished:
        """As carry_out, for work that plans no change: however many hosts fail, the others are looked at."""
        return self._visit(title, hosts, work, taken, FleetOptions(self.flags.forks, None))

    def carry_out(
        self, title: str, hosts: Sequence[str], work: Work, taken: Taken, pace: Pace | None = None
    ) -> RunFinished:
        """Do the work on these hosts of the fleet and hand on each report as it comes; Ctrl-C ends it early."""
        flags = self.flags
        starts = gaps(flags.jitter_seconds, SystemRandom())
        options = FleetOptions(flags.forks, flags.budget, pace or Pace(), flags.pause_seconds, starts)
        return self._visit(title, hosts, work, taken, options)

    def _visit(self, title: str, hosts: Sequence[str], work: Work, taken: Taken, options: FleetOptions) -> RunFinished:
        asked = self.interruption
        with interruptible(asked):
            events = run_fleet(
                hosts, lambda name: work(self.fleet.hosts[name]), options, asked.cancelled, asked.aborted
            )
            return follow(self.console, title, len(hosts), events, taken)

    def confirmation(self, host: DesiredHost) -> Confirmation:
        """How a run of this host is confirmed: by a visit over the network, or by the one at the terminal."""
        deadlines = self.flags.deadlines
        patience = Patience(deadlines.act, deadlines.start, deadlines.undo + deadlines.start)
        local = host.connection.transport is Transport.LOCAL
        return Confirmation(self.typist if local else None, patience, self.console.say)


def open_visits(call: Call, flags: Mapping[str, Any], fleet: Fleet | None = None) -> Visits:
    """The visits of one command to these hosts, or to those it selects.

    Raises:
        ConfigurationError: the files or the selection are wrong.
        UsageError: a flag is.
    """
    fleet = call.fleet() if fleet is None else fleet
    _check_secrets(fleet)
    return Visits(call.console, fleet, RunFlags.of(flags, fleet.settings))


def _check_secrets(fleet: Fleet) -> None:
    """Say once, not for every host, that no host can be visited for want of its secrets."""
    problems: dict[tuple[str, ...], ConfigurationError] = {}
    for host in fleet.hosts.values():
        references = tuple(str(reference) for reference in host.secrets.values())
        if references in problems:
            continue
        try:
            connect_secrets(host, os.environ)
        except ConfigurationError as error:
            problems[references] = error
        else:
            return
    if problems:
        raise ConfigurationError(tuple(problem for error in problems.values() for problem in error.problems))


def _deadlines(flag: timedelta | None) -> Deadlines:
    if flag is None:
        return _USUAL
    seconds = flag.total_seconds()
    return Deadlines(read=seconds, act=seconds + _USUAL.undo + _USUAL.start)


def _whole_seconds(flag: timedelta | None) -> int | None:
    return None if flag is None else max(1, int(flag.total_seconds()))
