"""Single values, states and changes in words."""

from __future__ import annotations

import json
import re

from certify_automation.diff import preference_name, preference_value
from certify_automation.model.change import Change, DataDirectoryAcl, FileWrite
from certify_automation.model.config_files import JsonValue
from certify_automation.model.folder_acl import ADMINISTRATORS, SYSTEM, FolderAce, everybody, folder_acl
from certify_automation.model.host_report import HostStatus
from certify_automation.model.renewal import AfterCommit, PreferenceSet
from certify_automation.model.sddl import mask_of

_WORDS = {HostStatus.NOT_RUN: "not run", HostStatus.ROLLED_BACK: "put itself back"}
_CHANGE_TEXTS = {
    "driver.start_mode": "set the HTTP driver's start mode to {0.after.value}",
    "driver.start": "start the HTTP driver",
    "url_reservation.add": "reserve {0.url}",
    "url_reservation.remove": "remove the reservation of {0.url}",
    "url_reservation.replace": "reserve {0.url} for others than now",
    "ip_listen.add": "add {0.address} to the IP listen list",
    "ip_listen.remove": "remove {0.address} from the IP listen list",
    "firewall_rule.add": "block TCP port {0.port} from elsewhere with the inbound rule {0.name}",
    "firewall_rule.remove": "remove the inbound rule {0.name}",
    "data_directory.acl": "set who may get at {0.path}",
    "service.recovery": "set what happens when {0.service} fails",
    "service.start_mode": "set the start mode of {0.service} to {0.after.value}",
    "file.write": "write {0.path}",
    "data_store.restore": "replace {0.path} by a copy of {0.backup}, the files of before copied away first",
    "service.restart": "restart {0.service}",
    "service.start": "start {0.service}",
    "service.stop": "stop {0.service}",
    "certificate.renew": "renew {0.name}: {0.reason}",
}
_SHA_256 = re.compile("[0-9a-f]{64}")
_DIGEST_SHOWN = 12
_TRUSTEES = {
    SYSTEM: "SYSTEM",
    ADMINISTRATORS: "Administrators",
    "S-1-3-0": "CREATOR OWNER",
    "S-1-5-19": "LOCAL SERVICE",
    "S-1-5-20": "NETWORK SERVICE",
    "LA": "the machine's own Administrator",
}
_RIGHTS = {
    0x001F01FF: "full control",
    0x10000000: "full control",
    0x001301BF: "modify",
    0x001200A9: "read and execute",
    0x00120089: "read",
    0x00120116: "write",
}
"""The simple rights of icacls; FILE_ALL_ACCESS and GENERIC_ALL come to the same."""


def counted(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def status_text(status: HostStatus, *, planned: bool = False) -> str:
    """A status in words; planned = nothing was carried out, so that CHANGED is still to come."""
    if planned and status is HostStatus.CHANGED:
        return "to change"
    return _WORDS.get(status, status.value)


def value_text(value: JsonValue) -> str:
    """A value on one line: text as it is, a SHA-256 by its first digits, the rest as JSON; `(not set)` for None."""
    if value is None:
        return "(not set)"
    if isinstance(value, str) and _SHA_256.fullmatch(value):
        return value[:_DIGEST_SHOWN]
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def change_text(change: Change | AfterCommit) -> str:
    """What a change does, in words."""
    if isinstance(change, PreferenceSet):
        value = value_text(preference_value(change.name, change.after))
        return f"set the preference {preference_name(change.name)} to {value}"
    if isinstance(change, FileWrite) and change.after is None:
        return f"remove {change.path}"
    if isinstance(change, DataDirectoryAcl):
        return f"{_CHANGE_TEXTS[change.kind].format(change)}: {access_text(change.after)}"
    return _CHANGE_TEXTS[change.kind].format(change)


def access_text(sddl: str) -> str:
    """Who may do what by the access list of a folder; a list that says more than that as SDDL."""
    try:
        found = folder_acl(sddl)
    except ValueError:
        return sddl
    if found.unlimited:
        return "Everyone full control, for want of a list"
    own = [_entry_text(entry) for entry in found.entries if found.protected or not entry.inherited]
    handed_down = [] if found.protected else ["what the folder above hands down"]
    return ", ".join(dict.fromkeys([*own, *handed_down])) or "nobody"


def _entry_text(entry: FolderAce) -> str:
    who = _TRUSTEES.get(entry.sid) or everybody(entry.sid) or entry.sid
    return f"{who} {'' if entry.allow else 'denied '}{_RIGHTS.get(mask_of(entry.rights), 'special rights')}"
