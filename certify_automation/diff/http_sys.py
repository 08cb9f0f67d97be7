"""The listen list and the URL reservations of http.sys, as declared and as found."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.model.facts import Facts, ReservationFacts
from certify_automation.model.http_sys import IpListen, ListenRule, UrlReservation, listen_address
from certify_automation.model.plan import Difference
from certify_automation.model.sddl import parse_descriptor, parse_sddl, sddl_of
from certify_automation.model.service import ServiceState


def ip_listen_entries(facts: Facts) -> tuple[str, ...] | None:
    """The listen list in force, or the one a stopped driver will start with; None = not readable."""
    live, driver = facts.ip_listen.live, facts.driver
    if live is None and driver is not None and driver.state is ServiceState.STOPPED:
        return facts.ip_listen.registry
    return live


def ip_listen_missing(declared: IpListen, facts: Facts) -> tuple[str, ...]:
    """Addresses to be added to the list that is in force, in canonical form."""
    entries = ip_listen_entries(facts) or ()
    live = IpListen(ListenRule.EXACTLY, entries)
    wanted = ["127.0.0.1" if text.lower() == "localhost" else text for text in declared.addresses]
    if declared.rule is ListenRule.REACHABLE:
        missing = [text for text in wanted if not live.covers(text)]
    else:
        missing = [text for text in wanted if listen_address(text) not in live.effective() and text not in entries]
    return tuple(dict.fromkeys(str(listen_address(text) or text) for text in missing))


def ip_listen_surplus(declared: IpListen, facts: Facts) -> tuple[str, ...]:
    """Entries to be taken off: those that `exactly` does not name."""
    if declared.rule is not ListenRule.EXACTLY:
        return ()
    wanted = declared.effective()
    return tuple(
        text
        for text in ip_listen_entries(facts) or ()
        if listen_address(text) not in wanted and text not in declared.addresses
    )


def ip_listen_differences(declared: IpListen | None, facts: Facts) -> Iterator[Difference]:
    """One for each address that is to be added or taken off."""
    if declared is None:
        return
    if ip_listen_entries(facts) is None:
        yield Difference("http_sys.ip_listen", list(declared.addresses), None, "the list cannot be read")
        return
    for address in ip_listen_missing(declared, facts):
        yield Difference(f"http_sys.ip_listen[{address}]", "listed", None)
    for address in ip_listen_surplus(declared, facts):
        yield Difference(f"http_sys.ip_listen[{address}]", None, "listed")


def reservation_of(facts: Facts, url: str) -> ReservationFacts | None:
    """The reservation of this URL; URLs of http.sys compare ignoring case."""
    return next((r for r in facts.url_reservations if r.url.lower() == url.lower()), None)


def reservation_differences(declared: tuple[UrlReservation, ...] | None, facts: Facts) -> Iterator[Difference]:
    """One for each reservation that is missing, for others than declared, or not to be there."""
    for wanted in declared or ():
        found = reservation_of(facts, wanted.url)
        path = f"http_sys.url_reservations[{wanted.url}]"
        if wanted.absent:
            if found is not None:
                yield Difference(path, None, reservation_sddl(found))
        elif wanted.sddl is None:
            continue
        elif found is None:
            yield Difference(path, wanted.sddl, None)
        elif not _grants(wanted.sddl, found):
            yield Difference(path, wanted.sddl, reservation_sddl(found))


def _grants(sddl: str, found: ReservationFacts) -> bool:
    try:
        return parse_sddl(sddl) == parse_descriptor(found.descriptor)
    except ValueError:
        return False


def reservation_sddl(found: ReservationFacts) -> str:
    """The SDDL that gives the reservation its descriptor again; `unreadable: …` when none is known to."""
    try:
        return sddl_of(found.descriptor)
    except ValueError as error:
        return f"unreadable: {error}"
