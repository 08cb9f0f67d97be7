"""Who can get at the product: the rights on its data folder, and the firewall rule that blocks its API."""

from __future__ import annotations

from collections.abc import Callable

from certify_automation.lab.onhost.file import folder_access
from certify_automation.lab.onhost.firewall import firewall_rules
from certify_automation.lab.onhost.journal import carry_out, intend
from certify_automation.lab.onhost.visit import ChangeFailed
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Computer, Win32Error
from certify_automation.lab.windows.access import canonical_list, set_list
from certify_automation.lab.windows.inheritance import is_protected

_INHERITED = "ID"


def set_data_access(run: Run, path: str, sddl: str) -> None:
    """Give the data folder a list of rights; raises ChangeFailed `access_control`, Win32Error."""
    computer = run.visit.computer
    wanted = _meaning(sddl)
    if _meaning(_list_of(computer, path)) == wanted:
        return
    intend(run)
    run.acted = True
    run.visit.effect(f"rights of {path}", lambda: set_list(computer.files, path, sddl))
    now = _list_of(computer, path)
    if _meaning(now) != wanted:
        raise ChangeFailed("access_control", f"The rights on {path} read {now}.")


def _list_of(computer: Computer, path: str) -> str:
    access = folder_access(computer, path)
    if access is None:
        raise ChangeFailed("access_control", f"The rights on {path} cannot be read.")
    return str(access["sddl"])


def _meaning(sddl: str) -> tuple[bool, list[str]]:
    """Whether the list is protected, and its entries but those the folder above gives to one that is not."""
    protected = is_protected(sddl)
    entries = canonical_list(sddl).split("(")[1:]
    return protected, sorted(one for one in entries if protected or _INHERITED not in one.split(";")[1])


def set_firewall_rule(run: Run, name: str, port: int, *, present: bool) -> None:
    """Make the rule that blocks a port, or delete it; raises ChangeFailed `firewall`."""
    firewall = run.visit.computer.firewall
    wanted = "present" if present else "absent"
    now = _rule_state(run.visit.computer, name, port)
    if now == wanted:
        return
    rule = f"rule name={name} dir=in"
    if now != "absent":
        _netsh(run, f"delete {rule}", lambda: firewall.delete_inbound(name))
    if present:
        options = f"action=block protocol=TCP localport={port} profile=any"
        _netsh(run, f"add {rule} {options}", lambda: firewall.add_block(name, port))
    now = _rule_state(run.visit.computer, name, port)
    if now != wanted:
        raise ChangeFailed("firewall", f"The rules named {name} are now: {now}.")


def _rule_state(computer: Computer, name: str, port: int) -> str:
    """`absent`, `present` when every rule of the name blocks the port for everybody, otherwise `other`."""
    rules = firewall_rules(computer, (), name)
    if rules is None:
        raise ChangeFailed("firewall", "The rules of the firewall cannot be read.")
    text = f"|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort={port}|Name={name}|"
    if any(text not in one["value"] for one in rules):
        return "other"
    return "present" if rules else "absent"


def _netsh(run: Run, command: str, act: Callable[[], None]) -> None:
    try:
        carry_out(run, f"netsh.exe advfirewall firewall {command}", act)
    except Win32Error as error:
        raise ChangeFailed("firewall", f"netsh advfirewall firewall {command}: 1 {error.text}") from error
    run.acted = True
