"""Journeys: command lines against a lab on real sockets."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from certify_automation.cli import main
from certify_automation.lab.fleet import Lab, LabOptions, running

SWITCHED_ON = (
    "start_mode",
    "log_level",
    "http_challenge_port",
    "powershell_execution_policy",
    "auto_port_negotiation",
    "http_sys",
    "driver",
    "ip_listen",
)
OFFERED = re.compile(rf"^( *)# ( *(?:{'|'.join(SWITCHED_ON)}):)", re.MULTILINE)


@dataclass(frozen=True)
class Ran:
    """What one command line gave."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        return json.loads(self.out)

    def hosts(self) -> dict[str, str]:
        """Host -> its status, and the id of its error."""
        found = {}
        for host in self.document()["hosts"]:
            error = host["error"]
            found[host["host"]] = f"{host['status']} {error['id']}" if error else host["status"]
        return found


@dataclass
class Journey:
    """A fleet repository beside the inventory of a running lab."""

    folder: Path
    lab: Lab
    history: list[Ran] = field(default_factory=list)

    @property
    def flags(self) -> list[str]:
        return ["-C", str(self.folder / "fleet"), "-i", str(self.folder / "inventory.yaml")]

    def run(self, *arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*arguments, *self.flags])
        self.history.append(Ran(code, out.getvalue(), err.getvalue()))
        return self.history[-1]


def start(folder: Path, options: LabOptions) -> Iterator[Journey]:
    """A journey in the repository that `init` writes, with more of what it offers switched on."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        assert main(["init", str(folder / "fleet")]) == 0
    baseline = folder / "fleet" / "state" / "baseline.yaml"
    text, switched_on = OFFERED.subn(r"\1\2", baseline.read_text("utf-8"))
    assert switched_on == len(SWITCHED_ON)
    baseline.write_text(text, "utf-8")
    with running(options, folder / "inventory.yaml") as lab:
        yield Journey(folder, lab)


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[Journey]:
    """Two hosts without a fault: host001 with version 6, host002 with version 7."""
    yield from start(tmp_path, LabOptions.generated(2))
