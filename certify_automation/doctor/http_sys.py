"""The HTTP driver, its IP listen list, and the port of the helper for http-01 challenges. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from certify_automation.diff import ip_listen_entries
from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.doctor.places import configured_evidence, socket_owner, socket_text, wanted_ends
from certify_automation.doctor.starts import start_evidence, start_said
from certify_automation.evidence import KERNEL, answers, one_address, probe
from certify_automation.model.facts import SocketFacts
from certify_automation.model.finding import Evidence, Finding, Severity
from certify_automation.model.http_sys import CHALLENGE_ADDRESS, IpListen, ListenRule, listen_address
from certify_automation.model.service import ServiceState, StartMode

_KEY = r"HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\ListenOnlyList"
_NETSH = "netsh http show iplisten"
_HTTP_EVENTS = "Microsoft-Windows-HttpEvent"
_CANNOT_BIND, _NOT_CONVERTED = {15005}, {15014, 15015}
_NOT_SUPPORTED = ("not supported on this platform", "System HTTP Service: Stopped")
_STUCK = frozenset(
    {
        ServiceState.STOP_PENDING,
        ServiceState.START_PENDING,
        ServiceState.PAUSE_PENDING,
        ServiceState.CONTINUE_PENDING,
    }
)


def _listed(case: Case) -> IpListen:
    """The list in force; an empty one where it cannot be read."""
    return IpListen(ListenRule.EXACTLY, ip_listen_entries(case.facts) or ())


def _list_evidence(case: Case) -> tuple[Evidence, ...]:
    live, stored = case.facts.ip_listen.live, case.facts.ip_listen.registry
    found = [] if live is None else [Evidence(_NETSH, ", ".join(live) or "empty")]
    return (*found, *([] if stored is None else [Evidence(_KEY, ", ".join(stored) or "empty")]))


def _events(case: Case, ids: set[int]) -> Iterator[Evidence]:
    of_http = (e for e in case.examination.events if e.provider == _HTTP_EVENTS and e.event_id in ids)
    for event in list(of_http)[:1]:
        yield Evidence(f"System log, {event.provider}, event {event.event_id}", ", ".join(event.values))


def _driver_evidence(case: Case) -> tuple[Evidence, ...]:
    driver = case.facts.driver
    if driver is None:
        return ()
    mode = driver.start_mode.value if driver.start_mode else "unknown"
    return (Evidence("driver HTTP", f"state {driver.state.value}, start mode {mode}"),)


def _driver_stuck(case: Case) -> Iterator[Finding]:
    driver = case.facts.driver
    if driver is not None and driver.state in _STUCK:
        yield finding(
            "CA6207",
            f"the HTTP driver is {driver.state.value}: a program still holds it, and nothing that uses http.sys works",
            _driver_evidence(case),
            Remedy(person="only a restart of the server ends this state"),
        )


def _driver_disabled(case: Case) -> Iterator[Finding]:
    driver = case.facts.driver
    if driver is None or driver.start_mode is not StartMode.DISABLED:
        return
    if case.declared.driver.start_mode is StartMode.DISABLED or (case.generation == "v7" and not case.declared.http_01):
        return
    stopped = driver.state is ServiceState.STOPPED
    what = "version 6 cannot listen" if case.generation != "v7" else "the helper for http-01 challenges cannot listen"
    when = "" if stopped else " once Windows has been restarted"
    found = finding("CA6206", f"the HTTP driver is disabled: {what}{when}", _driver_evidence(case))
    works = not stopped or case.generation == "v7"
    yield replace(found, severity=Severity.WARNING) if works else found


def _driver_stopped(case: Case) -> Iterator[Finding]:
    """A stopped driver starts when it is needed: for version 6 it matters where it was needed and did not."""
    driver = case.facts.driver
    if driver is None or driver.state is not ServiceState.STOPPED or not case.facts.product.services:
        return
    needed = case.running or start_said(case, *_NOT_SUPPORTED) or driver.start_mode is StartMode.DISABLED
    evidence = (*_driver_evidence(case), *(start_evidence(case) if case.generation == "v6" else ()))
    if case.generation == "v6" and needed:
        yield finding("CA6205", "the HTTP driver is stopped, and version 6 listens through it", evidence)
    elif case.generation == "v7" and case.declared.http_01:
        cause = (
            "the HTTP driver is stopped: WinRM and IIS do not answer, nor does the helper for http-01 challenges; the "
            "API of version 7 does not need it"
        )
        yield replace(finding("CA6205", cause, evidence), severity=Severity.WARNING)


def _list_excludes_host(case: Case) -> Iterator[Finding]:
    listed = _listed(case)
    for end in wanted_ends(case) if case.generation == "v6" else ():
        hosts = ("127.0.0.1", "::1") if end.host.casefold() == "localhost" else (end.host,)
        if not one_address(end.host) or any(map(listed.covers, hosts)) or answers(probe(case.facts, end.url)):
            continue
        yield finding(
            "CA6201",
            f"http.sys listens only at {', '.join(listed.addresses)}, and the API is to listen at {hosts[0]}",
            (*_list_evidence(case), *start_evidence(case)),
            Remedy(
                f"add {hosts[0]} to the list, which already has entries, then restart the product's service; by hand: "
                f"netsh http add iplisten ipaddress={hosts[0]}"
            ),
        )


def _lonely_entry(case: Case) -> Iterator[Finding]:
    listed = _listed(case)
    entries = listed.effective()
    declared = case.declared.ip_listen
    meant = declared is not None and declared.rule is ListenRule.EXACTLY and declared.effective() == entries
    if not entries or meant or not all(entry.is_loopback for entry in entries):
        return
    found = " and ".join(listed.addresses)
    commands = "; ".join(f"netsh http delete iplisten ipaddress={text}" for text in listed.addresses)
    yield finding(
        "CA6202",
        f"http.sys listens only at {found}: IIS, WinRM and every other program of http.sys can be reached from this "
        "server alone",
        _list_evidence(case),
        Remedy(
            f"take {found} off the list, so that http.sys listens at every address again; by hand, at the console: "
            f"{commands}, then restart what is cut off (iisreset)"
        ),
    )


def _list_excludes_challenges(case: Case) -> Iterator[Finding]:
    listed = _listed(case)
    if not case.declared.http_01 or not case.facts.product.services or listed.covers(CHALLENGE_ADDRESS):
        return
    yield finding(
        "CA6203",
        f"http.sys listens only at {', '.join(listed.addresses)}, and the helper for http-01 challenges is asked "
        f"through {CHALLENGE_ADDRESS}",
        (*_list_evidence(case), *_challenges(case)),
        Remedy(
            f"add {CHALLENGE_ADDRESS} to the list, which already has entries; by hand: "
            f"netsh http add iplisten ipaddress={CHALLENGE_ADDRESS}"
        ),
    )


def _challenges(case: Case) -> Iterator[Evidence]:
    """The last line of the helper's own log."""
    tail = case.examination.challenges
    lines = [line for line in tail.lines if line.strip()] if tail else []
    if tail and lines:
        yield Evidence(tail.path, " ".join(lines[-1].split()))


def _challenge_port_owned(case: Case) -> Iterator[Finding]:
    port = case.config["HttpChallengeServerPort"]
    if not case.declared.http_01 or not case.facts.product.services or not isinstance(port, int):
        return
    owner = next((s for s in case.facts.sockets if s.port == port and _in_the_way(case, s)), None)
    if owner is None:
        return
    yield finding(
        "CA6204",
        f"the helper for http-01 challenges listens through http.sys on port {port}, and {socket_text(owner)}",
        (Evidence("socket table", socket_text(owner)), *configured_evidence(case, "HttpChallengeServerPort")),
        Remedy(
            f"have {socket_owner(owner)} serve /.well-known/acme-challenge/ from the product's folder, "
            "use dns-01 challenges, or free the port",
            person=f"whether {owner.process_name or 'that program'} is to serve port {port}, only a person can say",
        ),
    )


def _in_the_way(case: Case, socket: SocketFacts) -> bool:
    """Whether it takes what arrives at the helper's address and belongs to neither http.sys nor the product."""
    own = {KERNEL} | {process.process_id for process in case.examination.processes}
    own |= {service.process_id for service in case.facts.product.services}
    return socket.process_id not in own and socket.address in {CHALLENGE_ADDRESS, "0.0.0.0", "::"}  # noqa: S104 - compared


def _list_entry_absent(case: Case) -> Iterator[Finding]:
    known = case.examination.addresses
    if known is None:
        return
    own = {listen_address(text.partition("%")[0]) for text in known}
    for text in _listed(case).addresses:
        address = listen_address(text)
        if address is None or address.is_loopback or address.is_unspecified or address in own:
            continue
        yield finding(
            "CA6211",
            f"http.sys is told to listen at {text}, and this server has no such address",
            (*_list_evidence(case), Evidence("network adapters", ", ".join(known)), *_events(case, _CANNOT_BIND)),
            Remedy(
                f"see which address has taken the place of {text}, and add that one to the list before {text} is taken "
                f"off: netsh http add iplisten ipaddress=NEW, then netsh http delete iplisten ipaddress={text}",
                person=f"what is to take the place of {text}, only a person can say",
            ),
            subject=text,
        )


def _list_dormant(case: Case) -> Iterator[Finding]:
    live, stored = case.facts.ip_listen.live, case.facts.ip_listen.registry
    if live is None or stored is None:
        return
    if IpListen(ListenRule.EXACTLY, live).effective() == IpListen(ListenRule.EXACTLY, stored).effective():
        return
    yield finding(
        "CA6212",
        f"the list in force is {', '.join(live) or 'empty'}, and the one in the registry "
        f"{', '.join(stored) or 'empty'}: the latter comes into force when Windows is restarted",
        _list_evidence(case),
        Remedy(person="which of the two is meant, only a person can say"),
    )


def _list_unreadable(case: Case) -> Iterator[Finding]:
    every = dict.fromkeys((*(case.facts.ip_listen.live or ()), *(case.facts.ip_listen.registry or ())))
    garbage = [text for text in every if listen_address(text) is None]
    if not garbage:
        return
    none_left = len(garbage) == len(every)
    result = ": it listens at every address" if none_left else ", and leaves them out"
    yield finding(
        "CA6213",
        f"http.sys cannot read {', '.join(repr(text) for text in garbage)} in its IP listen list{result}",
        (*_list_evidence(case), *_events(case, _NOT_CONVERTED)),
        Remedy(
            "take the entries that are no addresses out of the list; when these are all, see first whether http.sys is "
            "to listen everywhere, as it does now",
            person="what these entries were to be, only a person can say",
        ),
    )


HTTP_SYS: tuple[Rule, ...] = (
    _driver_stuck,
    _driver_disabled,
    _driver_stopped,
    _list_excludes_host,
    _lonely_entry,
    _list_excludes_challenges,
    _challenge_port_owned,
    _list_entry_absent,
    _list_dormant,
    _list_unreadable,
)
