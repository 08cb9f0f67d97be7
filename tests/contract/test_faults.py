"""Every fault the lab has for a host's state, in both generations: observed, then met by a plan that moves the port."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from certify_automation.lab.certify import Caller
from certify_automation.lab.hosts import HostSpec, build, mixed_hosts
from certify_automation.lab.state_faults import STATE_FAULTS
from certify_automation.lab.windows import DirectoryFiles, StillClock
from contract.comparing import check_schema, comparable, left_behind
from contract.engine import Engine, Visit
from contract.hosts import NOW, Host, make_plan
from contract.paths import Paths
from contract.simulated import simulated_reply

OPTIONS: dict[str, dict[str, Any]] = {
    "url_taken": {"url": "http://127.0.0.2:9696/"},
    "endpoint_pinned": {"url": "http://127.0.0.5:9700"},
    "service_slow": {"seconds": 20.0},
}
REFUSED = {"not_administrator": "not_administrator", "unsupported_windows": "unsupported_windows"}
ELSEWHERE = {
    "culture": "a computer in another language is built so, see SPECS",
    "constrained_language": "needs an engine of its own, see test_bootstrap",
    "settings_malformed": "the product invents another identity at every read: no two computers end alike",
}
CASES = [(fault, generation) for fault in STATE_FAULTS if fault not in ELSEWHERE for generation in ("v6", "v7")]
SPECS = {spec.name: spec for spec in mixed_hosts()} | {
    "it": HostSpec("it01", "v6", "2025", "it-IT"),
    "fr": HostSpec("fr01", "v7", "2016", "fr-FR"),
}
VISITS: tuple[Literal["Observe"], Literal["Apply"]] = ("Observe", "Apply")


def faulty(fault: str, generation: str, root: Path) -> Host:
    built = build(HostSpec("web01", generation), 0, StillClock(NOW), DirectoryFiles(root))
    built = STATE_FAULTS[fault](built, 0, OPTIONS.get(fault, {}))
    return Host(built.computer, Paths(root), Caller.ANONYMOUS, built.administrator)


def healthy(spec: HostSpec, root: Path) -> Host:
    """Without certificates, which have keys of their own on each of two computers."""
    built = build(replace(spec, certificates=()), 3, StillClock(NOW), DirectoryFiles(root))
    return Host(built.computer, Paths(root), Caller.ADMINISTRATOR, administrator=True)


def moved_port(generation: str, host: Host) -> dict[str, Any]:
    service = {"v6": "Certify.Service", "v7": "Certify.Server.Core"}[generation]
    url = "http://127.0.0.2:9797"
    changes = [
        {"kind": "url_reservation.add", "url": f"{url}/", "sddl": "D:(A;;GX;;;SY)"},
        {"kind": "file.write", "file": "serviceconfig", "text": '{"Port": 9797, "Host": "127.0.0.2"}'},
        {"kind": "file.write", "file": "servers", "text": '[{"DisplayName": "(local)", "Port": 9797}]'},
        {"kind": "service.restart", "service": service},
    ]
    case = {
        "name": f"moved port of {generation}",
        "changes": changes,
        "health": {"url": url, "generation": generation, "service": service, "wait_seconds": 90},
        "port_check": {"host": "127.0.0.2", "port": 9797, "service": service},
        "endpoint": {"port": 9797},
        "ports": [80, 9696, 9698, 9797],
    }
    return make_plan(case, host)


def parameters(visit: str, generation: str, host: Host) -> dict[str, Any]:
    plan = moved_port(generation, host)
    return {"verb": "apply", "plan": plan} if visit == "Apply" else dict(plan["observe"])


@pytest.fixture(scope="module")
def answered(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[Any, tuple[Host, dict[str, Any]]]:
    """The engine's replies: Observe, then Apply, on each host."""
    hosts: dict[Any, tuple[str, Host]] = {}
    for fault, generation in CASES:
        hosts[fault, generation] = (generation, faulty(fault, generation, tmp_path_factory.mktemp("engine")))
    for name, spec in SPECS.items():
        hosts[name] = (spec.generation, healthy(spec, tmp_path_factory.mktemp("engine")))
    asked = [
        ((key, visit), host, Visit(visit, parameters(visit, generation, host), host.commands(), deadline=300))
        for visit in VISITS
        for key, (generation, host) in hosts.items()
    ]
    replies = engine.visits([visit for _, _, visit in asked])
    return {key: (host, reply) for (key, host, _), reply in zip(asked, replies, strict=True)}


def compare(answered: dict[Any, tuple[Host, dict[str, Any]]], key: Any, generation: str, twin: Host) -> None:
    """Both visits on the lab's computer, as the engine made them on its own; what both are left as."""
    for visit in VISITS:
        host, reply = answered[key, visit]
        wanted = simulated_reply(twin, visit, parameters(visit, generation, twin), deadline=300)
        assert comparable(reply) == comparable(wanted)
        if reply["ok"]:
            check_schema({"Observe": "facts", "Apply": "outcome"}[visit], reply["value"])
            check_schema({"Observe": "facts", "Apply": "outcome"}[visit], wanted["value"])
    assert left_behind(host) == left_behind(twin)


@pytest.mark.parametrize(("fault", "generation"), CASES)
def test_the_scripts_and_the_lab_meet_a_fault_alike(answered: Any, fault: str, generation: str, tmp_path: Path) -> None:
    compare(answered, (fault, generation), generation, faulty(fault, generation, tmp_path))
    _, reply = answered[(fault, generation), "Observe"]
    assert reply.get("error", {}).get("code") == REFUSED.get(fault)


@pytest.mark.parametrize("name", SPECS)
def test_the_scripts_and_the_lab_agree_on_healthy_hosts(answered: Any, name: str, tmp_path: Path) -> None:
    spec = SPECS[name]
    compare(answered, name, spec.generation, healthy(spec, tmp_path))
    _, reply = answered[name, "Apply"]
    assert reply["value"]["result"] == ("applied" if spec.generation == "v6" else "rolled_back")


def test_every_fault_is_met_somewhere() -> None:
    assert {fault for fault, _ in CASES} | set(ELSEWHERE) == set(STATE_FAULTS)
