"""What lies outside the product's files, as it was before a run: http.sys, the services, the firewall, the folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from certify_automation.diff import (
    block_rules,
    blocked,
    ip_listen_entries,
    observed_recovery,
    reservation_of,
    reservation_sddl,
)
from certify_automation.model.change import (
    Change,
    DataDirectoryAcl,
    DriverStartMode,
    FirewallRuleAdd,
    FirewallRuleRemove,
    IpListenAdd,
    IpListenRemove,
    ServiceRecovery,
    ServiceStart,
    ServiceStartMode,
    ServiceStop,
    UrlReservationAdd,
    UrlReservationRemove,
    UrlReservationReplace,
)
from certify_automation.model.facts import ReservationFacts
from certify_automation.model.folder_acl import folder_acl
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation, listen_address
from certify_automation.model.recovery import Recovery
from certify_automation.model.sddl import parse_descriptor, parse_sddl
from certify_automation.model.security import ApiExposure
from certify_automation.model.service import ServiceState
from certify_automation.rollback.draft import Draft

Reservation = UrlReservationAdd | UrlReservationRemove | UrlReservationReplace
OfTheService = ServiceStartMode | ServiceRecovery | ServiceStart | ServiceStop


def take_back_driver(change: DriverStartMode, draft: Draft) -> None:
    """The start mode of the HTTP driver."""
    now = draft.facts.driver.start_mode if draft.facts.driver else None
    same = {"as_before": now is change.before, "as_after": now is change.after}
    if draft.restores("http_sys.driver.start_mode", (change.before.value, now and now.value), **same):
        draft.state = replace(draft.state, driver=replace(draft.state.driver, start_mode=change.before))


def take_back_reservation(change: Reservation, draft: Draft) -> None:
    """One reservation: absent, or for those it was for."""
    before = None if isinstance(change, UrlReservationAdd) else _descriptor_before(change)
    after = None if isinstance(change, UrlReservationRemove) else _descriptor_after(change)
    found = reservation_of(draft.facts, change.url)
    both = (before, reservation_sddl(found) if found else None)
    same = {"as_before": _grants(found, before), "as_after": _grants(found, after)}
    if draft.restores(f"http_sys.url_reservations[{change.url}]", both, **same):
        wanted = UrlReservation(change.url, before, absent=before is None)
        draft.state = replace(draft.state, url_reservations=(*(draft.state.url_reservations or ()), wanted))


def _descriptor_before(change: UrlReservationRemove | UrlReservationReplace) -> str:
    return change.sddl if isinstance(change, UrlReservationRemove) else change.before


def _descriptor_after(change: UrlReservationAdd | UrlReservationReplace) -> str:
    return change.sddl if isinstance(change, UrlReservationAdd) else change.after


def _grants(found: ReservationFacts | None, sddl: str | None) -> bool:
    if found is None or sddl is None:
        return found is None and sddl is None
    try:
        return parse_descriptor(found.descriptor) == parse_sddl(sddl)
    except ValueError:
        return False


def take_back_ip_listen(changes: Sequence[Change], draft: Draft) -> None:
    """The IP listen list without what the run added and with what it took off; what others did to it stays.

    An entry is there or not, so there is no conflict. A list that cannot be read is refused when it is planned.
    """
    entries = ip_listen_entries(draft.facts)
    added = [one.address for one in changes if isinstance(one, IpListenAdd)]
    taken = [one.address for one in changes if isinstance(one, IpListenRemove)]
    surplus = [text for text in entries or added if any(_same(text, one) for one in added)]
    missing = [text for text in taken if not any(_same(text, one) for one in entries or ())]
    if surplus:
        kept = (text for text in entries or () if text not in surplus)
        draft.state = replace(draft.state, ip_listen=IpListen(ListenRule.EXACTLY, (*kept, *missing)))
    elif missing:
        draft.state = replace(draft.state, ip_listen=IpListen(ListenRule.INCLUDE, tuple(missing)))


def _same(one: str, other: str) -> bool:
    address = listen_address(one)
    return one == other if address is None else address == listen_address(other)


def take_back_block_rule(changes: Sequence[Change], draft: Draft) -> None:
    """The inbound block rule of this program: absent, or for the port it was for."""
    before = next((one.port for one in changes if isinstance(one, FirewallRuleRemove)), None)
    after = next((one.port for one in changes if isinstance(one, FirewallRuleAdd)), None)
    if before == after:
        return
    facts = draft.facts
    found = "a rule that was altered" if block_rules(facts) else None
    if facts.firewall_rules is None:
        found = "the firewall's rules cannot be read"

    def is_now(port: int | None) -> bool:
        return found is None if port is None else blocked(facts, port)

    both = (_rule(before), _rule(after) if is_now(after) else found)
    if draft.restores("security.api_exposure.block", both, as_before=is_now(before), as_after=is_now(after)):
        exposure = ApiExposure(block=before is not None, loopback=False, port=before)
        draft.state = replace(draft.state, api_exposure=exposure)


def _rule(port: int | None) -> str | None:
    return None if port is None else f"port {port} blocked"


def take_back_folder(change: DataDirectoryAcl, draft: Draft) -> None:
    """The access list of the data folder."""
    path, access, folder = "security.data_directory_acl", draft.facts.data_access, draft.facts.product.data_dir
    both = (change.before, access.sddl if access else None)
    if folder is None or folder.casefold() != change.path.casefold():
        draft.conflict(path, both, f"the run changed {change.path}, and the data folder is now {folder or 'not known'}")
    elif draft.restores(path, both, as_before=_lists(both[1], change.before), as_after=_lists(both[1], change.after)):
        draft.state = replace(draft.state, data_directory_acl=change.before)


def _lists(one: str | None, other: str) -> bool:
    try:
        return one is not None and folder_acl(one).same_as(folder_acl(other))
    except ValueError:
        return False


def take_back_service(change: OfTheService, draft: Draft) -> None:
    """Start mode, recovery actions or state of the product's service."""
    found = draft.facts.service
    if found is None or found.name.casefold() != change.service.casefold():
        now = found.name if found else None
        draft.conflict("service.name", (change.service, now), "the run was for another service than there is now")
        return
    match change:
        case ServiceRecovery():
            _recovery(change, draft)
        case ServiceStartMode(before=before, after=after):
            mode = found.start_mode
            same = {"as_before": mode is before, "as_after": mode is after}
            if draft.restores("service.start_mode", (before.value, mode and mode.value), **same):
                draft.state = replace(draft.state, service=replace(draft.state.service, start_mode=before))
        case ServiceStart() | ServiceStop():
            states = (ServiceState.STOPPED, ServiceState.RUNNING)
            before_act, after_act = states if isinstance(change, ServiceStart) else states[::-1]
            same = {"as_before": found.state is before_act, "as_after": found.state is after_act}
            if draft.restores("service.state", (before_act.value, found.state.value), **same):
                draft.state = replace(draft.state, service=replace(draft.state.service, state=before_act))


def _recovery(change: ServiceRecovery, draft: Draft) -> None:
    try:
        now = observed_recovery(draft.facts)
    except ValueError:
        now = None
    same = {
        "as_before": now is not None and change.before.same_as(now),
        "as_after": now is not None and change.after.same_as(now),
    }
    both = (_actions(change.before), _actions(now) if now is not None else None)
    if draft.restores("service.recovery", both, **same):
        draft.state = replace(draft.state, recovery=change.before)


def _actions(recovery: Recovery) -> str:
    return ", ".join(f"{one.action.word} after {one.delay_ms / 1000:g} s" for one in recovery.actions) or "nothing"
