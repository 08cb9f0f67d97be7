"""What `certs` over a fleet costs, beside a bare loop of pywinrm visits.

Run: python benchmarks/fleet_certificates.py.

The lab runs in a process of its own, and so does every measurement, one after the other by turns:

bare     pywinrm as it comes: the same script, request, answer, threads and hosts, nothing looked at
certs    the command with its table in a pipe: the answers checked, every certificate judged, sorted and shown

Figures of CPU are of the controller alone. Ratios are medians over the rounds; absolute figures of a noisy machine say
little. Writes benchmarks/results/fleet_certificates.json.
"""

from __future__ import annotations

import argparse
import io
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
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from winrm.protocol import Protocol

from certify_automation import onhost
from certify_automation.cli import main as command_line
from certify_automation.desired import DesiredHost, connect_secrets, load
from certify_automation.lab import LabOptions, running
from certify_automation.lab.hosts import generated_hosts
from certify_automation.model.renewal_request import ApiQuestion
from certify_automation.plan import observe_request
from certify_automation.remote.line import endpoint_url
from certify_automation.remote.winrm import WinRmSession

RESULTS = Path(__file__).parent / "results" / "fleet_certificates.json"
KINDS = ("bare", "certs")
CPU_MS = 1.0
VISITS = 1.0
STATE = "version: 1\nname: baseline\napplies_to: all\nrenewals: {}\n"


def bare(repo: Path, forks: int) -> int:
    """What anybody would write with pywinrm; how many visits it made."""
    script, hosts = onhost.script("Inventory"), load(repo, environ={}).hosts.values()

    def visit(host: DesiredHost) -> None:
        connection = connect_secrets(host, {})
        question = ApiQuestion(host.connection.api_caller)
        parameters = {"observe": observe_request(host.state).to_json(), "certificates": question.to_json()}
        stdin = onhost.request(script, parameters, nonce="0" * 32, deadline_seconds=120)
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
        return len(list(pool.map(visit, hosts)))


def certs(repo: Path, forks: int) -> int:
    """The command; how many visits it made."""
    visits, text = count_visits(), io.StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        code = command_line(["certs", "-C", str(repo), "--forks", str(forks)])
    assert code == 0, text.getvalue()[-2000:]
    return visits()


def count_visits() -> Callable[[], int]:
    """Count the visits that any session makes from here on."""
    made = []
    original = WinRmSession.run

    def run(self: WinRmSession, *args: Any, **keywords: Any) -> Any:  # noqa: ANN401 - whatever run takes and gives
        made.append(1)
        return original(self, *args, **keywords)

    WinRmSession.run = run  # type: ignore[method-assign]
    return lambda: len(made)


def measure(kind: str, repo: Path, forks: int) -> dict[str, float]:
    """One measurement, in this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    visits = {"bare": bare, "certs": certs}[kind](repo, forks)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "cpu_seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "visits": visits,
        "peak_rss_mb": rss,
    }


@contextmanager
def lab(fleet: str, repo: Path) -> Iterator[None]:
    """A lab in a process of its own, and a repository for its hosts."""
    (repo / "state").mkdir()
    (repo / "state" / "baseline.yaml").write_text(STATE, "utf-8")
    inventory = repo / "inventory.yaml"
    process = subprocess.Popen([sys.executable, __file__, "--lab", str(inventory), "--fleets", fleet])  # noqa: S603 - this program
    try:
        while not inventory.exists():
            time.sleep(0.05)
            assert process.poll() is None, "the lab did not start"
        yield
    finally:
        process.terminate()
        process.wait()


def serve(inventory: Path, fleet: str) -> None:
    """A lab of so many hosts with so many certificates each, until it is ended."""
    hosts, certificates = sizes(fleet)
    with running(LabOptions(generated_hosts(hosts, 0, certificates)), inventory):
        threading.Event().wait()


def sizes(fleet: str) -> tuple[int, int]:
    """Hosts and certificates a host of `200x50`."""
    hosts, certificates = fleet.split("x")
    return int(hosts), int(certificates)


def compare(fleet: str, options: argparse.Namespace) -> dict[str, Any]:
    """Both kinds by turns against one lab."""
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, lab(fleet, Path(folder)):
        for number in range(options.rounds + 1):
            for kind in KINDS:
                command = [sys.executable, __file__, "--measure", kind, folder, "--forks", str(options.forks)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - this program
                if number:  # the first round warms the lab up
                    rounds[kind].append(json.loads(done.stdout))
    hosts, certificates = sizes(fleet)
    row: dict[str, Any] = {"hosts": hosts, "certificates_per_host": certificates}
    for kind in KINDS:
        found = {key: round(statistics.median(one[key] for one in rounds[kind]), 3) for key in rounds[kind][0]}
        found["cpu_ms_per_certificate"] = round(found["cpu_seconds"] / hosts / certificates * 1000, 3)
        row[kind] = {**found, "visits_per_host": found["visits"] / hosts}
    for key in ("cpu_seconds", "wall_seconds"):
        ratios = [ours[key] / theirs[key] for ours, theirs in zip(rounds["certs"], rounds["bare"], strict=True)]
        row["certs"][f"{key.split('_')[0]}_ratio_to_bare"] = round(statistics.median(ratios), 3)
    return row


def report(options: argparse.Namespace) -> None:
    """The table, the promises, and the same as JSON."""
    rows = [compare(fleet, options) for fleet in options.fleets]
    print("hosts  certificates each  kind    CPU ms/certificate  wall s  visits/host  RSS MB  CPU ratio  wall ratio")
    for row in rows:
        for kind in KINDS:
            m = row[kind]
            print(
                f"{row['hosts']:5}  {row['certificates_per_host']:17}  {kind:6}  {m['cpu_ms_per_certificate']:18.3f}  "
                f"{m['wall_seconds']:6.2f}  {m['visits_per_host']:11.2f}  {m['peak_rss_mb']:6.1f}  "
                f"{m.get('cpu_ratio_to_bare', 1):9.2f}  {m.get('wall_ratio_to_bare', 1):10.2f}"
            )
    targets = {
        "CPU ms of the controller for a certificate": (
            max(row["certs"]["cpu_ms_per_certificate"] for row in rows),
            CPU_MS,
        ),
        "visits to a host": (max(row["certs"]["visits_per_host"] for row in rows), VISITS),
    }
    for name, (value, limit) in targets.items():
        print(f"{name}: {value:.2f} (target {limit:g}): {'ok' if value <= limit else 'MISSED'}")
    machine = {"python": platform.python_version(), "forks": options.forks, "rounds": options.rounds}
    document = {
        "machine": machine,
        "rows": rows,
        "targets": {k: {"value": v, "target": t} for k, (v, t) in targets.items()},
    }
    options.results.parent.mkdir(exist_ok=True)
    options.results.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleets", nargs="+", default=["200x50", "1x5000"], help="hosts x certificates of each")
    parser.add_argument("--forks", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--lab", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "REPO"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.lab:
        serve(options.lab, options.fleets[0])
    elif options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]), options.forks)))
    else:
        report(options)


if __name__ == "__main__":
    main()
