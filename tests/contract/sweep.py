"""A plan cut off at every effect it has: the engine's process is killed there, then the host is visited again."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify_automation import onhost
from certify_automation.lab.windows.power import boot, lose_power, start_delayed
from contract.commands import Commands
from contract.effects import do_half, has_effect, is_divisible
from contract.engine import Engine, Killed, Visit
from contract.hosts import Host, make_host, make_plan

OBSERVE = {"endpoint": {"host": "127.0.0.2", "port": 9696, "https": False}, "ports": [9696], "run": None}
_ENGINES = 2
_DEADLINE = 300


@dataclass(frozen=True, slots=True)
class Cut:
    """Before the effect of this number, or in the middle of it."""

    effect: int
    command: str
    half: bool


@dataclass(frozen=True, slots=True)
class Survivor:
    """A host whose script was killed, and how it was found, recovered and used again."""

    cut: Cut
    host: Host
    seen: dict[str, Any]
    recovered: dict[str, Any]


def plan_of(case: Mapping[str, Any], host: Host, name: str) -> dict[str, Any]:
    """Parameters of Apply, the files as they are now; `name` gives the run its id."""
    return {"verb": "apply", "plan": make_plan({**case, "name": name}, host)}


def visit_of(case: Mapping[str, Any], host: Host, name: str, commands: Commands | None = None) -> Visit:
    """A visit that applies the case."""
    asked = plan_of(case, host, name)
    return Visit(onhost.acting_script(asked).name, asked, commands or host.commands(), _DEADLINE)


def cuts_of(engine: Engine, case: Mapping[str, Any], root: Path) -> tuple[list[Cut], Host, dict[str, Any]]:
    """Where the case can be cut off; the host that it was applied to undisturbed, and its reply."""
    host = make_host(case, root)
    commands = host.commands()
    cuts: list[Cut] = []
    count = 0

    def note(command: str, arguments: Any) -> None:
        nonlocal count
        if not has_effect(command, arguments):
            return
        cuts.append(Cut(count, command, half=False))
        if is_divisible(command):
            cuts.append(Cut(count, command, half=True))
        count += 1

    commands.before = note
    reply = engine.visit(visit_of(case, host, "first", commands))
    return cuts, host, reply


def kill(engine: Engine, case: Mapping[str, Any], cut: Cut, root: Path) -> Host:
    """A host of the case whose script was killed at the cut; with `power`, the computer lost it and has started again.

    Services that start with a delay have not started then, and do so when the host has been recovered.
    """
    host = make_host(case, root)
    commands = host.commands()
    count = 0

    def strike(command: str, arguments: Any) -> None:
        nonlocal count
        if not has_effect(command, arguments):
            return
        if count == cut.effect:
            if cut.half:
                do_half(host.computer, command, arguments)
            raise Killed
        count += 1

    commands.before = strike
    visit = visit_of(case, host, "first", commands)
    finished = engine.bootstrap(visit.request(), commands)
    assert finished.stdout == "", (cut, finished.stdout)
    if case.get("power"):
        lose_power(host.computer)
        boot(host.computer)
        _settle(host)
    return host


def _settle(host: Host) -> None:
    host.computer.clock.advance(60)
    host.computer.services.settle()


def sweep(engine: Engine, case: Mapping[str, Any], cuts: list[Cut], root: Path) -> list[Survivor]:
    """Kill at each cut, look, and recover with a plan that has nothing to do."""
    with ThreadPoolExecutor(_ENGINES) as engines:
        places = [root / str(number) for number in range(len(cuts))]
        hosts = list(engines.map(lambda one: kill(engine, case, *one), zip(cuts, places, strict=True)))
    nothing = {**case, "changes": [], "health": None, "expects": {}, "port_check": None}
    looks = engine.visits([Visit("Observe", OBSERVE, host.commands()) for host in hosts])
    replies = engine.visits([visit_of(nothing, host, "look") for host in hosts])
    if case.get("power"):
        for host in hosts:
            start_delayed(host.computer)
            _settle(host)
    return [
        Survivor(cut, host, look["value"], reply["value"])
        for cut, host, look, reply in zip(cuts, hosts, looks, replies, strict=True)
    ]
