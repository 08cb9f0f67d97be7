"""Hosts to act on and plans for them, by name: what the sweeps and the timer's cases share."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from certify_automation import onhost
from certify_automation.lab.certify.installation import core_settings
from certify_automation.lab.hosts import BuiltHost, HostSpec, build, stop
from certify_automation.lab.onhost import Visit, answer
from certify_automation.lab.windows import StillClock, security
from certify_automation.lab.windows.files import join

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
AUTOMATION = "C:\\ProgramData\\certify-automation"
OWN = "10.20.0.1"
WANTED = 9797
RESERVED = "http://127.0.0.2:9700/"

Json = dict[str, Any]


def make(generation: str) -> BuiltHost:
    """A healthy host whose listen list leaves WinRM reachable, with a reservation of somebody's; v7 is not pinned."""
    host = build(HostSpec("web01.example.com", generation), 0, StillClock(NOW))
    host.computer.http.add_listen(OWN)
    host.computer.http.add_listen("127.0.0.2")
    host.computer.http.reserve(RESERVED, security.to_bytes("D:(A;;GX;;;NS)"))
    return host


def service(host: BuiltHost) -> str:
    assert host.product is not None
    return host.product.service_name


def path(host: BuiltHost, file: str) -> str:
    assert host.product is not None
    if file == "appsettings_core":
        return join(host.product.install_folder, "appsettings-core.json")
    return join(host.product.data_folder(), f"{file}.json")


def read(host: BuiltHost, file: str) -> bytes | None:
    files = host.computer.files
    return files.read(path(host, file)) if files.exists(path(host, file)) else None


def write(host: BuiltHost, file: str, content: bytes | None) -> Json:
    before = read(host, file)
    return {
        "kind": "file.write",
        "file": file,
        "path": path(host, file),
        "before_sha256": None if before is None else hashlib.sha256(before).hexdigest(),
        "after_sha256": None if content is None else hashlib.sha256(content).hexdigest(),
        "content": None if content is None else base64.b64encode(content).decode(),
    }


def moved_port(host: BuiltHost) -> list[Json]:
    """serviceconfig.json and, for v7, what pins its endpoint."""
    changes = [write(host, "serviceconfig", json.dumps({"Host": "127.0.0.2", "Port": WANTED}).encode())]
    if host.spec.generation == "v7":
        changes.append(write(host, "appsettings_core", core_settings(f"http://127.0.0.2:{WANTED}")))
    return changes


def restart(host: BuiltHost) -> Json:
    return {"kind": "service.restart", "service": service(host)}


def http_changes(_: BuiltHost) -> list[Json]:
    sddl = "D:(A;;GX;;;SY)"
    return [
        {"kind": "ip_listen.add", "address": "127.0.0.3", "first": False},
        {"kind": "url_reservation.add", "url": f"http://127.0.0.2:{WANTED}/", "sddl": sddl},
        {"kind": "url_reservation.replace", "url": RESERVED, "before": "D:(A;;GX;;;NS)", "after": "D:(A;;GA;;;LS)"},
    ]


def everything(host: BuiltHost) -> list[Json]:
    name = service(host)
    mode = {"kind": "service.start_mode", "service": name, "before": "automatic-delayed", "after": "automatic"}
    found = host.computer.services.get(name)
    assert found is not None
    mode["before"] = "automatic-delayed" if found.delayed else "automatic"
    return [
        *http_changes(host),
        mode,
        *moved_port(host),
        write(host, "servers", b"[]"),
        restart(host),
    ]


def settings(host: BuiltHost) -> list[Json]:
    """What does not need the service: rights, the block rule, recovery."""
    assert host.product is not None
    folder, name = host.product.data_folder(), service(host)
    rights = host.computer.files.security(folder)
    host.computer.services.set_failure_actions(name, 86400, ((1, 600000),))
    host.computer.services.set_failure_flag(name, on=False)
    restart_once = {"action": "restart", "delay_ms": 600000}
    return [
        {
            "kind": "data_directory.acl",
            "path": folder,
            "before": rights[rights.index("D:") :],
            "after": "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;S-1-5-21-1-2-3-1001)",
        },
        {"kind": "firewall_rule.add", "name": "certify-automation-api", "port": 9696},
        {
            "kind": "service.recovery",
            "service": name,
            "before": {"reset_seconds": 86400, "actions": [restart_once], "on_stop_with_error": False},
            "after": {
                "reset_seconds": None, "actions": [restart_once, {"action": "none", "delay_ms": 0}],
                "on_stop_with_error": True,
            },
        },
    ]  # fmt: skip


def new_file(host: BuiltHost) -> list[Json]:
    host.computer.files.delete(path(host, "servers"))
    return [write(host, "servers", b"[]"), restart(host)]


def removed_file(host: BuiltHost) -> list[Json]:
    return [write(host, "servers", None), {"kind": "ip_listen.add", "address": "127.0.0.3", "first": False}]


def removals(host: BuiltHost) -> list[Json]:
    host.computer.http.add_listen("127.0.0.4")
    return [
        {"kind": "ip_listen.remove", "address": "127.0.0.4"},
        {"kind": "url_reservation.remove", "url": RESERVED, "sddl": "D:(A;;GX;;;NS)"},
    ]


def started(host: BuiltHost) -> list[Json]:
    """A host whose service is disabled and down."""
    name = service(host)
    assert host.product is not None
    stop(host.computer, host.product)
    host.computer.services.configure(name, "Disabled")
    return [
        {"kind": "service.start_mode", "service": name, "before": "disabled", "after": "automatic"},
        *moved_port(host),
        {"kind": "service.start", "service": name},
    ]


def stopped(host: BuiltHost) -> list[Json]:
    return [{"kind": "service.stop", "service": service(host)}]


@dataclass(frozen=True, slots=True)
class Plans:
    """A way to a plan: the changes; the port at which the service answers afterwards, None = it is not asked."""

    changes: Callable[[BuiltHost], list[Json]]
    port: int | None

    def prepare(
        self, generation: str, *, fails: bool = False, confirm_seconds: int | None = None
    ) -> tuple[BuiltHost, Json]:
        """A new host and the plan for it; one that fails finds its service at another port than it expects."""
        host = make(generation)
        changes = self.changes(host)
        port = 9799 if fails else self.port
        health = {
            "url": f"http://127.0.0.2:{port}", "generation": generation, "service": service(host), "wait_seconds": 20,
        }  # fmt: skip
        return host, {
            "run_id": "1" * 32,
            "plan_id": "0" * 64,
            "expects": [],
            "changes": changes,
            "health": health if port else None,
            "port_check": None,
            "confirm_seconds": confirm_seconds,
            "origin": {"by": "alice@ctl01", "commit": "c0ffee", "rolls_back": None},
            "observe": {
                "endpoint": {"host": "127.0.0.2", "port": 9696, "https": False}, "ports": [9696, WANTED], "run": None,
            },
        }  # fmt: skip


PLANS = {
    "everything": Plans(everything, WANTED),
    "settings": Plans(settings, 9696),
    "a new file": Plans(new_file, 9696),
    "removals": Plans(removals, None),
    "a file less": Plans(removed_file, None),
    "a start": Plans(started, WANTED),
    "a stop": Plans(stopped, None),
}


def apply(host: BuiltHost, plan: Json, **choices: Any) -> Json:
    """The Outcome."""
    return call(host, {"verb": "apply", "plan": plan}, **choices)


def call(host: BuiltHost, parameters: Json, **choices: Any) -> Json:
    """The value of the reply of the script that takes these parameters."""
    name = onhost.acting_script(parameters).name
    reply = answer(Visit(host.computer, **choices), name, copy.deepcopy(parameters), deadline_seconds=300)
    assert reply["ok"], reply
    value: Json = reply["value"]
    return value


def another_run(plan: Json, run_id: str) -> Json:
    return {**copy.deepcopy(plan), "run_id": run_id * 32}


def observe(host: BuiltHost, run: str | None = None) -> Json:
    """Facts."""
    endpoint = {"host": "127.0.0.2", "port": 9696, "https": False}
    reply = answer(Visit(host.computer), "Observe", {"endpoint": endpoint, "ports": [9696], "run": run})
    value: Json = reply["value"]
    return value


def without_changes(plan: Json) -> Json:
    """A plan that recovers and does nothing."""
    return {**another_run(plan, "f"), "changes": [], "health": None, "confirm_seconds": None}


def state(host: BuiltHost) -> Json:
    """All of the computer but what every visit may leave: our own folder, logs, databases, process ids."""
    host.computer.pass_time(5)
    dump = host.computer.dump()
    dump["files"] = {
        name: content
        for name, content in dump["files"].items()
        if not name.startswith(AUTOMATION) and "\\logs" not in name and ".db" not in name
    }
    for row in dump["services"]:
        row["process_id"] = bool(row["process_id"])
        # A start of Windows renews them.
        del row["exit_code"], row["service_exit_code"]
    dump["listen_live"] = sorted(dump["listen_live"])
    dump["listen_registry"] = sorted(dump["listen_registry"] or [])
    dump["registrations"] = sorted((url, queue) for url, _, queue in dump["registrations"])
    for row in dump["listeners"]:
        del row["process_id"]
    # The firewall names its rules at random.
    dump["firewall"] = sorted((dump["firewall"] or {}).values())
    for name in ("processes", "events"):
        del dump[name]
    dump["file_security"] = {
        name: text for name, text in dump["file_security"].items() if not name.startswith(AUTOMATION.casefold())
    }
    return dump
