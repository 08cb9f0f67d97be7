"""Commands on simulated servers: lab and demo."""

from __future__ import annotations

import asyncio
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import TypedDict, Unpack

import click
from rich.text import Text

from certify_automation import demo as guide
from certify_automation.cli.console import Console
from certify_automation.cli.excerpt import Excerpt
from certify_automation.cli.options import Call, output_options
from certify_automation.errors import UsageError
from certify_automation.lab import faults as fault_rules
from certify_automation.lab.fleet import MIXED, LabOptions, start
from certify_automation.model.outcome import ExitCode

_MOST_HOSTS = 5000
_MOST_CERTIFICATES = 1000


class _Fleet(TypedDict):
    hosts: int | None
    seed: int
    certificates: int
    faults: str | None


@click.command(short_help="Start simulated servers to practise on.")
@click.option(
    "--hosts",
    type=click.IntRange(1, _MOST_HOSTS),
    metavar="N",
    help="So many generated hosts; default: the twelve of the example fleet.",
)
@click.option("--seed", type=int, default=0, metavar="S", help="Of the generator: the same seed makes the same hosts.")
@click.option(
    "--certificates",
    type=click.IntRange(0, _MOST_CERTIFICATES),
    default=0,
    metavar="N",
    help="So many managed certificates on each generated host, some overdue, failing or paused; default: none.",
)
@click.option("--faults", metavar="FILE|mixed", help="Rules of what is wrong with them; `mixed` is the demo's mixture.")
@click.option(
    "--write-inventory",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the inventory there, with the password and the authority beside it.",
)
@output_options
def lab(call: Call, write_inventory: Path | None, **fleet: Unpack[_Fleet]) -> int:
    """Start simulated servers behind real WinRM listeners on loopback addresses, until Ctrl-C.

    When they answer, one line that starts with `ready` is printed.
    """
    options = _lab_options(fleet)
    with tempfile.TemporaryDirectory(prefix="certify-automation-lab-") as folder:
        inventory = write_inventory or Path(folder) / "inventory.yaml"
        try:
            asyncio.run(_serve(call, options, inventory))
        except KeyboardInterrupt:
            call.console.say("the lab has ended")
    return ExitCode.DONE


def _lab_options(fleet: _Fleet) -> LabOptions:
    faults = fleet["faults"]
    if fleet["hosts"] is not None:
        seed, certificates = fleet["seed"], fleet["certificates"]
        return LabOptions.generated(fleet["hosts"], seed=seed, faults=faults, certificates=certificates)
    if fleet["certificates"]:
        message = "--certificates is of generated hosts: the twelve of the example fleet have theirs"
        raise UsageError("CA5039", message, hint="say how many hosts with --hosts")
    if faults == "mixed":
        return LabOptions.mixed()
    return LabOptions(MIXED, fault_rules.load(Path(faults)) if faults else None)


async def _serve(call: Call, options: LabOptions, inventory: Path) -> None:
    async with start(options, inventory):
        count = len(options.hosts)
        document = {"exit_code": 0, "hosts": count, "inventory": str(inventory)}
        call.console.document(call.command, document)
        call.console.data([f"ready: {count} host{'' if count == 1 else 's'}, inventory {inventory}"])
        await asyncio.Event().wait()


@click.command(short_help="Show the whole path on simulated servers.")
@output_options
def demo(call: Call) -> int:
    """Show the whole path on twelve simulated servers: validate, plan, apply, and a second plan that is empty.

    Then one server is broken, examined and mended, certificates are renewed, and one server that is told to cut itself
    off puts itself back. Exit code 0: every step ended as it should.
    """
    if call.console.as_json:
        raise UsageError("CA5009", "the demo is for people: it has no JSON document")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="certify-automation-demo-") as folder:
        call.console.say(f"starting {guide.HOSTS} simulated Windows servers on loopback addresses")
        with guide.practice_fleet(Path(folder)) as running:
            code = walk(call, guide.STEPS, Path(folder), running.hosts[guide.BROKEN].strike)
    if code != ExitCode.DONE:
        return code
    seconds = time.monotonic() - begun
    done = f"All {guide.HOSTS} servers are as declared: one was mended, and one undid a mistake alone"
    call.console.data(["", f"{done} ({seconds:.0f} s)."])
    return ExitCode.DONE


def walk(call: Call, steps: Sequence[guide.Step], folder: Path, strike: Callable[[Sequence[str]], None]) -> int:
    """Run the steps in a folder of `practice_fleet` up to the first that does not end as it should.

    Args:
        call: the command's.
        steps: in their order.
        folder: where their repositories are.
        strike: is given the faults of a step before it is run.

    Returns:
        0 when all ended as they should, else the exit code of that step, or 1 when that was 0.
    """
    for number, step in enumerate(steps, 1):
        _announce(
            call.console, f"{number}/{len(steps)}  {step.title}", shlex.join(["certify-automation", *step.arguments])
        )
        strike(step.faults)
        with redirect_stdout(Excerpt(sys.stdout, step.left_out)), chdir(folder):
            code = _run(step.arguments, call)
        call.console.data([Text(f"exit code {code}", style="dim")])
        if code != step.expected:
            call.console.error(f"this ended with {code}; it should have ended with {int(step.expected)}")
            return code or ExitCode.INTERNAL_ERROR
    return ExitCode.DONE


def _announce(console: Console, title: str, command: str) -> None:
    console.data(["", Text(title, style="bold"), Text(f"> {command}", style="cyan"), ""])


def _run(arguments: Sequence[str], call: Call) -> int:
    root = click.get_current_context().find_root().command
    flags = [] if call.console.out.color_system else ["--no-color"]
    return int(root.main([*arguments, *flags], standalone_mode=False, windows_expand_args=False) or 0)
