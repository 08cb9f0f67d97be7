"""Changes that can cut a host off: whether they are allowed, how long they wait for their confirmation, and by whom."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import click

from certify_automation.cli.options import Command, Duration
from certify_automation.desired import DesiredHost, Settings
from certify_automation.errors import PolicyRefused, UsageError
from certify_automation.model.host import Transport
from certify_automation.model.plan import Plan
from certify_automation.plan import CONFIRM_SECONDS

_LEAST, _MOST = 60, 900
_LEAST_ON_LOOPBACK = 5
"""What the lab allows: nobody waits a minute to see a simulated host put itself back."""
_FLAGS = (
    click.option(
        "--allow-lockout",
        is_flag=True,
        help="Allow changes that can cut a server off; it puts itself back unless it can be reached afterwards.",
    ),
    click.option(
        "--confirm-within",
        type=Duration(),
        metavar="TIME",
        help=f"How long a server waits to be reached after such a change (60s to 15m); default {CONFIRM_SECONDS}s.",
    ),
)


def lockout_options(function: Command) -> Command:
    """Give a command --allow-lockout and --confirm-within."""
    for option in reversed(_FLAGS):
        function = option(function)
    return function


def confirm_seconds(flags: Mapping[str, Any], settings: Settings, hosts: Iterable[DesiredHost]) -> int:
    """How long these hosts wait for their confirmation: by the flag, or the repository's settings.

    Raises:
        UsageError: CA5020 it is too short, too long, or no whole number of seconds.
    """
    flag: timedelta | None = flags["confirm_within"]
    if flag is None:
        return settings.confirm_within or CONFIRM_SECONDS
    seconds = flag.total_seconds()
    least = _least(hosts)
    if seconds != int(seconds) or not least <= seconds <= _MOST:
        raise UsageError(
            "CA5020",
            f"--confirm-within {seconds:g}s: a host can wait {least} to {_MOST} whole seconds for its confirmation",
            hint=f"less than {_LEAST} s, and from {_LEAST_ON_LOOPBACK} s on, is for simulated servers, where every"
            " selected host is at a loopback address",
        )
    return int(seconds)


def check_confirmable(plans: Iterable[Plan], hosts: Mapping[str, DesiredHost], *, interactive: bool) -> None:
    """Say that plans cannot be confirmed before anything is sent.

    Raises:
        UsageError: CA5021 a host would not wait long enough, CA5022 nobody is there to confirm a local one.
    """
    for plan in plans:
        if plan.confirm_seconds is None:
            continue
        host = hosts[plan.host]
        if plan.confirm_seconds < _least([host]):
            hint = f"plan again with --confirm-within {_LEAST}s or more"
            raise UsageError(
                "CA5021", f"{host.name} would wait {plan.confirm_seconds} s only to be confirmed", hint=hint
            )
        if host.connection.transport is Transport.LOCAL and not interactive:
            raise UsageError(
                "CA5022",
                f"the change of {host.name} can cut it off, and nobody is at a terminal to confirm that it did not",
                hint="run this at a terminal, or reach the host over WinRM",
            )


def lockout_refused(plan: Plan) -> PolicyRefused:
    """Why a saved plan is not carried out without being allowed to once more."""
    return PolicyRefused(
        "CA5023",
        f"this plan can cut {plan.host} off, and --allow-lockout is not given",
        hint="say `apply FILE --allow-lockout`: the host puts everything back unless it can be reached within"
        f" {plan.confirm_seconds} s after the change",
    )


def visited_address(host: DesiredHost) -> str | None:
    """The IP address a host is reached at; None when that says nothing of the host's own addresses.

    A loopback address belongs to this computer: a tunnel, or the lab. A name with several addresses leaves open which
    one is taken.
    """
    connection = host.connection
    if connection.transport is not Transport.WINRM or host.state.ip_listen is None:
        return None
    try:
        found = socket.getaddrinfo(connection.address, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    addresses = {str(entry[4][0]) for entry in found}
    address = addresses.pop()
    return None if addresses or ipaddress.ip_address(address).is_loopback else address


def _least(hosts: Iterable[DesiredHost]) -> int:
    return _LEAST_ON_LOOPBACK if all(map(_on_loopback, hosts)) else _LEAST


def _on_loopback(host: DesiredHost) -> bool:
    if host.connection.transport is not Transport.WINRM:
        return False
    try:
        return ipaddress.ip_address(host.connection.address).is_loopback
    except ValueError:
        return False
