"""What `doctor` over a fleet costs, beside `plan` of the same fleet.

Run: python benchmarks/fleet_doctor.py.

The lab runs in a process of its own, and so does every measurement, one after the other by turns:

plan           service, files, listen list and connections are declared; the product's API is asked for its version only
plan-renewals  the same with `renewals`, for which a visit asks for preferences and certificates as well, as doctor does
doctor         every host examined, its findings sorted and shown

Figures of CPU are of the controller alone. Ratios are medians over the rounds; absolute figures of a noisy machine say
little. Writes benchmarks/results/fleet_doctor.json.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from certify_automation.cli import main as command_line
from certify_automation.lab import LabOptions, running
from certify_automation.lab.hosts import generated_hosts
from certify_automation.remote.winrm import WinRmSession

RESULTS = Path(__file__).parent / "results" / "fleet_doctor.json"
KINDS = ("plan", "plan-renewals", "doctor")
CPU_RATIO = 1.1
STATE = """version: 1
name: baseline
applies_to: all
service: {state: running, start_mode: automatic-delayed, config: {host: 127.0.0.2, port: 9696}}
connections: [{name: (local), default: true, endpoint: service}]
http_sys: {ip_listen: reachable}
"""
PLANS = {"plan": STATE, "plan-renewals": f"{STATE}renewals: {{}}\n", "doctor": STATE}
_DONE = {0, 2}


def measure(kind: str, repo: Path, forks: int) -> dict[str, float]:
    """One command over the fleet, in this process."""
    visits, text = count_visits(), io.StringIO()
    cpu, wall = time.process_time(), time.perf_counter()
    with redirect_stdout(text), redirect_stderr(text):
        code = command_line([kind.partition("-")[0], "-C", str(repo), "--forks", str(forks)])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert code in _DONE, text.getvalue()[-2000:]
    return {"cpu_seconds": cpu, "wall_seconds": wall, "visits": visits()}


def count_visits() -> Callable[[], int]:
    """Count the visits that any session makes from here on."""
    made = []
    original = WinRmSession.run

    def run(self: WinRmSession, *args: Any, **keywords: Any) -> Any:  # noqa: ANN401 - whatever run takes and gives
        made.append(1)
        return original(self, *args, **keywords)

    WinRmSession.run = run  # type: ignore[method-assign]
    return lambda: len(made)


@contextmanager
def lab(hosts: int, folder: Path) -> Iterator[None]:
    """A lab in a process of its own, and a repository a kind for its hosts."""
    inventory = folder / "inventory.yaml"
    process = subprocess.Popen([sys.executable, __file__, "--lab", str(inventory), "--hosts", str(hosts)])  # noqa: S603 - this program
    try:
        while not inventory.exists():
            time.sleep(0.05)
            assert process.poll() is None, "the lab did not start"
        for kind, state in PLANS.items():
            shutil.copytree(folder, folder / kind, ignore=shutil.ignore_patterns(*PLANS))
            (folder / kind / "state").mkdir()
            (folder / kind / "state" / "baseline.yaml").write_text(state, "utf-8")
        yield
    finally:
        process.terminate()
        process.wait()


def compare(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """All kinds by turns against one lab."""
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as name, lab(options.hosts, Path(name)):
        for number in range(options.rounds + 1):
            for kind in KINDS:
                repo = str(Path(name) / kind)
                command = [sys.executable, __file__, "--measure", kind, repo, "--forks", str(options.forks)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - this program
                if number:  # the first round warms the lab up
                    rounds[kind].append(json.loads(done.stdout))
    found: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        found[kind] = {key: round(statistics.median(one[key] for one in rounds[kind]), 3) for key in rounds[kind][0]}
        found[kind]["visits_per_host"] = found[kind]["visits"] / options.hosts
    for kind in KINDS[:-1]:
        for key in ("cpu_seconds", "wall_seconds"):
            ratios = [ours[key] / theirs[key] for ours, theirs in zip(rounds["doctor"], rounds[kind], strict=True)]
            found["doctor"][f"{key.split('_')[0]}_ratio_to_{kind}"] = round(statistics.median(ratios), 3)
    return found


def report(options: argparse.Namespace) -> None:
    """The table, the promises, and the same as JSON."""
    rows = compare(options)
    print(f"{options.hosts} hosts\nkind           CPU s  wall s  visits/host")
    for kind, m in rows.items():
        print(f"{kind:13}  {m['cpu_seconds']:5.2f}  {m['wall_seconds']:6.2f}  {m['visits_per_host']:11.2f}")
    doctor = rows["doctor"]
    targets = {f"CPU of doctor over {kind}": (doctor[f"cpu_ratio_to_{kind}"], CPU_RATIO) for kind in KINDS[:-1]}
    targets["visits to a host over plan"] = (doctor["visits_per_host"] / rows["plan"]["visits_per_host"], 1.0)
    for name, (value, limit) in targets.items():
        print(f"{name}: {value:.2f} (target {limit:g}): {'ok' if value <= limit else 'MISSED'}")
    machine = {"python": platform.python_version(), "forks": options.forks, "rounds": options.rounds}
    document = {
        "machine": machine,
        "hosts": options.hosts,
        "rows": rows,
        "targets": {k: {"value": v, "target": t} for k, (v, t) in targets.items()},
    }
    options.results.parent.mkdir(exist_ok=True)
    options.results.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--forks", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--lab", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "REPO"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.lab:
        with running(LabOptions(generated_hosts(options.hosts, 0)), options.lab):
            threading.Event().wait()
    elif options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]), options.forks)))
    else:
        report(options)


if __name__ == "__main__":
    main()
