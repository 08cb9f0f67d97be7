"""The guided demo: simulated servers with real faults, and the command lines that put them right.

The steps are command lines, so that what the demo shows is what a user gets; whoever runs them holds each exit code
against the expected one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from certify_automation import bundled
from certify_automation.lab.fleet import MIXED, Lab, LabOptions, running
from certify_automation.model.outcome import ExitCode

HOSTS = len(MIXED)
FLEET = "fleet"
CERTIFICATES = "certificates"
LOCKOUT = "lockout"
CUT_OFF = MIXED[0].name
"""The host that is told to shut itself in."""
BROKEN = MIXED[1].name
"""The host that goes wrong, in ways that have nothing to do with each other, once it is as declared."""
OVERDUE = MIXED[0].name
"""A certificate of it is overdue, and of another one the site still serves the one before."""
IN_FULL = frozenset({"web03.example.com", "web04.example.com", "app04.example.com"})
"""A listen list that leaves the service out, a disabled driver, a malformed file."""
INVENTORY = "lab/inventory.yaml"
PLAN = "fleet.plan.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the demo.

    Attributes:
        title: what it is for, in one sentence.
        command: its name and flags; `-C` and `-i` are added.
        expected: its exit code when everything is as it should be.
        repo: the example repository it is about.
        left_out: hosts of which the demo shows no details, so that the others are seen.
        faults: of the lab, which strike BROKEN before the command is run.
    """

    title: str
    command: tuple[str, ...]
    expected: ExitCode
    repo: str = FLEET
    left_out: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """The command line as a user would type it in the folder that `practice_fleet` made."""
        return [*self.command, "-C", self.repo, "-i", INVENTORY]


STEPS = (
    Step("The files are checked. No server is touched.", ("validate",), ExitCode.DONE),
    Step(
        "Every server is compared with them, and three are shown in full. Nothing is written there.",
        ("plan", "-o", PLAN),
        ExitCode.DRIFT,
        left_out=frozenset(host.name for host in MIXED) - IN_FULL,
    ),
    Step("The plan is carried out, with a health check and, should it fail, an undo.", ("apply", PLAN), ExitCode.DONE),
    Step("A second plan is the proof: it must be empty.", ("plan",), ExitCode.DONE),
    Step(
        "Somebody breaks one server three ways: its listen list, its HTTP driver and servers.json. What is wrong"
        " there, and what proves it?",
        ("doctor", BROKEN),
        ExitCode.DRIFT,
        faults=("listen_list_excludes", "driver_disabled", "connections_disagree"),
    ),
    Step(
        "One command ends it, as safely as `apply` changes something: checked, and undone where it fails.",
        ("remediate", BROKEN, "--yes", "-q"),
        ExitCode.DONE,
    ),
    Step("Nothing is wrong any more.", ("doctor", BROKEN), ExitCode.DONE),
    Step(
        "The certificates of the fleet, the most urgent first, and why each is or is not due.",
        ("certs",),
        ExitCode.DONE,
        CERTIFICATES,
    ),
    Step(
        "What is due on one server is renewed, after counting it against the limits of its certification authority.",
        ("renew", "--yes", "--wait", "--limit", OVERDUE),
        ExitCode.DONE,
        CERTIFICATES,
    ),
    Step(
        "The proof, from outside: the renewed certificate is served. Another site still has its old one.",
        ("verify", "--limit", OVERDUE),
        ExitCode.DRIFT,
        CERTIFICATES,
    ),
    Step(
        "A mistake: this listen list cuts the server off. It waits 5 seconds for a new connection; none comes about,"
        " and so it puts itself back.",
        ("apply", "--allow-lockout", "--confirm-within", "5s", "--yes", "--limit", CUT_OFF),
        ExitCode.ROLLED_BACK,
        LOCKOUT,
    ),
    Step(
        "The server can be reached again, and nothing has changed there.", ("plan", "--limit", CUT_OFF), ExitCode.DONE
    ),
)


@contextmanager
def practice_fleet(folder: Path) -> Iterator[Lab]:
    """The example repositories in `folder`, and the hosts of `fleet` running in the lab until the block ends.

    Several of them have faults: a port taken by another process, a listen list that excludes the service, a disabled
    HTTP driver, files that disagree or are malformed, a stopped service.

    Raises:
        UsageError: CA5061 no listener could be opened, CA5073 the inventory cannot be written.
    """
    examples = bundled.folder("examples")
    for repo, layers in {FLEET: (FLEET,), CERTIFICATES: (FLEET, CERTIFICATES), LOCKOUT: (LOCKOUT,)}.items():
        for layer in layers:
            shutil.copytree(examples / layer, folder / repo, dirs_exist_ok=True)
    with running(LabOptions.mixed(), folder / INVENTORY) as lab:
        yield lab
