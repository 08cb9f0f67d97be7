"""Fifty hosts, twenty rounds, everything that can go wrong at once: afterwards they converge, and nothing else changed.

What others change is done to a twin of each host too, which no run ever visits: what is not declared must be the same
on both in the end, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from certify_automation.lab.faults import FaultRules
from certify_automation.lab.fleet import LabHost, LabOptions
from certify_automation.lab.hosts import HostSpec, build, generated_hosts
from certify_automation.lab.machine import Pace
from certify_automation.lab.onhost import Cut, Point, VisitFaults
from certify_automation.lab.windows import Computer, Win32Error, security
from certify_automation.lab.windows.clock import Clock, StillClock
from certify_automation.lab.winrm import WireFault, WireFaultKind, WsmanOperation
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start

HOSTS, ROUNDS, SEED = 50, 20, 7
MOST_ROUNDS_TO_CONVERGE = 3
MINUTES = 300
DATA = "C:\\ProgramData\\certify"
CONFIG, SERVERS, NOTES = f"{DATA}\\serviceconfig.json", f"{DATA}\\servers.json", f"{DATA}\\notes.txt"
FLAGS = ("--json", "--forks", "25", "--max-failures", "100%", "--allow-lockout", "--confirm-within", "60s")
EVERY_SO_MANY = 10
"""Of the hosts, one in so many has its whole listen list declared: each change of it waits for a confirmation."""
DECLARED_CONFIG = {
    "port", "host", "loglevel", "httpchallengeserverport", "powershellexecutionpolicy",
    "enableautoportnegotiation", "servicefaultmsg",
}  # fmt: skip
DECLARED_SERVER = {"displayname", "host", "port", "usehttps", "isdefault", "datelastconnected", "id"}
BAD_LUCK = {ExitCode.DONE, ExitCode.HOSTS_FAILED, ExitCode.ROLLED_BACK, ExitCode.HOSTS_UNREACHABLE, ExitCode.STALE_PLAN,
            ExitCode.LOCK_HELD}  # fmt: skip

Edit = Callable[[Computer, int], None]


class Chaos(FaultRules):
    """Draws for every visit that acts whether and how it fails; the same draws for the same seed, host and visit."""

    def __init__(self) -> None:
        super().__init__()
        self.visits: dict[str, int] = {}
        self.over = False

    def visit(self, name: str) -> VisitFaults:
        number = self.visits[name] = self.visits.get(name, 0) + 1
        draw = Random(f"{SEED} {name} {number}")  # noqa: S311 - the same luck every time
        kind = draw.choices(("", "killed", "power", "full", "edited"), (9, 4, 2, 2, 2))[0]
        if self.over or not kind:
            return VisitFaults()
        if kind == "full":
            return VisitFaults(disk_full_at=draw.randrange(3))
        if kind == "edited":
            return VisitFaults(file_edited_at=draw.randrange(3))
        return VisitFaults(cut=Cut(draw.randrange(28), draw.choice(list(Point)), power=kind == "power"))


def rewritten(computer: Computer, path: str, change: Callable[[Any], None]) -> None:
    document = json.loads(computer.files.read(path).decode("utf-8-sig"))
    change(document)
    computer.files.write(path, json.dumps(document, indent=2).encode())


def log_level(computer: Computer, number: int) -> None:
    rewritten(computer, CONFIG, lambda config: config.update(LogLevel=f"level{number}"))


def other_property(computer: Computer, number: int) -> None:
    rewritten(computer, CONFIG, lambda config: config.update({f"Other{number}": [number, "ü", None]}))


def other_connection(computer: Computer, number: int) -> None:
    one = {"Id": str(number), "DisplayName": f"other {number}", "Host": "10.9.9.9", "Port": number, "IsDefault": False}
    rewritten(computer, SERVERS, lambda servers: servers.append(one))


def port_of_the_connection(computer: Computer, number: int) -> None:
    rewritten(computer, SERVERS, lambda servers: servers[0].update(Port=9000 + number % 90))


def notes(computer: Computer, number: int) -> None:
    computer.files.write(NOTES, f"round {number}\r\n".encode())


def reservation(computer: Computer, number: int) -> None:
    computer.http.reserve(f"http://+:{20000 + number}/other/", security.to_bytes("D:(A;;GX;;;NS)"))


def stop(computer: Computer, number: int) -> None:
    del number
    for service in computer.services.services():
        if service.name.startswith("Certify") and service.state == "Running":
            computer.services.stop(service.name)


def start_mode(computer: Computer, number: int) -> None:
    for service in computer.services.services():
        if service.name.startswith("Certify"):
            computer.services.configure(service.name, ("Manual", "Disabled", "Auto")[number % 3])


def listen_address(computer: Computer, number: int) -> None:
    """One that leaves WinRM its own address, as nobody could take it back over the wire otherwise."""
    for address in (computer.installation.address, f"10.77.0.{1 + number % 200}"):
        if address not in computer.http.live:
            computer.http.add_listen(address)


EDITS: tuple[Edit, ...] = (
    log_level, other_property, other_connection, port_of_the_connection, notes, reservation, stop, start_mode,
    listen_address,
)  # fmt: skip


def twin(spec: HostSpec, number: int, clock: Clock) -> Computer:
    """A host that no run visits; version 7 gets its file here, so that others can write to it."""
    computer = build(spec, number, clock).computer
    if not computer.files.exists(CONFIG):
        computer.files.write(CONFIG, b"{}")
    return computer


def edit(hosts: list[tuple[LabHost, Computer]], number: int, draw: Random) -> None:
    """What others do on some hosts before a round, and to their twins; a host that is switched off has peace."""
    for host, other in draw.sample(hosts, HOSTS // 3):
        act = draw.choice(EDITS)
        if not host.computer.powered:
            continue
        try:
            act(host.computer, number)
        except (Win32Error, ValueError):  # a file that is away, or half of one: what a cut-off run left behind
            continue
        act(other, number)


def wire(journey: Journey, draw: Random) -> None:
    """What befalls messages of one round."""
    faults = journey.lab.wire_faults
    faults.clear()
    for kind, operation in (
        (WireFaultKind.DROP_ANSWER, WsmanOperation.SEND),
        (WireFaultKind.DROP_ANSWER, WsmanOperation.RECEIVE),
        (WireFaultKind.DROP, None),
        (WireFaultKind.SERVICE_UNAVAILABLE, None),
    ):
        names = draw.sample([host.machine.name for host in journey.lab.hosts.values()], 2)
        faults.add(WireFault(kind, tuple(names), at=draw.randrange(1, 7), times=1, operation=operation))


def undeclared(computer: Computer, *, whole_list: bool) -> dict[str, Any]:
    """What no run may change: everything but what is declared, and what the product and its service do themselves."""
    state = computer.dump()
    files = {
        path: content
        for path, content in state["files"].items()
        if "\\certify-automation" not in path
        and "\\logs\\" not in path.lower()
        and "manageditems" not in path
        and path not in {CONFIG, SERVERS}
    }
    config = json.loads(computer.files.read(CONFIG).decode("utf-8-sig"))
    servers = json.loads(computer.files.read(SERVERS).decode("utf-8-sig"))
    listen = {"127.0.0.1", "127.0.0.2"}
    return {
        "files": files,
        "config": {name: value for name, value in config.items() if name.lower() not in DECLARED_CONFIG},
        "others": [one for one in servers if one["DisplayName"] != "(local)"],
        "own": [
            {name: value for name, value in one.items() if name.lower() not in DECLARED_SERVER}
            for one in servers
            if one["DisplayName"] == "(local)"
        ],
        "security": {path: sd for path, sd in state["file_security"].items() if "certify" not in path},
        "listen": None if whole_list else sorted(set(state["listen_live"]) - listen),
        "reservations": state["reservations"],
        "services": [
            {name: value for name, value in row.items() if name != "process_id"}
            for row in state["services"]
            if not row["name"].startswith("Certify")
        ],
        **{name: state[name] for name in ("environment", "service_environment", "tasks", "firewall", "ssl_bindings")},
    }


def not_ok(ran: Ran) -> dict[str, Any]:
    return {host["host"]: host for host in ran.document()["hosts"] if host["status"] != "ok"}


def declare(journey: Journey) -> list[str]:
    """Recovery and rights for every host, the whole listen list for some; the names of these."""
    state = journey.folder / "fleet" / "state"
    (state / "recovery.yaml").write_text(
        "version: 1\nname: recovery\napplies_to: all\n"
        "service: {recovery: {reset_after: 1d, actions: [{action: restart, delay: 60s}]}}\n"
        "security: {data_directory_acl: restricted}\n",
        "utf-8",
    )
    some = list(journey.lab.hosts)[::EVERY_SO_MANY]
    for name in some:
        own = journey.lab.hosts[name].computer.installation.address
        (state / f"list-{name.split('.')[0]}.yaml").write_text(
            f"version: 1\nname: list-{name}\napplies_to: {{hosts: [{name}]}}\n"
            f"http_sys: {{ip_listen: {{exactly: [127.0.0.2, 127.0.0.1, {own}]}}}}\n",
            "utf-8",
        )
    return some


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[tuple[Journey, Chaos]]:
    rules = Chaos()
    options = LabOptions(generated_hosts(HOSTS, SEED), rules, pace=Pace(visits=0.002, tasks=0.05))
    for journey in start(tmp_path, options):
        yield journey, rules


def test_whatever_happened_they_converge_and_nothing_undeclared_has_changed(chaos: tuple[Journey, Chaos]) -> None:
    journey, rules = chaos
    whole = declare(journey)
    rules.over = True
    assert journey.run("apply", "--yes", *FLAGS).code == ExitCode.DONE
    rules.over = False
    draw = Random(SEED)  # noqa: S311 - the same luck every time
    clock = StillClock(datetime(2026, 1, 2, tzinfo=UTC))
    twins = [twin(spec, number, clock) for number, spec in enumerate(generated_hosts(HOSTS, SEED))]
    hosts = list(zip(journey.lab.hosts.values(), twins, strict=True))
    seen: set[str] = set()
    for number in range(ROUNDS):
        edit(hosts, number, draw)
        wire(journey, draw)
        ran = journey.run("apply", "--yes", *FLAGS)
        assert ran.code in BAD_LUCK, ran.err
        assert "CA9" not in ran.out
        seen |= {host["status"] for host in ran.document()["hosts"]}
        for host, _ in hosts:
            host.computer.files.disk_full = False
    assert seen >= {"ok", "changed", "unknown", "rolled_back"}

    rules.over = True
    journey.lab.wire_faults.clear()
    for _ in range(MOST_ROUNDS_TO_CONVERGE):
        for host, _ in hosts:
            host.computer.clock.advance(MINUTES)  # a host that was switched on again starts its services
        journey.run("apply", "--yes", *FLAGS)
    assert not_ok(journey.run("plan", *FLAGS)) == {}
    for (name, host), other in zip(journey.lab.hosts.items(), twins, strict=True):
        found = undeclared(host.computer, whole_list=name in whole)
        assert found == undeclared(other, whole_list=name in whole), name
