"""How long it takes to load, validate and resolve a large repository, and to plan for every host of it.

Run: python benchmarks/authoring.py [--hosts N].

Writes benchmarks/results/authoring.json. Times are wall clock and CPU of this process, best of the rounds.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from certify_automation.desired import Fleet, load
from certify_automation.lab.faults import MIXTURE, FaultRule, FaultRules
from certify_automation.lab.hosts import build, mixed_hosts
from certify_automation.lab.onhost import Visit, answer
from certify_automation.lab.windows.clock import StillClock
from certify_automation.model.codec import facts_from_json
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.host_report import HostReport
from certify_automation.plan import PlanOptions, make_plan, observe_request
from certify_automation.report import host_lines, plain_text

RESULTS = Path(__file__).parent / "results" / "authoring.json"
GROUPS = 50
DOCUMENTS = 20
TARGET_SECONDS = 3.0
PLAN_TARGET_SECONDS = 10.0


def generate(folder: Path, hosts: int) -> None:
    """A repository of many hosts with addresses, 50 groups with variables, and 20 documents at every level."""
    lines = ["version: 1", "defaults:", "  connection: {username: CORP\\svc, password: '${env:PASSWORD}'}", "groups:"]
    for group in range(GROUPS):
        lines += [f"  site{group:02}:", f"    labels: {{site: s{group}, env: {'prod' if group % 5 else 'test'}}}"]
        lines += [f"    vars: {{api_port: {9700 + group * 10}, hub: 'https://hub{group}.example.com'}}", "    hosts:"]
        for number in range(group, hosts, GROUPS):
            own = f", labels: {{ring: {'canary' if number % 100 < GROUPS else 'early'}}}" if number % 10 == 0 else ""
            own += f", vars: {{rack: r{number % 97}}}" if number % 7 == 0 else ""
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            lines.append(f"      host{number:05}.example.com: {{address: {address}{own}}}")
    (folder / "inventory.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "state").mkdir()
    for index, text in enumerate(_documents(hosts)):
        (folder / "state" / f"{index:02}.yaml").write_text(f"version: 1\nname: document{index}\n{text}", "utf-8")


def _documents(hosts: int) -> list[str]:
    documents = [
        """applies_to: all
service:
  state: running
  start_mode: automatic-delayed
  config: {host: 127.0.0.2, port: "{{ vars.api_port }}", log_level: information, http_challenge_port: 80}
connections: [{name: (local), default: true, endpoint: service}]
http_sys:
  driver: {state: running, start_mode: manual}
  ip_listen: reachable
  url_reservations: [{url: "http://127.0.0.2:{{ vars.api_port }}/", sddl: "D:(A;;GX;;;SY)"}]
""",
        "applies_to: {labels: {env: test}}\nservice: {config: {log_level: debug}}\n",
        "applies_to: {labels: {ring: canary}}\nservice: {config: {powershell_execution_policy: RemoteSigned}}\n",
        "applies_to: {labels: {ring: early}}\nservice: {config: {powershell_execution_policy: AllSigned}}\n",
    ]
    for group in range(8):
        applies_to = f"applies_to: {{groups: [site{group:02}]}}\n"
        documents.append(applies_to + 'service: {config: {management_hub_api: "{{ vars.hub }}/api"}}\n')
    for number in range(DOCUMENTS - len(documents)):
        applies_to = f"applies_to: {{hosts: [host{number * hosts // DOCUMENTS:05}.example.com]}}\n"
        documents.append(applies_to + "service: {config: {prefer_modern_powershell: true}}\n")
    return documents


def measure(work: Callable[[], object], rounds: int) -> dict[str, float]:
    """The best wall clock and CPU seconds of some rounds."""
    wall, cpu = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return {"wall_seconds": round(min(wall), 3), "cpu_seconds": round(min(cpu), 3)}


def authoring(folder: Path, rounds: int) -> tuple[Fleet, dict[str, Any]]:
    """The fleet of a generated repository, and what loading it costs."""
    fleet = load(folder, environ={})
    times = measure(lambda: load(folder, environ={}), rounds)
    states = len({id(host.state) for host in fleet.hosts.values()})
    return fleet, {
        "name": "load, validate, resolve",
        "distinct_states": states,
        "target_seconds": TARGET_SECONDS,
        **times,
    }


def observed() -> list[Facts]:
    """What visits to some of the lab's hosts bring home: both generations, healthy and with the demo's faults."""
    found = []
    for number, spec in enumerate(mixed_hosts()):
        rules = FaultRules(FaultRule(fault) for fault in MIXTURE[number])
        host = rules.apply_state(build(spec, number, StillClock(datetime(2026, 1, 2, tzinfo=UTC))), number)
        request = observe_request(HostState()).to_json()
        reply = answer(Visit(host.computer), "Observe", json.loads(json.dumps(request)))
        found.append(facts_from_json(reply["value"]))
    return found


def planning(fleet: Fleet, rounds: int) -> dict[str, Any]:
    """What a plan for every host costs: compare, plan, and write it as text."""
    facts = observed()
    options = PlanOptions("0" * 32)

    def work() -> int:
        lines = 0
        for number, host in enumerate(fleet.hosts.values()):
            plan = make_plan(host.name, host.state, facts[number % len(facts)], options)
            lines += len("\n".join(map(plain_text, host_lines(HostReport.of_plan(plan)))).splitlines())
        return lines

    return {"name": "plan and render", "lines": work(), "target_seconds": PLAN_TARGET_SECONDS, **measure(work, rounds)}


def show(hosts: int, results: list[dict[str, Any]], file: Path = RESULTS) -> None:
    """The table, and the same as JSON."""
    print(f"{hosts} hosts in {GROUPS} groups, {DOCUMENTS} documents")
    for result in results:
        ratio = result["wall_seconds"] / result["target_seconds"]
        print(
            f"  {result['name']:<28} {result['wall_seconds']:>7.2f} s wall {result['cpu_seconds']:>7.2f} s cpu"
            f"   {ratio:.2f} of the {result['target_seconds']:.0f} s allowed"
        )
    memory = psutil.Process().memory_info().rss // 1024**2
    print(f"  memory {memory} MiB, Python {platform.python_version()}")
    file.parent.mkdir(exist_ok=True)
    content = {"schema_version": 1, "hosts": hosts, "groups": GROUPS, "documents": DOCUMENTS, "rss_mib": memory}
    file.write_text(json.dumps({**content, "results": results}, indent=2) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, options.hosts)
        fleet, result = authoring(folder, options.rounds)
        show(options.hosts, [result, planning(fleet, options.rounds)], options.results)


if __name__ == "__main__":
    main()
