"""Writing to http.sys, as netsh does it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from certify_automation.lab.onhost.http_sys import listen_list
from certify_automation.lab.onhost.journal import carry_out
from certify_automation.lab.onhost.visit import ChangeFailed, Visit
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error, security


def set_reservation(run: Run, url: str, sddl: str) -> None:
    """Make the reservation of a URL what the text says, or remove it for an empty one; raises ChangeFailed `netsh`."""
    visit = run.visit
    http = visit.computer.http
    wanted = security.from_bytes(security.to_bytes(sddl)) if sddl else ""
    now = _reservation(visit, url)
    if now == wanted:
        return
    if now:
        _netsh(run, f"delete urlacl url={url}", lambda: http.unreserve(url))
    if wanted:
        _netsh(run, f"add urlacl url={url} sddl={sddl}", lambda: http.reserve(url, security.to_bytes(sddl)))
    now = _reservation(visit, url)
    if now != wanted:
        raise ChangeFailed("netsh", f"The reservation of {url} reads '{now}'.")


def set_listen_entry(run: Run, address: str, *, present: bool) -> None:
    """Add to or delete from the IP listen list; raises ChangeFailed `netsh`."""
    visit = run.visit
    http = visit.computer.http
    wanted = str(ip_address(address))
    live = listen_list(visit.computer)["live"]
    if live is None:
        raise ChangeFailed("netsh", "The IP listen list cannot be read.")
    if (wanted in live) == present:
        return
    if present:
        _netsh(run, f"add iplisten ipaddress={wanted}", lambda: http.add_listen(wanted))
    else:
        _netsh(run, f"delete iplisten ipaddress={wanted}", lambda: http.delete_listen(wanted))
    now = listen_list(visit.computer)["live"] or []
    if (wanted in now) != present:
        raise ChangeFailed("netsh", f"The list reads {', '.join(now)}.")


def _reservation(visit: Visit, url: str) -> str:
    known = visit.computer.http.reservation(url)
    return security.from_bytes(visit.computer.http.reservations[known]) if known else ""


def _netsh(run: Run, command: str, act: Callable[[], None]) -> None:
    try:
        carry_out(run, f"netsh.exe http {command}", act)
    except Win32Error as error:
        text = f"Url reservation add failed, Error: {error.code} {error.text}"
        raise ChangeFailed("netsh", f"netsh http {command}: 1 {text}") from error
    run.acted = True
