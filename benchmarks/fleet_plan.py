"""What `plan` over a fleet costs, beside a bare loop of pywinrm visits. Run: python benchmarks/fleet_plan.py.

The lab runs in a process of its own, and so does every measurement, one after the other by turns:

bare     pywinrm as it comes: the same script, request, answer, threads and hosts, nothing looked at
visits   our sessions: the same, with the reply checked against its schema and decoded
plan     what the command `plan` does with each host: observe, compare, plan, over fleet.pool

Ratios are medians over the rounds; absolute figures of a noisy machine say little.
Writes benchmarks/results/fleet_plan.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import requests
from winrm.protocol import Protocol

from certify_automation import onhost
from certify_automation.desired import DesiredHost, Fleet, connect_secrets, load
from certify_automation.fleet.pool import FleetOptions, RunFinished, run_fleet
from certify_automation.lab import LabOptions, running
from certify_automation.model.outcome import ExitCode
from certify_automation.plan import PlanOptions, observe_request
from certify_automation.reconcile import plan_host
from certify_automation.remote import Credentials, connect
from certify_automation.remote.line import endpoint_url
from certify_automation.remote.observe import observe

RESULTS = Path(__file__).parent / "results" / "fleet_plan.json"
KINDS = ("bare", "visits", "plan")
OVERHEAD = 1.25
GROWTH = 1.2
STATE = """version: 1
name: baseline
applies_to: all
service:
  state: running
  start_mode: automatic-delayed
  config: {host: 127.0.0.2, port: 9696, log_level: debug, http_challenge_port: 80}
connections: [{name: (local), default: true, endpoint: service}]
http_sys:
  driver: {state: running, start_mode: manual}
  ip_listen: reachable
"""


def bare(fleet: Fleet, forks: int) -> None:
    """What anybody would write with pywinrm."""
    script = onhost.script("Observe")

    def visit(host: DesiredHost) -> None:
        connection = connect_secrets(host, {})
        parameters = observe_request(host.state).to_json()
        stdin = onhost.request(script, parameters, nonce="0" * 32, deadline_seconds=60)
        protocol = Protocol(
            endpoint_url(connection),
            "ntlm",
            connection.username,
            connection.password.reveal() if connection.password else None,
            ca_trust_path=connection.ca_file or "legacy_requests",
        )
        shell = protocol.open_shell(codepage=65001, noprofile=True)
        command = protocol.run_command(shell, onhost.command_line(), console_mode_stdin=False)
        protocol.send_command_input(shell, command, stdin, end=True)
        stdout, _, _ = protocol.get_command_output(shell, command)
        protocol.cleanup_command(shell, command)
        protocol.close_shell(shell)
        assert b'"ok":true' in stdout.replace(b" ", b""), stdout[:500]

    with ThreadPoolExecutor(forks) as pool:
        list(pool.map(visit, fleet.hosts.values()))


def visits(fleet: Fleet, forks: int) -> None:
    """Our sessions, without what is done with the facts."""
    credentials = Credentials()

    def visit(host: DesiredHost) -> None:
        observe(connect(connect_secrets(host, {}), credentials=credentials), observe_request(host.state))

    with ThreadPoolExecutor(forks) as pool:
        list(pool.map(visit, fleet.hosts.values()))


def plan(fleet: Fleet, forks: int) -> None:
    """The command, but for what it prints."""
    credentials = Credentials()

    def visit(name: str) -> Any:  # noqa: ANN401 - a HostReport
        host = fleet.hosts[name]
        return plan_host(host, connect(connect_secrets(host, {}), credentials=credentials), PlanOptions(token_hex(16)))

    events = list(run_fleet(list(fleet.hosts), visit, FleetOptions(forks), threading.Event()))
    assert isinstance(events[-1], RunFinished)
    assert events[-1].exit_code in {ExitCode.DONE, ExitCode.DRIFT}, events[-1]


def count_requests() -> Callable[[], int]:
    """Count what any requests session sends from here on."""
    sent = []
    original = requests.adapters.HTTPAdapter.send

    def send(self: requests.adapters.HTTPAdapter, *args: Any, **keywords: Any) -> requests.Response:  # noqa: ANN401
        sent.append(1)
        return original(self, *args, **keywords)

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]
    return lambda: len(sent)


def measure(kind: str, repo: Path, forks: int) -> dict[str, float]:
    """One measurement, in this process."""
    fleet = load(repo, environ={})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sent, cpu, wall = count_requests(), time.process_time(), time.perf_counter()
    {"bare": bare, "visits": visits, "plan": plan}[kind](fleet, forks)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    hosts = len(fleet.hosts)
    return {
        "visits_per_second": hosts / wall,
        "cpu_ms_per_host": cpu / hosts * 1000,
        "wall_ms_per_host": wall / hosts * 1000,
        "requests_per_host": sent() / hosts,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rss_before_mb": before / 1024,
    }


@contextmanager
def lab(hosts: int, scheme: str, repo: Path) -> Iterator[None]:
    """A lab in a process of its own, and a repository for its hosts."""
    (repo / "state").mkdir()
    (repo / "state" / "baseline.yaml").write_text(STATE, "utf-8")
    inventory = repo / "inventory.yaml"
    command = [sys.executable, __file__, "--lab", str(inventory), "--hosts", str(hosts), "--schemes", scheme]
    process = subprocess.Popen(command)  # noqa: S603 - this program
    try:
        while not inventory.exists():
            time.sleep(0.05)
            assert process.poll() is None, "the lab did not start"
        yield
    finally:
        process.terminate()
        process.wait()


def compare(hosts: int, scheme: str, options: argparse.Namespace) -> dict[str, Any]:
    """All kinds by turns against one lab."""
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, lab(hosts, scheme, Path(folder)):
        for number in range(options.rounds + 1):
            for kind in KINDS:
                command = [sys.executable, __file__, "--measure", kind, folder, "--forks", str(options.forks)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - this program
                if number:  # the first round warms the lab up
                    rounds[kind].append(json.loads(done.stdout))
    row: dict[str, Any] = {"hosts": hosts, "scheme": scheme}
    for kind in KINDS:
        row[kind] = {key: round(statistics.median(r[key] for r in rounds[kind]), 2) for key in rounds[kind][0]}
    for kind in KINDS[1:]:
        for key in ("cpu_ms_per_host", "wall_ms_per_host"):
            ratios = [ours[key] / theirs[key] for ours, theirs in zip(rounds[kind], rounds["bare"], strict=True)]
            row[kind][f"{key.split('_')[0]}_ratio_to_bare"] = round(statistics.median(ratios), 3)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[50, 200, 400])
    parser.add_argument("--schemes", nargs="+", default=["https", "http"], choices=["https", "http"])
    parser.add_argument("--forks", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--lab", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "REPO"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.lab:
        with running(replace(LabOptions.generated(options.hosts[0]), scheme=options.schemes[0]), options.lab):
            threading.Event().wait()
    elif options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]), options.forks)))
    else:
        report(options)


def report(options: argparse.Namespace) -> None:
    rows = [compare(hosts, scheme, options) for scheme in options.schemes for hosts in options.hosts]
    print("scheme hosts kind    visits/s  CPU ms/host  requests/host  RSS MB  CPU ratio  wall ratio")
    for row in rows:
        for kind in KINDS:
            m = row[kind]
            ratios = f"{m.get('cpu_ratio_to_bare', 1):10.2f}  {m.get('wall_ratio_to_bare', 1):10.2f}"
            print(
                f"{row['scheme']:6} {row['hosts']:5} {kind:7} {m['visits_per_second']:8.1f}  "
                f"{m['cpu_ms_per_host']:11.2f}  {m['requests_per_host']:13.2f}  {m['peak_rss_mb']:6.1f}  {ratios}"
            )
    targets = judge(rows)
    for name, (value, limit) in targets.items():
        print(f"{name}: {value:.2f} (target {limit}): {'ok' if value <= limit else 'MISSED'}")
    results: Path = options.results
    results.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "forks": options.forks, "rounds": options.rounds}
    document = {
        "machine": machine,
        "rows": rows,
        "targets": {k: {"value": v, "target": t} for k, (v, t) in targets.items()},
    }
    results.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def judge(rows: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """The two promises, from the worst row and over the sizes of each scheme."""
    targets = {"overhead over the bare loop (CPU)": (max(row["plan"]["cpu_ratio_to_bare"] for row in rows), OVERHEAD)}
    for scheme in {row["scheme"] for row in rows}:
        own = sorted((row for row in rows if row["scheme"] == scheme), key=lambda row: row["hosts"])
        growth = own[-1]["plan"]["peak_rss_mb"] / own[0]["plan"]["peak_rss_mb"]
        targets[f"RSS from {own[0]['hosts']} to {own[-1]['hosts']} hosts, {scheme}"] = (round(growth, 3), GROWTH)
    return targets


if __name__ == "__main__":
    main()
