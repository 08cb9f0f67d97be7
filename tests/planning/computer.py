"""A small pure model of what is managed on a host: it takes a plan's changes and shows itself as Facts.

It knows just enough of the product to be converged: v6 registers its URL at start when the driver runs, the listen list
covers its address and nobody else is there; v7 opens a socket or ends.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass, field
from typing import Any

from certify_automation.config_merge import effective_config, kestrel_endpoints
from certify_automation.evidence import endpoint_url
from certify_automation.model.change import Change
from certify_automation.model.change_codec import change_to_json, recovery_from_json
from certify_automation.model.facts import Facts
from certify_automation.model.folder_acl import folder_acl
from certify_automation.model.http_sys import IpListen, ListenRule
from certify_automation.model.recovery import Recovery, recovery_of
from certify_automation.model.security import BLOCK_RULE
from planning.descriptors import descriptor
from planning.observing import facts

DATA = "C:\\ProgramData\\certify"
INSTALL = "C:\\Program Files\\CertifyTheWeb"
PATHS = {
    "serviceconfig": f"{DATA}\\serviceconfig.json",
    "servers": f"{DATA}\\servers.json",
    "appsettings_core": f"{INSTALL}\\appsettings-core.json",
}
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, never bound
BLOCKING = f"v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort={{}}|Name={BLOCK_RULE}|"
_MODES = {"automatic-delayed": "Auto", "automatic": "Auto", "manual": "Manual", "disabled": "Disabled"}


@dataclass
class Computer:
    """One host's managed state.

    Attributes:
        bound: the URL at which the running service listens; None = it does not.
        taken: address and port of other programs' listeners.
    """

    generation: str = "v6"
    state: str = "Running"
    start_mode: str = "automatic-delayed"
    driver_state: str = "Running"
    driver_mode: str = "manual"
    files: dict[str, bytes | None] = field(default_factory=lambda: dict.fromkeys(PATHS))
    listen: list[str] = field(default_factory=list)
    reservations: dict[str, bytes] = field(default_factory=dict)
    taken: tuple[tuple[str, int], ...] = ()
    bound: str | None = None
    failure_actions: bytes | None = None
    failure_flag: bool = False
    account: str = "LocalSystem"
    acl: str | None = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    owner: str = "S-1-5-32-544"
    rules: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def service(self) -> str:
        return "Certify.Service" if self.generation == "v6" else "Certify.Server.Core"

    def started(self) -> Computer:
        """The same computer after its service started, if it can."""
        self.start()
        return self

    def start(self) -> None:
        if self.start_mode == "disabled":
            raise ValueError("1058")
        config = effective_config(self.files["serviceconfig"])
        host, port = str(config["Host"]), int(str(config["Port"]))
        free = not any(p == port and a in {host, *EVERYWHERE} for a, p in self.taken)
        self.state, self.bound = "Running", None
        url = f"http://{host}:{port}"
        if self.generation == "v6":
            listens = IpListen(ListenRule.EXACTLY, tuple(self.listen)).covers(host)
            if self.driver_mode != "disabled":
                self.driver_state = "Running"  # http.sys starts on demand
            if free and listens and self.driver_state == "Running":
                self.bound = url
                self.log.append(f"[1/2/2026 3:04:05 AM] :: Service API bound OK to {url}")
            else:
                self.log.append(
                    f"[1/2/2026 3:04:05 AM] :: Service failed to listen on {url}. :: System HTTP Service: Running"
                )
            return
        endpoints = kestrel_endpoints(self.files["appsettings_core"], self.facts().product.environment)
        self.log.append("1/2/2026 3:04:05 AM: ---- Service Startup ----")
        if free:
            asked = endpoint_url(endpoints[0].url) if endpoints else url
            self.bound = asked.replace("//*:", "//[::]:")
            self.log.append(f"1/2/2026 3:04:05 AM: Core service started {self.bound}")
        else:
            self.state = "Stopped"

    def stop(self) -> None:
        self.state, self.bound = "Stopped", None

    def apply(self, change: Change) -> None:  # noqa: C901, PLR0912 - one case a kind
        """What the change does on a host that has nothing against it."""
        act: dict[str, Any] = change_to_json(change)
        match act["kind"]:
            case "driver.start_mode":
                self.driver_mode = act["after"]
            case "driver.start":
                self.driver_state = "Running"
            case "url_reservation.add":
                self.reservations[act["url"]] = descriptor(act["sddl"])
            case "url_reservation.remove":
                del self.reservations[act["url"]]
            case "url_reservation.replace":
                self.reservations[act["url"]] = descriptor(act["after"])
            case "ip_listen.add":
                self.listen.append(act["address"])
            case "ip_listen.remove":
                self.listen.remove(act["address"])
            case "service.start_mode":
                self.start_mode = act["after"]
            case "file.write":
                self.files[act["file"]] = None if act["content"] is None else base64.b64decode(act["content"])
            case "service.recovery":
                self.failure_actions, self.failure_flag = failure_actions(recovery_from_json(act["after"]))
            case "data_directory.acl":
                self.acl = act["after"]
            case "firewall_rule.add":
                self.rules.append(BLOCKING.format(act["port"]))
            case "firewall_rule.remove":
                self.rules = [rule for rule in self.rules if f"|Name={act['name']}|" not in rule]
            case "service.restart":
                self.stop()
                self.start()
            case "service.start":
                self.start()
            case "service.stop":
                self.stop()

    def managed(self) -> object:
        """Everything an undo must bring back; where the service listens follows from it."""
        return (
            self.state,
            self.start_mode,
            self.driver_mode,
            dict(self.files),
            sorted(self.listen),
            dict(self.reservations),
            self.bound,
            recovery_of(self.failure_actions, flag=self.failure_flag),
            self.acl and folder_acl(self.acl).entries,
            sorted(self.rules),
        )

    def facts_json(self) -> dict[str, Any]:
        """Facts as the contract writes them."""
        pid = 2312 if self.state == "Running" else 0
        port = int(self.bound.rpartition(":")[2]) if self.bound else 9696
        host = self.bound.rpartition(":")[0].partition("://")[2] if self.bound else ""
        own = [
            {"address": host.strip("[]"), "port": port, "process_id": pid, "process_name": "Certify.Server.Core.exe"}
        ]
        kernel = [{"address": EVERYWHERE[0], "port": port, "process_id": 4, "process_name": "System"}]
        v6 = self.generation == "v6"
        foreign = [{"address": a, "port": p, "process_id": 4711, "process_name": "squatter.exe"} for a, p in self.taken]
        return {
            "contract": 1,
            "host": {
                "name": "WEB01",
                "os_version": "10.0.20348",
                "powershell": "5.1.20348.1",
                "edition": "Desktop",
                "language_mode": "FullLanguage",
                "administrator": True,
                "culture": "en-US",
                "clock_utc_ms": 1_767_322_800_000,
                "boot_utc_ms": 1_767_000_000_000,
                "pending_reboot": [],
            },
            "product": {
                "services": [self._service_json(pid)],
                "generation": self.generation,
                "version": "6.1.0.0" if v6 else "7.0.1.0",
                "executable": f"{INSTALL}\\{self.service}.exe",
                "install_dir": INSTALL,
                "data_dir": DATA,
                "environment": [
                    {"scope": "machine", "name": name, "value": value} for name, value in self.environment.items()
                ],
            },
            "driver": {"state": self.driver_state, "start_mode": _MODES[self.driver_mode], "exit_code": 0},
            "files": {name: file_json(name, content) for name, content in self.files.items()},
            "ip_listen": {"live": list(self.listen), "registry": list(self.listen), "exit_code": 0},
            "url_reservations": [
                {"url": url, "descriptor": base64.b64encode(data).decode()} for url, data in self.reservations.items()
            ],
            "url_owners": [{"url": f"{self.bound.upper()}/", "process_ids": [pid]}] if v6 and self.bound else [],
            "sockets": [*(kernel if v6 else own), *foreign] if self.bound else foreign,
            "logs": {
                "startup": {"path": f"{DATA}\\logs\\startup", "exists": True, "lines": list(self.log)},
                "unhandled": None,
                "session": None,
            },
            "api": [self._api_json()],
            "data": {"files": [], "copies": []},
            "data_acl": self.acl and {"owner": self.owner, "sddl": self.acl},
            "lock": {"held": False, "holder": None},
            "firewall_rules": [{"name": f"{{{number}}}", "value": rule} for number, rule in enumerate(self.rules)],
            "ssl_bindings": [],
            "open_run": None,
            "records": None,
            "managed": [],
        }

    def _service_json(self, pid: int) -> dict[str, Any]:
        return {
            "name": self.service,
            "display_name": "Certify Certificate Manager Service",
            "state": self.state,
            "start_mode": _MODES[self.start_mode],
            "delayed": self.start_mode == "automatic-delayed",
            "account": self.account,
            "path_name": f'"{INSTALL}\\{self.service}.exe"',
            "exit_code": 0,
            "service_exit_code": 0,
            "process_id": pid,
            "failure_actions": base64.b64encode(self.failure_actions).decode() if self.failure_actions else None,
            "failure_flag": self.failure_flag,
        }

    def _api_json(self) -> dict[str, Any]:
        return {
            "url": self.bound or "http://127.0.0.2:9696",
            "status": 401 if self.bound else None,
            "authenticate": ["Negotiate", "NTLM"] if self.bound else [],
            "body": None,
            "error": None if self.bound else "refused",
            "untrusted": False,
            "summary_status": None,
        }

    def facts(self) -> Facts:
        """The facts of a visit."""
        return facts(self.facts_json())


def file_json(name: str, content: bytes | None, error: str | None = None) -> dict[str, Any]:
    """One of the files of Facts."""
    return {
        "path": PATHS[name],
        "exists": content is not None or error is not None,
        "content": None if content is None else base64.b64encode(content).decode(),
        "sha256": None if content is None else hashlib.sha256(content).hexdigest(),
        "error": error,
    }


def failure_actions(recovery: Recovery) -> tuple[bytes, bool]:
    """The registry's values after sc.exe has set this."""
    reset = 0xFFFFFFFF if recovery.reset_seconds is None else recovery.reset_seconds
    actions = b"".join(struct.pack("<II", one.action, one.delay_ms) for one in recovery.actions)
    header = struct.pack("<5I", reset, 0, 0, len(recovery.actions), 20)
    return header + actions, recovery.on_stop_with_error
