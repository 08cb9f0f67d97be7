"""Changes of the IP listen list that can cut a host off, and what the list then covers."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.diff import ip_listen_entries
from certify_automation.errors import Problem
from certify_automation.model.change import Change, IpListenAdd, IpListenRemove
from certify_automation.model.http_sys import CHALLENGE_ADDRESS, IpListen, ListenRule
from certify_automation.model.plan import Refusal
from certify_automation.plan.problems import warning
from certify_automation.plan.situation import Situation


def lockout_refusals(at: Situation) -> Iterator[Refusal]:
    """The list cannot be read, or would be changed in a way that nobody has allowed."""
    if at.desired.ip_listen is None:
        return
    if ip_listen_entries(at.facts) is None:
        yield Refusal(
            "CA3018",
            f"netsh could not show the IP listen list (exit code {at.facts.ip_listen.exit_code})",
            "see on the host what `netsh http show iplisten` says",
        )
    elif at.lockouts and not at.options.allow_lockout:
        yield Refusal(
            "CA3015",
            "the IP listen list would have to be changed in a way that can lock this host out: " + _why(at.lockouts),
            "pass --allow-lockout to have it done under a timer on the host, which puts everything back "
            f"{at.options.confirm_seconds} seconds later unless a new connection confirms that the host can still be "
            "reached. Or run at its console, where nothing puts it back then:\n" + "\n".join(_commands(at)),
            by_policy=True,
        )


def _why(lockouts: tuple[Change, ...]) -> str:
    if any(isinstance(change, IpListenAdd) and change.first for change in lockouts):
        return (
            "the list is empty, so http.sys listens everywhere; a first entry takes every other address, "
            "WinRM's too, away"
        )
    return "this can take addresses away on which WinRM and other sites listen"


def _commands(at: Situation) -> Iterator[str]:
    for change in at.changes:
        if isinstance(change, IpListenAdd | IpListenRemove):
            verb = "add" if isinstance(change, IpListenAdd) else "delete"
            yield f"netsh http {verb} iplisten ipaddress={change.address}"


def listen_list_warnings(at: Situation) -> Iterator[Problem]:
    """What the list, as it is to be, does not cover; and a list that is not yet, or no longer, in force."""
    yield from _dormant(at)
    planned = at.listen_list()
    if planned is None:
        return
    visited = at.options.visited_address
    changed = planned.addresses != ip_listen_entries(at.facts)
    if changed and visited is not None and not planned.covers(visited):
        yield warning(
            "CA3064",
            f"the IP listen list as planned ({', '.join(planned.addresses)}) does not cover {visited}, "
            "through which this host is reached: WinRM will not answer there any more",
            "add that address under http_sys.ip_listen; as planned, the host puts everything back by itself",
        )
    if at.desired.http_01 and not planned.covers(CHALLENGE_ADDRESS):
        yield warning(
            "CA3065",
            f"the IP listen list lacks {CHALLENGE_ADDRESS}: the helper for http-01 challenges is asked through it",
            f"add {CHALLENGE_ADDRESS} under http_sys.ip_listen, or declare http_01: false",
        )


def _dormant(at: Situation) -> Iterator[Problem]:
    live, stored = at.facts.ip_listen.live, at.facts.ip_listen.registry
    if at.desired.ip_listen is None or live is None or stored is None:
        return
    if IpListen(ListenRule.EXACTLY, live).effective() != IpListen(ListenRule.EXACTLY, stored).effective():
        yield warning(
            "CA3053",
            f"the IP listen list in force ({', '.join(live) or 'empty'}) is not the one in the registry "
            f"({', '.join(stored) or 'empty'}), which comes into force when the HTTP driver starts",
            "reboot or maintenance needed: the driver is never stopped from here, because WinRM stops with it",
        )
