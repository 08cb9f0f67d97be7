"""A case of a plan table: a computer, what is declared for it, and what the caller allows."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.plan import PlanOptions
from planning.certified import certificates_json
from planning.computer import Computer, file_json
from planning.declared import BASELINE, host_state
from planning.descriptors import descriptor
from planning.observing import checked
from planning.tables import content

RUN = "0123456789abcdef0123456789abcdef"
CONFIG = b'{\r\n  "Host": "127.0.0.2",\r\n  "Port": 9696,\r\n  "LogLevel": "information"\r\n}'
SERVERS = (
    b'[{"Id": "1", "DisplayName": "(local)", "Host": "127.0.0.2", "Port": 9696, "UseHTTPS": false, "IsDefault": true}]'
)


def converged(generation: str = "v6") -> Computer:
    """A computer that is as the baseline of declared.py says, its service not yet started."""
    return Computer(
        generation=generation,
        files={"serviceconfig": CONFIG, "servers": SERVERS, "appsettings_core": None},
        reservations={"http://127.0.0.2:9696/": descriptor("D:(A;;GX;;;SY)")},
    )


def computer(case: Mapping[str, Any]) -> Computer:
    """The computer of a case: converged and running, except for what the case says.

    `before` is in place when the service starts, `after` comes later and is not noticed by the service.
    """
    made = converged(case.get("generation", "v6"))
    edit(made, case.get("before", {}))
    if made.state == "Running":
        made.start()
    edit(made, case.get("after", {}))
    return made


def edit(made: Computer, parts: Mapping[str, Any]) -> None:
    """Give a computer other values, as somebody does who tells nobody."""
    for name, value in parts.items():
        if name == "files":
            made.files |= {file: content(text) for file, text in value.items()}
        elif name == "reservations":
            made.reservations = {url: descriptor(sddl) for url, sddl in value.items()}
        elif name == "taken":
            made.taken = tuple((address, port) for address, port in value)
        else:
            setattr(made, name, value)


def observed(case: Mapping[str, Any]) -> Facts:
    """The facts of a case: its computer's, with single values replaced by their path (`host.os_version`)."""
    document = computer(case).facts_json()
    for path, value in case.get("facts", {}).items():
        *folders, last = path.split(".")
        part: Any = document
        for folder in folders:
            part = part[int(folder)] if isinstance(part, list) else part[folder]
        if isinstance(part, list):
            part[int(last)] = value
        else:
            part[last] = value
    for name, error in case.get("unreadable", {}).items():
        document["files"][name] = file_json(name, None, error)
    for url, data in case.get("descriptors", {}).items():
        document["url_reservations"].append({"url": url, "descriptor": base64.b64encode(bytes.fromhex(data)).decode()})
    if "certificates" in case:
        document["certificates"] = certificates_json(case["certificates"])
    return checked(document)


def desired(case: Mapping[str, Any]) -> HostState:
    """What a case declares: the baseline with parts replaced (null = not declared), or `only` these parts."""
    if "only" in case:
        return host_state(case["only"])
    parts = {**BASELINE, **case.get("declared", {})}
    return host_state({name: part for name, part in parts.items() if part is not None})


def options(case: Mapping[str, Any]) -> PlanOptions:
    """What the caller of a case allows."""
    return PlanOptions(RUN, **case.get("options", {}))
