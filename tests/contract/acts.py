"""What a case may do to a simulated computer, before a visit or during it: one act a name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certify_automation.lab.authority import Authority
from certify_automation.lab.certify import Setup, install
from certify_automation.lab.certify.framework_service import FrameworkService
from certify_automation.lab.certify.installation import core_settings
from certify_automation.lab.certify.item_rows import database
from certify_automation.lab.certify.product import Product
from certify_automation.lab.windows import Computer, Service, Win32Error, security
from certify_automation.lab.windows.certificates import stored
from certify_automation.lab.windows.computer import SCANNERS
from certify_automation.lab.windows.services import Ending, Idle, Program
from certify_automation.lab.windows.surroundings import DiskSpace, UninstallEntry
from certify_automation.lab.windows.system_log import SystemEvent
from contract.engine import LOCK

DATA = "C:\\ProgramData\\certify"
AUTOMATION = "C:\\ProgramData\\certify-automation"


def _install(computer: Computer, value: dict[str, Any]) -> None:
    install(computer, Setup(**value))
    computer.files.make_folder(f"{DATA}\\logs")
    computer.files.set_security(DATA, "O:S-1-5-18G:S-1-5-18D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")


def _start(computer: Computer, name: str) -> None:
    try:
        computer.services.start(name)
    except Win32Error:
        return
    computer.clock.advance(60)
    computer.services.settle()


def _stop(computer: Computer, name: str) -> None:
    computer.services.stop(name)
    computer.clock.advance(60)
    computer.services.settle()


def _write(computer: Computer, value: dict[str, Any]) -> None:
    content = base64.b64decode(value["base64"]) if "base64" in value else value["text"].encode() * value.get("times", 1)
    folder = value["path"].rpartition("\\")[0]
    computer.files.make_folder(folder)
    computer.files.write(value["path"], content)


def _registry_list(computer: Computer, value: list[str]) -> None:
    computer.http.registry = list(value)


def _listen(computer: Computer, value: str) -> None:
    computer.http.add_listen(value)


def _reserve(computer: Computer, value: dict[str, str]) -> None:
    computer.http.reserve(value["url"], security.to_bytes(value["sddl"]))


def _process(computer: Computer, value: dict[str, Any]) -> None:
    """A program of somebody else: listens on a socket, or registers a URL with http.sys."""
    process_id = computer.services.new_process(value.get("image", "nginx.exe"))
    if "url" in value:
        computer.http.register(value["url"], process_id, ["S-1-5-18"])
    else:
        computer.sockets.listen(value["address"], value["port"], process_id)


def _service(computer: Computer, value: dict[str, Any]) -> None:
    fields = {"display_name": value["name"], **value}
    computer.services.install(Service(**fields), Idle())


def _set_service(computer: Computer, value: dict[str, Any]) -> None:
    service = computer.services.get(value["name"])
    assert service is not None
    for name, setting in value.items():
        setattr(service, name, setting)


def _recovery(computer: Computer, value: dict[str, Any]) -> None:
    """What the registry says of a service's recovery."""
    service = computer.services.get(value["service"])
    assert service is not None
    if "failure_actions" in value:
        service.failure_actions = bytes.fromhex(value["failure_actions"])
    service.failure_flag = value.get("failure_flag", service.failure_flag)


def _firewall_rules(computer: Computer, value: dict[str, Any] | None) -> None:
    """Rules by the names of their registry values, `times` of each, `only` these; null = the key cannot be read."""
    if value is None or computer.firewall.rules is None:
        computer.firewall.rules = None
        return
    if value.get("only"):
        computer.firewall.rules.clear()
    for name, text in value["rules"].items():
        for number in range(value.get("times", 1)):
            computer.firewall.rules[name + (str(number) if number else "")] = text


def _ssl_binding(computer: Computer, value: dict[str, str]) -> None:
    values: dict[str, bytes | str] = {"AppId": bytes(16)}
    if "hash" in value:
        values["SslCertHash"] = bytes.fromhex(value["hash"])
    if "store" in value:
        values["SslCertStoreName"] = value["store"]
    computer.ssl_bindings[value["name"]] = values


def _binding(computer: Computer, value: dict[str, str]) -> None:
    """A record of one of the other two tables: `sni` by host name and port, `ccs` by port."""
    table = {"sni": computer.sni_bindings, "ccs": computer.ccs_bindings}[value["table"]]
    table[value["name"]] = {"SslCertHash": bytes.fromhex(value["hash"])} if "hash" in value else {"AppId": bytes(16)}


@cache
def _issued(name: str, now: datetime) -> tuple[bytes, bytes]:
    """A certificate and its key, the same one for every computer of a case."""
    issued = Authority(now).issue_server(names=[name])
    return x509.load_pem_x509_certificate(issued.certificate_pem).public_bytes(Encoding.DER), issued.key_pem


def _store_certificate(computer: Computer, value: dict[str, Any]) -> None:
    der, key = _issued(value["name"], datetime(2026, 1, 5, tzinfo=UTC))
    computer.certificates.add(value["store"], stored(der, key if value.get("key") else None))


def _items(computer: Computer, value: dict[str, Any]) -> None:
    """The product's items as its database has them, `times` of each; `damaged` is a row that it cannot read."""
    rows = {}
    for row in value["rows"]:
        for number in range(value.get("times", 1)):
            item = {**row, "Id": f"{row['Id']}{number or ''}"}
            rows[item["Id"]] = json.dumps(item)
    if "damaged" in value:
        rows["damaged"] = value["damaged"]
    computer.files.write(f"{DATA}\\manageditems.db", database(rows))


def _listeners(computer: Computer, value: dict[str, int]) -> None:
    """A program with a socket on each of many ports."""
    process_id = computer.services.new_process("many.exe")
    for port in range(value["first"], value["first"] + value["count"]):
        computer.sockets.listen("0.0.0.0", port, process_id)  # noqa: S104 - a simulated socket


def _scanner(computer: Computer, value: dict[str, str]) -> None:
    """A file system filter of a virus scanner, running unless it says otherwise."""
    scanner = Service(
        value["name"],
        value["name"],
        "C:\\Windows\\scan.sys",
        value.get("state", "Running"),
        value.get("start_mode", "Boot"),
        account=None,
        driver=True,
        group=value.get("group", SCANNERS),
    )
    computer.services.install(scanner, Idle(""))


def _system_event(computer: Computer, value: dict[str, Any]) -> None:
    """An entry of the log System, `days_ago`, `times` of it."""
    written = computer.clock.now() - timedelta(days=value.get("days_ago", 0))
    entry = SystemEvent(value["provider"], value["id"], written, tuple(map(str, value["values"])))
    computer.system_log.entries.extend([entry] * value.get("times", 1))


def _session(computer: Computer, value: dict[str, Any]) -> None:
    """A program that runs in a user's session."""
    computer.surroundings.sessions[computer.services.new_process(value["image"])] = value["session"]


def _files(computer: Computer, value: dict[str, Any]) -> None:
    """Many small files."""
    name, extension = value.get("name", "file"), value.get("extension", "txt")
    for number in range(value["count"]):
        computer.files.write(f"{value['folder']}\\{name}{number:03}.{extension}", b"x")


def _variable(computer: Computer, value: dict[str, str]) -> None:
    if "service" in value:
        computer.service_environment.setdefault(value["service"], {})[value["name"]] = value["value"]
    else:
        computer.environment[value["name"]] = value["value"]


def _hold_lock(computer: Computer, value: str) -> None:
    _write(computer, {"path": f"{AUTOMATION}\\lock-holder", "text": value})
    computer.files.set_security(AUTOMATION, "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    computer.files.open_exclusive(LOCK, "other")


def _folder(computer: Computer, value: dict[str, str]) -> None:
    computer.files.make_folder(value["path"])
    if "sddl" in value:
        computer.files.set_security(value["path"], value["sddl"])


def _pin(computer: Computer, value: str | None) -> None:
    computer.files.write("C:\\Program Files\\CertifyTheWeb\\appsettings-core.json", core_settings(value))


def _interrupt_exchange(computer: Computer, path: str) -> None:
    """ReplaceFile ends after its first step: the old file has the backup's name, the new one its own."""
    computer.files.move(path, f"{path}.certify-automation.old")
    raise Win32Error(1177, path)


def _impostor(computer: Computer, path: str) -> None:
    """A program that is not the product's service, and answers and logs at the product's endpoint as v6 does."""
    folder = path.rpartition("\\")[0]
    product = Product(computer, "v6", "6.1.10.0", folder, 1.0)
    computer.files.write(f"{folder}\\{FrameworkService.image}", b"MZ")
    computer.services.install(Service("Impostor", "Impostor", path), FrameworkService(product))
    _start(computer, "Impostor")


@dataclass(slots=True)
class _Busy:
    """A service that the service control manager cannot start for as many times, and then can."""

    inner: Program
    code: int
    times: int

    @property
    def image(self) -> str:
        return self.inner.image

    def begin(self, service: Service, now: datetime) -> float:
        if self.times:
            self.times -= 1
            raise Win32Error(self.code, service.name)
        return self.inner.begin(service, now)

    def ready(self, service: Service, now: datetime) -> Ending:
        return self.inner.ready(service, now)

    def end(self, service: Service, now: datetime) -> None:
        self.inner.end(service, now)


def _busy(computer: Computer, value: dict[str, Any]) -> None:
    service = computer.services.get(value["name"])
    assert service is not None
    inner = computer.services.program(service.name)
    computer.services.install(service, _Busy(inner, value["code"], value["times"]))


ACTS: dict[str, Callable[[Computer, Any], None]] = {
    "install": _install,
    "start": _start,
    "stop": _stop,
    "write": _write,
    "pin": _pin,
    "folder": _folder,
    "open_exclusive": lambda computer, path: computer.files.open_exclusive(path, "other"),
    "interrupt_exchange": _interrupt_exchange,
    "disk_full": lambda computer, full: setattr(computer.files, "disk_full", full),
    "registry_list": _registry_list,
    "listen": _listen,
    "reserve": _reserve,
    "process": _process,
    "service": _service,
    "impostor": _impostor,
    "listeners": _listeners,
    "files": _files,
    "scanner": _scanner,
    "system_event": _system_event,
    "session": _session,
    "disk": lambda computer, value: computer.surroundings.disks.update({value[0]: DiskSpace(*value[1:])}),
    "excluded": lambda computer, ranges: computer.sockets.excluded.extend((first, last) for first, last in ranges),
    "time_source": lambda computer, kind: setattr(computer.surroundings, "time_source", kind),
    "installed": lambda computer, value: computer.surroundings.uninstall.append(UninstallEntry(**value)),
    "file_version": lambda computer, value: computer.file_versions.update({value["path"].lower(): value["version"]}),
    "set_service": _set_service,
    "busy": _busy,
    "variable": _variable,
    "recovery": _recovery,
    "firewall_rules": _firewall_rules,
    "ssl_binding": _ssl_binding,
    "binding": _binding,
    "store_certificate": _store_certificate,
    "items": _items,
    "pending_reboot": lambda computer, names: computer.pending_reboot.extend(names),
    "hold_lock": _hold_lock,
    "event_log": lambda computer, code: setattr(computer.events, "refusal", code),
    "deny": lambda computer, path: computer.files.denied.add(path.casefold()),
    "set_clock": lambda computer, seconds: computer.clock.set(computer.clock.now() + timedelta(seconds=seconds)),
    "copy_file": lambda computer, paths: computer.files.write(paths["to"], computer.files.read(paths["from"])),
    "remove_file": lambda computer, path: computer.files.delete(path),
}
"""Name of an act -> what it does."""
