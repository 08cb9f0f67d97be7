"""Remedies of findings about http.sys: its driver, its IP listen list, its URL reservations.

None of them stops the driver, and none can put a first entry into an empty list or an entry for every address: what is
added is one address of the machine itself, by a rule that an empty list fulfils.
"""

from __future__ import annotations

from collections.abc import Mapping

from certify_automation.diff import ip_listen_entries, reservation_of
from certify_automation.evidence import endpoint_url, loopback, one_address, url_path
from certify_automation.model.facts import UrlOwner
from certify_automation.model.finding import Finding
from certify_automation.model.host import HostState
from certify_automation.model.http_sys import CHALLENGE_ADDRESS, IpListen, ListenRule, UrlReservation, listen_address
from certify_automation.model.service import ServiceState, StartMode, WindowsService
from certify_automation.remediation.fragment import Fragment, NeedsPerson, Remedy
from certify_automation.remediation.goal import LITERALS, Goal
from certify_automation.remediation.listening import Remedial

_DRIVER_STUCK = NeedsPerson(
    "the HTTP driver is stuck between two states and takes no settings: restart the server first"
)


def _host_listed(goal: Goal, _: Finding) -> Remedy:
    host = goal.target.host
    if not (one_address(host) and loopback(endpoint_url(goal.target.url), "v7")):  # a name is listed by its address
        return NeedsPerson(
            f"the address to listen at is {host}; only one of the machine itself, such as {LITERALS[0]}, is added to "
            "the IP listen list from here"
        )
    return _covered("127.0.0.1" if host.casefold() == "localhost" else host, goal)


def _challenges_listed(goal: Goal, _: Finding) -> Remedy:
    return _covered(CHALLENGE_ADDRESS, goal)


def _stuck(goal: Goal) -> bool:
    """Whether the driver is between two states, in which it takes no settings."""
    driver = goal.case.facts.driver
    return driver is not None and driver.state not in {ServiceState.RUNNING, ServiceState.STOPPED}


def _covered(address: str, goal: Goal) -> Remedy:
    """One narrow entry more on a list that has some already; REACHABLE asks nothing of an empty one."""
    if _stuck(goal):
        return _DRIVER_STUCK
    return Fragment(HostState(ip_listen=IpListen(ListenRule.REACHABLE, (address,)), endpoint=goal.target))


def _list_emptied(goal: Goal, _: Finding) -> Remedy:
    if _stuck(goal):
        return _DRIVER_STUCK
    entries = ip_listen_entries(goal.case.facts) or ()
    address = listen_address(entries[0]) if len(entries) == 1 else None
    if address is None or not address.is_loopback:
        return NeedsPerson(
            f"the IP listen list is {', '.join(entries) or 'empty'}: which entries are meant, only a person knows"
        )
    return Fragment(HostState(ip_listen=IpListen(ListenRule.EXACTLY), endpoint=goal.target))


def _driver_started(goal: Goal, _: Finding) -> Remedy:
    return Fragment(HostState(driver=WindowsService(ServiceState.RUNNING), endpoint=goal.target))


def _driver_enabled(goal: Goal, _: Finding) -> Remedy:
    declared = goal.case.declared.driver.start_mode
    mode = StartMode.MANUAL if declared in {None, StartMode.DISABLED} else declared
    return Fragment(HostState(driver=WindowsService(start_mode=mode)))


def _reserved(goal: Goal, _: Finding) -> Remedy:
    """For the account that the service runs as, and nobody else."""
    url = f"{goal.target.url}/"
    declared = next((r for r in goal.case.declared.url_reservations or () if r.url.casefold() == url.casefold()), None)
    sid = goal.case.examination.account_sid
    if declared is not None and declared.sddl is not None:
        return _reservation(declared, goal)
    if sid is None:
        account = goal.case.service.account if goal.case.service else None
        return NeedsPerson(
            f"Windows does not know the account {account or 'of the service'}, so that nothing can be reserved for it: "
            "see in the Services console whom it runs as"
        )
    return _reservation(UrlReservation(url, f"D:(A;;GX;;;{sid})"), goal)


def _unreserved(goal: Goal, found: Finding) -> Remedy:
    reserved = reservation_of(goal.case.facts, found.subject)
    if reserved is None:
        return NeedsPerson(f"the reservation {found.subject or 'meant'} is not there: examine the host again")
    users = [owner.url for owner in goal.case.facts.url_owners if _below(owner, reserved.url, goal)]
    if users:
        return NeedsPerson(
            f"another program listens at {', '.join(users)}, which this reservation is for: "
            "`netsh http show servicestate` names its process"
        )
    return _reservation(UrlReservation(reserved.url, absent=True), goal)


def _reservation(wanted: UrlReservation, goal: Goal) -> Fragment:
    return Fragment(HostState(url_reservations=(wanted,), endpoint=goal.target))


def _below(owner: UrlOwner, reserved: str, goal: Goal) -> bool:
    """Whether somebody else than the product's service has registered the reserved URL, or one below it."""
    own = goal.case.service.process_id if goal.case.service else 0
    if endpoint_url(owner.url) != endpoint_url(reserved) or (own and set(owner.process_ids) <= {own}):
        return False
    return url_path(owner.url).casefold().startswith(url_path(reserved).casefold())


HTTP_SYS: Mapping[str, Remedial] = {
    "CA6201": _host_listed,
    "CA6202": _list_emptied,
    "CA6203": _challenges_listed,
    "CA6205": _driver_started,
    "CA6206": _driver_enabled,
    "CA6208": _reserved,
    "CA6209": _unreserved,
    "CA6210": _unreserved,
}
"""Finding id -> its remedy."""
