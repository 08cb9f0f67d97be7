"""Fleets in the states that playbooks are for, and what a run of a playbook did to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from certify_automation import lab
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.outcome import ExitCode

from .conftest import Journey, Ran, start
from .test_run import steps

NOTHING = "version: 1\nname: site\napplies_to: all\n"
OVERDUE = CertificateSpec("a.example.com", state="overdue")
YOUNG = CertificateSpec("z.example.org", authority="zerossl.com")


OPTIONS: Mapping[str, Mapping[str, Any]] = {"endpoint_pinned": {"url": "http://127.0.0.1:9797"}}


def full(name: str) -> str:
    return f"{name}.lab.example"


def begin(folder: Path, hosts: tuple[HostSpec, ...], *faults: FaultRule) -> Iterator[Journey]:
    """A fleet for which nothing is declared."""
    for journey in start(folder, LabOptions(hosts, FaultRules(faults), pace=lab.Pace(tasks=0.02))):
        declare(journey, "")
        yield journey


def sick(folder: Path, causes: Mapping[str, tuple[str, str]], *well: HostSpec) -> Iterator[Journey]:
    """A host a cause, and others that are well."""
    hosts = tuple(HostSpec(full(name), kind) for name, (kind, _) in causes.items())
    faults = (FaultRule(fault, (full(name),), OPTIONS.get(fault, {})) for name, (_, fault) in causes.items())
    yield from begin(folder, (*hosts, *well), *faults)


def declare(journey: Journey, text: str) -> None:
    for file in (journey.folder / "fleet" / "state").iterdir():
        file.unlink()
    (journey.folder / "fleet" / "state" / "site.yaml").write_text(NOTHING + text, "utf-8")


def follow(journey: Journey, *arguments: str) -> Ran:
    return journey.run("run", *arguments, "--yes", "--json")


def changed(done: Ran) -> dict[str, list[str]]:
    """Host -> the names of its steps that changed something; only hosts that were changed."""
    ends = {
        host: [one.removesuffix(" changed") for one in found if one.endswith(" changed")]
        for host, found in steps(done).items()
    }
    return {host: names for host, names in ends.items() if names}


def last(done: Ran, host: str) -> dict[str, Any]:
    """The last step of a host."""
    found: dict[str, Any] = next(one for one in done.document()["hosts"] if one["host"] == host)["steps"][-1]
    return found


def acts_no_more(journey: Journey, *arguments: str) -> None:
    """The same playbook once more finds nothing to do, and does nothing."""
    before = journey.lab.dump()
    again = follow(journey, *arguments)
    assert (again.code, changed(again), journey.lab.dump() == before) == (ExitCode.DONE, {}, True), again.err


def shows_only(journey: Journey, *arguments: str) -> None:
    """A dry run that finds something to do, and does nothing."""
    journey.run("doctor")  # the first question to the API makes the folder in which its tasks are kept
    before = journey.lab.dump()
    shown = journey.run("run", *arguments, "--dry-run", "--json")
    assert (shown.code, bool(changed(shown))) == (ExitCode.DRIFT, True), shown.out
    assert journey.lab.dump() == before
    assert not list((journey.folder / "state").glob("playbooks/*"))


def files(journey: Journey, host: str, name: str) -> Any:
    """The content of the one file of this name on a host."""
    walked = journey.lab.hosts[host].computer.files.walk()
    (content,) = (
        content for path, content in walked.items() if path.casefold().endswith(f"\\{name}") and content is not None
    )
    return json.loads(content.decode("utf-8-sig"))


def finds(journey: Journey, *hosts: str) -> dict[str, list[str]]:
    """Host -> ids of what doctor finds there; hosts with nothing are left out."""
    document = journey.run("doctor", *hosts, "--json").document()
    found = {host["host"]: [one["id"] for one in host["findings"]] for host in document["hosts"]}
    return {host: ids for host, ids in found.items() if ids}


def both_versions(folder: Path) -> Iterator[Journey]:
    """A host of version 6 and one of version 7; both have a certificate that is overdue."""
    hosts = tuple(
        HostSpec(full(name), kind, certificates=(OVERDUE, YOUNG)) for name, kind in (("six", "v6"), ("seven", "v7"))
    )
    taken = FaultRule("port_taken", (full("six"),), {"port": 9800})
    yield from begin(folder, hosts, taken)
